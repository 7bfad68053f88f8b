#include "operator/runtime/election.h"

#include <algorithm>

namespace dohle::runtime {

Election::Action Election::Decide(const std::optional<Seen>& seen, env::MonotonicTime now) {
  if (!seen) {
    Lost();
    version_.clear();
    return Action::kCreate;
  }
  if (seen->version != version_) {
    version_ = seen->version;
    changed_ = now;
  }
  if (seen->holder == identity_) return Action::kRenew;
  Lost();
  if (seen->holder.empty()) return Action::kTake;
  // A holder that promised less than we would is taken at its word, one that promised more too.
  return now - changed_ >= std::max(seen->lease, limits_.renew_deadline) ? Action::kTake : Action::kWait;
}

}  // namespace dohle::runtime
