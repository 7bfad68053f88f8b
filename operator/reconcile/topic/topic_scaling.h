// What autoscaling asks of one topic, and how its status tells of it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "operator/api/topic.h"
#include "operator/reconcile/autoscaling/partition_decider.h"

namespace dohle::reconcile {

// The decision that was made last, and how many partitions the decisions before come to.
struct TopicScaling {
  int32_t partitions = 0;  // that it shall have at least; 0 = as many as there are
  autoscaling::PartitionDecision decision;
};

// How many partitions a topic shall have: what its spec says, or more if the load asks for them.
int32_t PartitionsAskedFor(const api::TopicSpec& spec, const std::optional<TopicScaling>& scaling);

// `stored` brought up to date; nothing if `spec` has no autoscaling. What led to a growth is told until
// something else holds, figures are those of the time when it became so.
std::optional<api::AutoscalingStatus> ScalingStatus(const api::TopicSpec& spec,
                                                    const std::optional<api::AutoscalingStatus>& stored,
                                                    const std::optional<TopicScaling>& scaling,
                                                    int64_t now_ms);

// More partitions are called for, or would be; something forbids them.
bool IsHeldUp(const api::AutoscalingStatus& status);

bool SameScaling(const std::optional<api::AutoscalingStatus>& a,
                 const std::optional<api::AutoscalingStatus>& b);

}  // namespace dohle::reconcile
