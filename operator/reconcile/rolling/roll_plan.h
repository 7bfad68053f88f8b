// What to do next of a roll: who restarts now, who waits and why. Pure, and without memory: what is under way
// is read from what is seen, so an operator that starts anew goes on in the middle.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

struct RollBroker {
  NodeId id = kNoNode;
  bool pod = true;        // there is a Pod of it
  bool ready = false;     // its Pod is, and isn't being deleted
  bool deleting = false;  // its Pod is
  int64_t since_ms = 0;   // since when it is ready, or isn't (wall clock); 0 = unknown
  bool restart = false;   // it runs with something else than is asked for
  bool changing = false;  // something was done to its Pod that isn't seen yet
  std::string trouble;    // a sentence: why it won't become ready by itself; "" = nothing known
};

struct RollLimits {
  int32_t max_unavailable = 1;
  int64_t ready_patience_ms = 600'000;  // a broker that isn't ready after so long has a problem
  int64_t leaders_due_ms = 600'000;     // so long after a restart leaders are brought back
};

struct RollPlan {
  std::vector<NodeId> wave;  // to be restarted now, in this order
  bool serves = false;       // those of the wave serve somebody: each needs a permit (restart_permit.h)
  std::string wave_reason;   // why these
  std::string waits;         // why none of the others may go yet
  // That are to lead again before anything else happens; also after the last wave.
  std::vector<std::pair<std::string, int32_t>> leaders_to_return;
  // It doesn't go on by itself until somebody or something mends this; "" if it does.
  std::string halted;
};

// `brokers` by id, as they shall be; `topology` seen before them, null if nobody tells it. `hold`: why no
// broker that serves may go, whatever the topology says (roll_watch.h); "" if there is nothing.
RollPlan PlanRoll(const std::vector<RollBroker>& brokers, const Topology* topology, const RollLimits& limits,
                  int64_t now_ms, const std::string& hold = "");

// "25%" or "3" of so many brokers: at least one; a percentage is rounded up. Of what is neither: a third.
int32_t MaxUnavailable(const std::string& text, int32_t brokers);

}  // namespace dohle::reconcile
