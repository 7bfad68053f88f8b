// Which image a Cluster's brokers run. Pure.
//
// A Cluster that names none keeps the one that it runs when the operator comes with another: to upgrade the
// operator restarts nobody. Which one that is stands in its status, and is the last that all of its brokers
// ran and were ready with: an image that doesn't work is got rid of by naming none again.
#pragma once

#include <string>
#include <vector>

namespace dohle::reconcile {

struct RunningBroker {
  int32_t id = 0;
  std::string image;    // of its Pod; "" = it has none
  std::string version;  // that its program tells; "" = unknown
  bool ready = false;
};

struct ImageWishes {
  std::string asked;      // spec.image; "" = none
  bool follows = false;   // spec.upgrade.defaultImage: Follow
  std::string proven;     // status.upgrade.image; "" = none yet, or its operator didn't tell
  std::string operators;  // what the operator came with; never ""
};

// That new Pods get; another than theirs restarts brokers.
std::string ImageToRun(const ImageWishes& wishes, const std::vector<RunningBroker>& brokers);

// The one that all of them run, being ready; "" if there is none.
std::string ProvenImage(const std::vector<RunningBroker>& brokers);

}  // namespace dohle::reconcile
