#include "operator/reconcile/topic/topic_scaling.h"

#include <algorithm>

namespace dohle::reconcile {
namespace {

namespace reason = autoscaling::partition_reason;

bool IsGrowth(const std::string& why) { return why == reason::kBytes || why == reason::kLag; }
bool IsCalm(const std::string& why) { return why == reason::kWithin || why == reason::kNoData; }

}  // namespace

int32_t PartitionsAskedFor(const api::TopicSpec& spec, const std::optional<TopicScaling>& scaling) {
  if (!spec.autoscaling || !scaling) return spec.partitions;
  return std::max(spec.partitions, std::min(scaling->partitions, spec.autoscaling->max_partitions));
}

std::optional<api::AutoscalingStatus> ScalingStatus(const api::TopicSpec& spec,
                                                    const std::optional<api::AutoscalingStatus>& stored,
                                                    const std::optional<TopicScaling>& scaling,
                                                    int64_t now_ms) {
  if (!spec.autoscaling) return std::nullopt;
  // Just after a start nothing is known.
  if (!scaling || scaling->decision.reason == reason::kNoData) return stored;
  const autoscaling::PartitionDecision& decision = scaling->decision;
  if (stored) {
    const bool same = stored->reason == decision.reason && stored->wanted == decision.wanted;
    // After a growth its reason says more than that all is well.
    const bool says_less =
        decision.reason == reason::kWithin && IsGrowth(stored->reason) && stored->wanted == decision.wanted;
    if (same || says_less) return stored;
  }
  api::AutoscalingStatus status;
  status.wanted = decision.wanted;
  status.reason = decision.reason;
  status.message = decision.note;
  status.since_ms = now_ms;
  if (stored) status.scaled_ms = stored->scaled_ms;
  if (IsGrowth(decision.reason)) status.scaled_ms = now_ms;
  return status;
}

bool IsHeldUp(const api::AutoscalingStatus& status) {
  return !IsGrowth(status.reason) && !IsCalm(status.reason);
}

bool SameScaling(const std::optional<api::AutoscalingStatus>& a,
                 const std::optional<api::AutoscalingStatus>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a || (a->wanted == b->wanted && a->reason == b->reason);
}

}  // namespace dohle::reconcile
