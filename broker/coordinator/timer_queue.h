// The deadlines of a shard, in order. Pure: it knows no clock; its driver asks for the next deadline and
// hands over what is due. Putting a deadline off, as every heartbeat does, costs one look-up.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/env/clock.h"

namespace dohle::coordinator {

enum class TimerKind : uint8_t {
  kHeartbeat,         // a member, or one that was told to come back with its id, has been silent
  kInitialRebalance,  // a new group has waited for more members
  kJoin,              // members had their time to rejoin
  kSync,              // members had their time to ask for their assignment
  kExpiry,            // look for expired offsets
};

struct Timer {
  TimerKind kind;
  std::string group;
  std::string member;        // kHeartbeat
  int32_t generation = 0;    // kSync
  int32_t delay_ms = 0;      // kInitialRebalance: how long this wait was
  int32_t remaining_ms = 0;  // kInitialRebalance: how much longer it may be extended
};

using TimerId = uint64_t;
inline constexpr TimerId kNoTimer = 0;

class TimerQueue {
 public:
  TimerId Schedule(env::MonotonicTime deadline, Timer timer);
  // No-ops for a timer that is due, cancelled or kNoTimer.
  void Move(TimerId id, env::MonotonicTime deadline);
  void Cancel(TimerId id);

  // When to look again; it may turn out that nothing is due then. Max(): there is no timer.
  env::MonotonicTime Next() const;
  struct Due {
    TimerId id;
    Timer timer;
  };
  // The next timer that is due, which is then forgotten.
  std::optional<Due> PopDue(env::MonotonicTime now);

  size_t size() const { return timers_.size(); }

 private:
  struct Armed {
    Timer timer;
    env::MonotonicTime deadline;
    env::MonotonicTime slot_at;  // its slot that counts; others of the same id are left-overs
  };
  struct Slot {
    env::MonotonicTime at;
    TimerId id;
    friend bool operator>(const Slot& a, const Slot& b) { return a.at != b.at ? a.at > b.at : a.id > b.id; }
  };

  TimerId last_id_ = kNoTimer;
  absl::flat_hash_map<TimerId, Armed> timers_;
  // Holds each timer at its deadline or an earlier one; a timer that was put off since goes back when popped.
  std::priority_queue<Slot, std::vector<Slot>, std::greater<>> slots_;
};

}  // namespace dohle::coordinator
