// Leader election by a Lease (coordination.k8s.io), as a pure state machine: what was read and when -> what
// to write. leader_election.h drives it.
//
// As in client-go, no clock but the own counts: a lease has expired when it has not been seen to change for
// its duration. Who leads stops acting `renew_deadline` after it *began* its last renewal that succeeded,
// which is before anybody else may take the lease.
#pragma once

#include <optional>
#include <string>

#include "lib/env/clock.h"

namespace dohle::runtime {

// Another leads at most `lease` and two `retry`s after the leader died: 3.6 s with the jitter. A leader whose
// API server doesn't answer for `renew_deadline` pauses, and leads again when it does.
struct ElectionLimits {
  absl::Duration lease = absl::Seconds(3);           // whole seconds; > renew_deadline
  absl::Duration renew_deadline = absl::Seconds(2);  // > renew + retry
  absl::Duration renew = absl::Milliseconds(500);    // how often who leads renews
  absl::Duration retry =
      absl::Milliseconds(250);  // how often others look, and who couldn't renew tries again
};

class Election {
 public:
  Election(std::string identity, ElectionLimits limits) : identity_(std::move(identity)), limits_(limits) {}

  // The lease as read: whose it is and which version it has; nothing if there is none.
  struct Seen {
    std::string holder;  // "" = released
    std::string version;
    absl::Duration lease;  // as its holder promised
  };
  enum class Action { kCreate, kTake, kRenew, kWait };

  // What to do about what was read at `now`.
  Action Decide(const std::optional<Seen>& seen, env::MonotonicTime now);
  // The write decided upon, begun at `began`, has succeeded.
  void Succeeded(env::MonotonicTime began) { renewed_ = began; }
  // Somebody else holds it for sure, or it was released.
  void Lost() { renewed_.reset(); }

  bool Leads(env::MonotonicTime now) const { return renewed_ && now < *renewed_ + limits_.renew_deadline; }
  const std::string& identity() const { return identity_; }
  const ElectionLimits& limits() const { return limits_; }

 private:
  const std::string identity_;
  const ElectionLimits limits_;
  std::optional<env::MonotonicTime> renewed_;
  std::string version_;  // seen last
  env::MonotonicTime changed_;
};

}  // namespace dohle::runtime
