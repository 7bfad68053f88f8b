// How far the growth of a volume is, to its end: the claim asks for more, the storage grows, the file system
// grows. Nothing has to be restarted where the storage driver can do it while the volume is in use; where the
// file system waits for longer than that takes, its broker is restarted once. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "operator/reconcile/volumes/claim.h"

namespace dohle::reconcile {

// A kubelet looks at its volumes every minute or two.
inline constexpr int64_t kFileSystemPatienceMs = 5 * 60'000;

struct ResizeProgress {
  std::string reason;    // what is going on; "" if nothing is
  std::string waits;     // for what, or what stands in its way
  bool failed = false;   // it doesn't go on by itself
  bool remount = false;  // its broker is to be restarted
};

// `mounted_ms`: since when there is the Pod that has it mounted; 0 = there is none, or unknown.
ResizeProgress ProgressOf(const Claim& claim, int64_t mounted_ms, int64_t now_ms);

}  // namespace dohle::reconcile
