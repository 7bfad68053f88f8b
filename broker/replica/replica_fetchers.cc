#include "broker/replica/replica_fetchers.h"

#include <algorithm>
#include <optional>

namespace dohle::replica {

ReplicaFetchers::ReplicaFetchers(FetcherOptions options, env::Env& env, FetcherCounters counters,
                                 ReplicationQuota* quota)
    : commons_{std::move(options), env.transport, std::move(counters), quota}, env_(env) {}

ReplicaFetchers::FetcherId ReplicaFetchers::FetcherOf(NodeId leader, const TopicIdPartition& key) {
  const int fetchers = std::max(1, commons_.options.fetchers_per_leader);
  // As Kafka's: the partitions of a topic are dealt out in turn.
  const int64_t hash = 31 * int64_t{key.topic_id.bytes()[15]} + key.partition.value();
  const FetcherId id{leader, static_cast<int>(hash % fetchers)};
  std::shared_ptr<ReplicaFetcher>& fetcher = fetchers_[id];
  if (fetcher == nullptr) {
    const size_t loop = static_cast<size_t>(leader.value() + id.second) % env_.executors.size();
    fetcher = std::make_shared<ReplicaFetcher>(commons_, *env_.executors[loop], leader, id.second);
    fetcher->Start();
  }
  return id;
}

env::Task<void> ReplicaFetchers::Follow(std::vector<Change> changes) {
  std::map<FetcherId, std::vector<ReplicaFetcher::Change>> by_fetcher;
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (stopped_) co_return;
  for (Change& change : changes) {
    const TopicIdPartition key{change.partition->topic_id(), change.partition->name().partition};
    std::optional<FetcherId> to;
    if (change.leader != kNoNode) to = FetcherOf(change.leader, key);
    if (const auto found = placement_.find(key); found != placement_.end() && found->second != to) {
      by_fetcher[found->second].push_back({change.partition, false});
      placement_.erase(found);
    }
    if (!to) continue;
    placement_[key] = *to;
    by_fetcher[*to].push_back({std::move(change.partition), true});
  }
  for (auto& [id, its] : by_fetcher) fetchers_.at(id)->Take(std::move(its));
}

env::Task<std::vector<std::shared_ptr<ReplicaFetcher>>> ReplicaFetchers::All() {
  std::vector<std::shared_ptr<ReplicaFetcher>> all;
  env::LaneGuard in_lane = co_await lane_.Enter();
  for (const auto& [id, fetcher] : fetchers_) all.push_back(fetcher);
  co_return all;
}

env::Task<void> ReplicaFetchers::Stop() {
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    stopped_ = true;
  }
  const std::vector<std::shared_ptr<ReplicaFetcher>> all = co_await All();
  for (const auto& fetcher : all) co_await fetcher->Stop();
}

env::Task<FetchersHealth> ReplicaFetchers::Health() {
  FetchersHealth health;
  const std::vector<std::shared_ptr<ReplicaFetcher>> all = co_await All();
  for (const auto& fetcher : all) {
    FetcherView view = co_await fetcher->View();
    health.max_lag = std::max(health.max_lag, view.max_lag);
    health.failed_partitions += static_cast<int64_t>(view.failed_partitions);
    health.fetchers.push_back(std::move(view));
  }
  co_return health;
}

}  // namespace dohle::replica
