#include "broker/replica/replica_fetchers.h"

#include <algorithm>

namespace dohle::replica {
namespace {

// Spreads a topic's partitions; the same in every run, unlike absl::Hash.
int FetcherIndex(const TopicIdPartition& key, int fetchers) {
  const auto& bytes = key.topic_id.bytes();
  return static_cast<int>((static_cast<uint32_t>(key.partition.value()) + bytes[14] + bytes[3]) %
                          static_cast<uint32_t>(fetchers));
}

}  // namespace

ReplicaFetchers::ReplicaFetchers(FetcherOptions options, env::Env& env, FetcherCounters counters,
                                 ReplicationQuota* quota)
    : commons_{std::move(options), env.transport, std::move(counters), quota}, env_(env) {}

std::shared_ptr<ReplicaFetcher> ReplicaFetchers::FetcherOf(NodeId leader, const TopicIdPartition& key) {
  const int index = FetcherIndex(key, std::max(1, commons_.options.fetchers_per_leader));
  std::shared_ptr<ReplicaFetcher>& fetcher = fetchers_[{leader, index}];
  if (fetcher == nullptr) {
    const size_t loop = static_cast<size_t>(leader.value() + index) % env_.executors.size();
    fetcher = std::make_shared<ReplicaFetcher>(commons_, *env_.executors[loop], leader, index);
    fetcher->Start();
  }
  return fetcher;
}

env::Task<void> ReplicaFetchers::Follow(std::vector<Change> changes) {
  // By what doesn't change from run to run.
  std::map<FetcherId, std::vector<ReplicaFetcher::Change>> by_fetcher;
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (stopped_) co_return;
  for (Change& change : changes) {
    const TopicIdPartition key{change.partition->topic_id(), change.partition->name().partition};
    std::shared_ptr<ReplicaFetcher> to = change.leader == kNoNode ? nullptr : FetcherOf(change.leader, key);
    if (const auto found = placement_.find(key); found != placement_.end() && found->second != to) {
      by_fetcher[found->second->id()].push_back({change.partition, false});
      placement_.erase(found);
    }
    if (to == nullptr) continue;
    placement_[key] = to;
    by_fetcher[to->id()].push_back({std::move(change.partition), true});
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
