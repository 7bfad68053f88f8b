#include "operator/reconcile/volumes/volume_size.h"

#include <fmt/core.h>

#include <algorithm>

#include "operator/api/quantity.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

constexpr int64_t kMebibyte = 1 << 20;
// A file system is a bit smaller than its volume; one that is larger isn't on it alone.
constexpr double kOwnFileSystem = 1.05;

std::string Percent(const VolumeUse& use) {
  return fmt::format("{:.0f} %",
                     100.0 * static_cast<double>(use.used_bytes) / static_cast<double>(use.of_bytes));
}

bool Above(const VolumeUse& use, double of_bytes, int32_t percent) {
  return static_cast<double>(use.used_bytes) * 100 >= of_bytes * percent;
}

// As many steps as it takes to be below the threshold again, as some storage can be resized once in hours.
int64_t NextSize(int64_t from, const api::AutoGrow& grow, const VolumeUse& use, int64_t most) {
  const double share = static_cast<double>(use.of_bytes) / static_cast<double>(from);
  auto size = static_cast<double>(from);
  do {
    size += size * grow.step_percent / 100;
  } while (size < static_cast<double>(most) && Above(use, size * share, grow.when_used_percent));
  if (size >= static_cast<double>(most)) return most;
  const int64_t rounded = (static_cast<int64_t>(size) + kMebibyte - 1) / kMebibyte * kMebibyte;
  return std::min(rounded, most);
}

void GrowIfFull(const api::AutoGrow& grow, const Claim& claim, const VolumeUse& use, VolumeSize* size) {
  if (use.used_bytes < 0 || use.of_bytes <= 0 || claim.requested <= 0) return;
  // What was decided last comes first.
  if (claim.grows() || claim.capacity < 0 || size->bytes > claim.requested) return;
  if (!Above(use, static_cast<double>(use.of_bytes), grow.when_used_percent)) return;
  const int64_t most = api::ParseQuantity(grow.max_size).value_or(0);
  const std::string full = fmt::format("it is {} full ({} of {} bytes), more than {} %", Percent(use),
                                       use.used_bytes, use.of_bytes, grow.when_used_percent);
  if (size->bytes >= most) {
    size->limit = fmt::format("{}, and has reached its limit of {}: raise autoGrow.maxSize, or keep less",
                              full, grow.max_size);
    return;
  }
  const int64_t next = NextSize(size->bytes, grow, use, most);
  size->reason = fmt::format("{}: it grows from {} to {}, {} at most", full, api::FormatQuantity(size->bytes),
                             api::FormatQuantity(next), grow.max_size);
  size->bytes = size->grown = next;
}

}  // namespace

VolumeUse UseOf(const LogDirPlace& log_dir, const Claim& claim) {
  if (!log_dir.works) return {};
  const int64_t capacity = claim.capacity >= 0 ? claim.capacity : claim.requested;
  const bool known = log_dir.total_bytes > 0 && log_dir.free_bytes >= 0;
  const bool own =
      known && static_cast<double>(log_dir.total_bytes) <= static_cast<double>(capacity) * kOwnFileSystem;
  if (own) return {log_dir.total_bytes - log_dir.free_bytes, log_dir.total_bytes};
  return {log_dir.bytes, capacity};
}

const LogDirPlace* FindLogDir(const BrokerPlace& broker, const std::string& volume,
                              const std::string& claim) {
  // In Kubernetes it is mounted as kDataMountPath/VOLUME; without it is where the claim's directory is.
  const std::string ends[] = {fmt::format("{}/{}/log", resources::kDataMountPath, volume),
                              fmt::format("/{}/log", claim)};
  for (const LogDirPlace& dir : broker.log_dirs) {
    if (dir.path == ends[0] || dir.path.ends_with(ends[1])) return &dir;
  }
  return nullptr;
}

int64_t NewSize(const api::StorageVolume& volume, const std::optional<api::AutoGrow>& grow, int64_t grown) {
  const int64_t most = grow ? api::ParseQuantity(grow->max_size).value_or(INT64_MAX) : INT64_MAX;
  return std::max(api::ParseQuantity(volume.size).value_or(0), std::min(grown, most));
}

VolumeSize SizeOf(const api::StorageVolume& volume, const std::optional<api::AutoGrow>& grow,
                  const Claim& claim, const VolumeUse& use) {
  VolumeSize size;
  size.asked = api::ParseQuantity(volume.size).value_or(0);
  size.grown = claim.grown;
  const int64_t most = grow ? api::ParseQuantity(grow->max_size).value_or(INT64_MAX) : INT64_MAX;
  const int64_t wanted = NewSize(volume, grow, claim.grown);
  size.bytes = std::max(wanted, claim.requested);
  if (claim.requested > wanted) {
    // Asked for less than before, of the spec or of the limit; else it was somebody else.
    const bool limited = claim.grown > most;
    size.shrinks = claim.asked > size.asked || limited;
    if (size.shrinks) {
      size.asked = claim.asked;
      return size;
    }
  }
  if (wanted > claim.requested) {
    size.reason = fmt::format("it grows from {} to {}, as is asked", api::FormatQuantity(claim.requested),
                              api::FormatQuantity(wanted));
  }
  if (grow) GrowIfFull(*grow, claim, use, &size);
  return size;
}

}  // namespace dohle::reconcile
