// How fast replicas may be copied (KIP-73), so that clients don't notice: a rate that holds for all brokers,
// and the topics that it is for, as long as they are being copied. Pure.
//
// The rates are the brokers' dynamic defaults, so that one of them that is away leaves nothing behind; who
// set them is known from what the operator remembers of those (cluster/live_config_plan.h). Of a topic all
// replicas are throttled (`*`): lists of replicas are those of others, and left alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "operator/reconcile/kafka/kafka_action.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

struct ThrottleGoals {
  int64_t bytes_per_second = 0;              // asked for, for each broker; 0: what is to spare
  int64_t broker_bytes_per_second = 0;       // what a broker's network takes, each way; 0: no throttle
  int64_t least_bytes_per_second = 1 << 20;  // so that it ends some day
};

// Bytes a second for each broker, in and out; 0: no throttle. What is to spare: four fifths of what the
// network has beside the load of the busiest broker (rates that the topology doesn't tell are none), in two
// digits so that it changes seldom.
int64_t ThrottleRate(const Topology& topology, const ThrottleGoals& goals);

// The dynamic defaults of brokers for a rate; none for 0.
std::map<std::string, std::string> ThrottleConfigs(int64_t bytes_per_second);
// The rate of such defaults; 0: none is set. What isn't a number is some rate of others.
int64_t ThrottleOf(const std::map<std::string, std::string>& configs);

// Whether replicas are being copied to brokers that didn't have them, whoever asked for it.
bool Copies(const Topology& topology);

// Which topics are to be throttled, and which no longer: those that are being copied if `wanted`. Nothing as
// long as it isn't known what is set (Topology::throttled_topics).
AlterConfigs ThrottleTopics(const Topology& topology, bool wanted);

}  // namespace dohle::reconcile
