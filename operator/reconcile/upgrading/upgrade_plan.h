// How a Cluster comes to another version: its brokers are restarted with it (rolling/), run it for a while,
// and then its feature levels (KIP-584) are raised to what that version has for new clusters. Until then
// brokers can go back to the version before, after that only as far as a version serves the levels that are
// in force. Pure, and without memory of its own: what has to be remembered stands in status.upgrade.
//
// Levels are raised once for each version: who lowers one by hand afterwards isn't contradicted.
//
// What a version serves is known of those that ran: each image that all brokers ran is recorded with the
// levels that its brokers told. Of an image that never ran nothing is known before its first broker starts;
// one that serves too little doesn't start then, and the roll halts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/cluster.h"
#include "operator/reconcile/kafka/features.h"
#include "operator/reconcile/upgrading/broker_image.h"

namespace dohle::reconcile {

struct UpgradeSight {
  int64_t now_ms = 0;  // wall clock
  std::vector<RunningBroker> brokers;
  bool restarting = false;     // brokers are to be restarted
  int64_t well_since_ms = -1;  // since when nothing is wrong with the Cluster; -1 = something is
  Features features;           // empty = unknown
  api::Upgrade spec;
  std::string approved;  // the id of a plan
};

inline constexpr const char* kMetadataVersion = "metadata.version";

using FeatureLevels = std::map<std::string, int16_t>;

struct UpgradePlan {
  api::UpgradeStatus status;
  FeatureLevels raise;     // to these, by name; empty: there is nothing to raise
  std::string reason;      // a sentence with the figures
  std::string blocked_by;  // a sentence; "" = now
};

// `before`: status.upgrade as it is.
UpgradePlan PlanUpgrade(const UpgradeSight& sight, const api::UpgradeStatus& before);

// What brokers of the version that told `features` have in new clusters, as far as it is known here.
FeatureLevels LevelsOfNewClusters(const Features& features);

// Why brokers can't run that image: a sentence with what to do; "" = nothing is known against it.
std::string WhyNotImage(const std::string& image, const api::UpgradeStatus& status);

}  // namespace dohle::reconcile
