// What a broker's Pod looks like to the operator. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/ids.h"
#include "operator/reconcile/cluster/owned_object.h"

namespace dohle::reconcile {

struct PodState {
  NodeId broker = kNoNode;  // by its label
  std::string name, uid, node, pod_ip, host_ip;
  std::string image;  // of the broker's container, as asked for
  std::string phase;  // of the Pod: Pending, Running, Succeeded, Failed, Unknown
  bool ready = false;
  bool started = false;  // its container has been ready since it began
  bool deleting = false;
  int64_t deletion_time_ms = 0;  // while deleting: by when it shall be gone
  int64_t ready_since_ms = 0;    // since when it is ready, or isn't; 0 = unknown
  int64_t restarts = 0;
  bool crash_looping = false;       // its container ended, and waits for its next start
  int64_t exit_code = 0;            // with which it ended last
  bool no_node_for_volume = false;  // no Node takes it that its volumes can be had on
  // Why it won't become ready by itself: a reason in CamelCase and a sentence with what to do; both "" if
  // nothing is known to be wrong.
  std::string trouble, trouble_message;
};

// Never fails: what isn't there is empty.
PodState ReadPodState(const OwnedObject& pod);

}  // namespace dohle::reconcile
