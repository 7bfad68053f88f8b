#include "operator/reconcile/volumes/resize.h"

#include <fmt/core.h>

#include "operator/api/quantity.h"

namespace dohle::reconcile {
namespace {

void WaitForFileSystem(const Claim& claim, int64_t mounted_ms, int64_t now_ms, ResizeProgress* progress) {
  progress->waits = "the storage has grown, and its file system grows next";
  const bool patient = now_ms - claim.resize_since_ms < kFileSystemPatienceMs;
  if (claim.resize_since_ms == 0 || mounted_ms == 0 || patient) return;
  if (mounted_ms < claim.resize_since_ms) {
    progress->remount = true;
    progress->waits = "its file system grows only when it is mounted anew: its broker is to be restarted";
  } else if (now_ms - mounted_ms >= kFileSystemPatienceMs) {
    progress->failed = true;
    progress->waits =
        "its file system hasn't grown, though it was mounted anew: see the events of the claim and the log "
        "of its storage driver";
  }
}

}  // namespace

ResizeProgress ProgressOf(const Claim& claim, int64_t mounted_ms, int64_t now_ms) {
  ResizeProgress progress;
  if (!claim.grows()) {
    if (claim.modify_trouble.empty()) return progress;
    progress.reason = "its VolumeAttributesClass was changed";
    progress.waits = fmt::format("the storage refuses it: {}", claim.modify_trouble);
    progress.failed = true;
    return progress;
  }
  progress.reason = fmt::format("it grows from {} to {}", api::FormatQuantity(claim.capacity),
                                api::FormatQuantity(claim.requested));
  switch (claim.resize) {
    case Claim::Resize::kNone:
      progress.waits = "its storage driver hasn't begun";
      break;
    case Claim::Resize::kUnderWay:
      progress.waits = "the storage is growing";
      break;
    case Claim::Resize::kFileSystem:
      WaitForFileSystem(claim, mounted_ms, now_ms, &progress);
      break;
    case Claim::Resize::kFailed:
      progress.failed = true;
      progress.waits =
          fmt::format("the storage can't grow: {}",
                      claim.resize_message.empty() ? "see the claim's events" : claim.resize_message);
      break;
  }
  return progress;
}

}  // namespace dohle::reconcile
