// The fetchers of this broker: one for each leader and num.replica.fetchers, made when first needed. One that
// has nothing to fetch keeps no connection and costs nothing.
//
// Follow is called by the metadata publisher, one call after the other; the rest by anybody.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "broker/replica/replica_fetcher.h"
#include "lib/env/env.h"
#include "lib/env/lane.h"

namespace dohle::replica {

// For metrics, as of now (Kafka's ReplicaFetcherManager, FetcherStats and FetcherLagMetrics).
struct FetchersHealth {
  int64_t max_lag = 0;            // MaxLag, in records
  int64_t failed_partitions = 0;  // FailedPartitionsCount
  int64_t dead_fetchers = 0;      // DeadThreadCount: there is nothing here that could die alone
  std::vector<FetcherView> fetchers;
};

class ReplicaFetchers {
 public:
  // The environment outlives the fetchers. `quota` (follower's side) may be null.
  ReplicaFetchers(FetcherOptions options, env::Env& env, FetcherCounters counters = {},
                  ReplicationQuota* quota = nullptr);

  struct Change {
    std::shared_ptr<Partition> partition;
    NodeId leader = kNoNode;  // whom it follows from now on; kNoNode: nobody, it leads itself or is gone
  };
  // The partitions' leadership is set. Doesn't wait for anything to be fetched.
  env::Task<void> Follow(std::vector<Change> changes);
  // Ends when nothing is fetched or appended any more. Nothing may follow.
  env::Task<void> Stop();
  env::Task<FetchersHealth> Health();

 private:
  using FetcherId = std::pair<NodeId, int>;

  std::shared_ptr<ReplicaFetcher> FetcherOf(NodeId leader, const TopicIdPartition& key);
  env::Task<std::vector<std::shared_ptr<ReplicaFetcher>>> All();

  FetcherCommons commons_;
  env::Env& env_;
  env::Lane lane_;  // guards all below
  std::map<FetcherId, std::shared_ptr<ReplicaFetcher>> fetchers_;
  absl::flat_hash_map<TopicIdPartition, std::shared_ptr<ReplicaFetcher>> placement_;
  bool stopped_ = false;
};

}  // namespace dohle::replica
