// How fast replicas may be copied (KIP-73): with what the brokers' networks have to spare, so that clients
// don't notice. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "operator/reconcile/kafka/kafka_action.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

struct ThrottleGoals {
  int64_t bytes_per_second = 0;              // asked for, for each broker; 0: what is to spare
  int64_t broker_bytes_per_second = 0;       // what a broker's network takes, each way; 0: unknown
  int64_t least_bytes_per_second = 1 << 20;  // so that it ends some day
};

// Configuration of brokers and topics by kind, name and key.
using ThrottleConfig = std::map<std::tuple<AlterConfigs::Kind, std::string, std::string>, std::string>;

// What shall be set while partitions are copied: the rates of the brokers that send and get them, rounded to
// two digits so that they change seldom; of their topics, which replicas it holds for: all (`*`), as
// followers that only catch up would take bandwidth just as well. Empty if nothing is copied, or nothing is
// known of the bandwidth.
ThrottleConfig WantedThrottle(const Topology& topology, const ThrottleGoals& goals);

// From what is set to what shall be. Of `set`, other keys than those of a throttle are left alone.
AlterConfigs ThrottleChanges(const ThrottleConfig& set, const ThrottleConfig& wanted);

}  // namespace dohle::reconcile
