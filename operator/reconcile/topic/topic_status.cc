// When a status is news.
#include <algorithm>
#include <cmath>

#include "operator/reconcile/topic/topic_plan.h"

namespace dohle::reconcile {
namespace {

bool BeyondATenth(double a, double b) {
  return std::abs(a - b) > 0.1 * std::max(std::abs(a), std::abs(b)) && std::abs(a - b) > 1;
}

}  // namespace

bool SameStatus(const api::TopicStatus& a, const api::TopicStatus& b) {
  const auto same_condition = [](const api::Condition& x, const api::Condition& y) {
    return x.type == y.type && x.status == y.status && x.reason == y.reason && x.message == y.message &&
           x.observed_generation == y.observed_generation;
  };
  if (a.observed_generation != b.observed_generation || a.topic_name != b.topic_name ||
      a.topic_id != b.topic_id || a.partitions != b.partitions || a.replicas != b.replicas ||
      !std::equal(a.conditions.begin(), a.conditions.end(), b.conditions.begin(), b.conditions.end(),
                  same_condition)) {
    return false;
  }
  if (BeyondATenth(static_cast<double>(a.bytes), static_cast<double>(b.bytes)) ||
      BeyondATenth(a.bytes_in_per_second, b.bytes_in_per_second) ||
      BeyondATenth(a.bytes_out_per_second, b.bytes_out_per_second) ||
      BeyondATenth(a.records_in_per_second, b.records_in_per_second)) {
    return false;
  }
  if (!SameScaling(a.autoscaling, b.autoscaling)) return false;
  if (a.largest_lag.has_value() != b.largest_lag.has_value()) return false;
  return !a.largest_lag || (a.largest_lag->group == b.largest_lag->group &&
                            !BeyondATenth(static_cast<double>(a.largest_lag->records),
                                          static_cast<double>(b.largest_lag->records)) &&
                            !BeyondATenth(a.largest_lag->seconds, b.largest_lag->seconds));
}

}  // namespace dohle::reconcile
