// KafkaControl over Kafka's protocol. One executor.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/base/string_map.h"
#include "lib/env/clock.h"
#include "lib/kafka/client/admin.h"
#include "lib/kafka/client/cluster_admin.h"
#include "operator/reconcile/kafka/kafka_clients.h"
#include "operator/reconcile/kafka/kafka_control.h"

namespace dohle::reconcile {

// How old what is known of a topic's min.insync.replicas may be: to ask is dear with many topics, and what a
// planner believes of it is checked by the cluster before anything is lost.
inline constexpr absl::Duration kTopicConfigAge = absl::Seconds(30);

class KafkaAdminControl : public KafkaControl {
 public:
  // Both outlive it.
  KafkaAdminControl(KafkaClients& clusters, const env::Clock& clock) : clusters_(clusters), clock_(clock) {}
  env::Task<StatusOr<Topology>> Observe(std::string bootstrap) override;
  env::Task<Status> Take(std::string bootstrap, KafkaAction action) override;
  env::Task<Features> DescribeFeatures(std::string bootstrap) override;
  env::Task<CanarySong> Sing(std::string bootstrap, int32_t brokers) override;

 private:
  struct TopicConfigs {
    env::MonotonicTime asked;
    StringMap<int32_t> min_in_sync_replicas;
  };
  // Fills in what holds for each topic; asks only if what is known is too old or lacks a topic.
  env::Task<void> AddTopicConfigs(kafka::client::ClusterAdmin& admin, Topology* topology);

  // Nothing if one of the answers is missing.
  static env::Task<void> AddThrottledTopics(kafka::client::ClusterAdmin& admin, Topology* topology);

  KafkaClients& clusters_;
  const env::Clock& clock_;
  std::map<std::string, TopicConfigs> configs_;  // by cluster id
};

// Pure: the answers as one. What `reassignments` or `dirs` name and `topics` don't is left out.
Topology TopologyOf(const kafka::client::ClusterDescription& cluster,
                    const std::vector<kafka::client::TopicDescription>& topics,
                    const std::vector<kafka::client::OngoingReassignment>& reassignments,
                    const kafka::client::QuorumDescription& quorum, const kafka::client::LogDirs& dirs);

// Whether brokers have a throttle by default, so that topics may be throttled.
bool HasThrottle(const Topology& topology);

// Whether planners look at what holds for topics: where there is a single broker nobody chooses who may go.
bool WantsTopicConfigs(const Topology& topology);

}  // namespace dohle::reconcile
