// The operator's hand on a Kafka cluster: sees it whole, and does what a planner asks. kafka_admin_control.h
// does it over the protocol; tests have their own. One executor.
#pragma once

#include <string>

#include "lib/base/status.h"
#include "lib/env/task.h"
#include "operator/reconcile/kafka/canary.h"
#include "operator/reconcile/kafka/features.h"
#include "operator/reconcile/kafka/kafka_action.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

class KafkaControl {
 public:
  virtual ~KafkaControl() = default;
  // `bootstrap`: "host:port,...". kUnavailable, kDeadlineExceeded: nobody answers there. Sizes and rates that
  // nobody tells are unknown, and no failure.
  virtual env::Task<StatusOr<Topology>> Observe(std::string bootstrap) = 0;
  // Fails with what the cluster says; what had been done before is not taken back.
  virtual env::Task<Status> Take(std::string bootstrap, KafkaAction action) = 0;
  // Empty: nobody tells them.
  virtual env::Task<Features> DescribeFeatures(std::string /*bootstrap*/) { co_return Features{}; }
  // One song of the canary (canary.h): whether records go through, and how fast. Without one all is well.
  virtual env::Task<CanarySong> Sing(std::string /*bootstrap*/, int32_t /*brokers*/) {
    co_return CanarySong{};
  }
};

}  // namespace dohle::reconcile
