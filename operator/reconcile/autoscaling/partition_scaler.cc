#include "operator/reconcile/autoscaling/partition_scaler.h"

#include <algorithm>
#include <utility>

#include "lib/base/log.h"
#include "lib/http/http_client.h"

namespace dohle::reconcile::autoscaling {
namespace {

constexpr absl::Duration kScrapeTimeout = absl::Seconds(2);
constexpr size_t kMostPageBytes = size_t{32} << 20;
constexpr int64_t kCountBrokersMs = 30'000;
// What was asked for and isn't there by then is decided anew.
constexpr int64_t kAskedForMs = 60'000;

// The groups on a topic of which `lag` knows, without their consumers.
std::vector<GroupLag> GroupsOn(const LagSnapshot& lag, std::string_view topic) {
  std::vector<GroupLag> groups;
  for (const PartitionLag& partition : lag.lags) {
    if (partition.topic != topic) continue;
    if (groups.empty() || groups.back().group != partition.group) {
      groups.emplace_back().group = partition.group;
    }
    groups.back().partitions.push_back(
        {partition.partition, partition.committed, partition.records, partition.seconds});
  }
  return groups;
}

bool IsBehind(const GroupLag& group, double seconds) {
  return std::any_of(group.partitions.begin(), group.partitions.end(),
                     [seconds](const auto& partition) { return partition.seconds > seconds; });
}

int64_t ReplicasOf(const StringMap<ObservedTopic>& topics) {
  int64_t replicas = 0;
  for (const auto& [name, topic] : topics) replicas += int64_t{topic.partitions} * topic.replicas;
  return replicas;
}

int32_t RoomFor(const kafka::client::TopicDescription& topic, int64_t brokers, int64_t replicas) {
  if (brokers == 0 || topic.partitions.empty()) return INT32_MAX;
  const auto each = static_cast<int64_t>(std::max<size_t>(topic.partitions.front().replicas.size(), 1));
  const int64_t more = std::max<int64_t>(brokers * kMostReplicasOfBroker - replicas, 0) / each;
  return static_cast<int32_t>(
      std::min<int64_t>(static_cast<int64_t>(topic.partitions.size()) + more, INT32_MAX));
}

}  // namespace

env::Task<void> PartitionScaler::Run(TopicController* topics, env::StopSignal* stop) {
  while (!stop->stopped()) {
    for (const auto& [key, group] : topics->groups()) {
      std::vector<TopicRef> resources;
      for (const auto& [name, topic] : topics->topics().Under(key)) {
        if (topic->spec.autoscaling && !topic->meta.deleting() && topic->faults.empty())
          resources.push_back(topic);
      }
      const auto known = clusters_.find(key);
      if (known != clusters_.end() && (known->second.busy || known->second.next_ms > NowMs())) continue;
      if (resources.empty()) {
        if (known != clusters_.end()) clusters_.erase(known);
        continue;
      }
      Sight sight{std::move(resources), group->reconciler->admin(), ReplicasOf(group->reconciler->topics())};
      if (sight.admin == nullptr) continue;
      clusters_[key].busy = true;
      // One that doesn't answer holds up no other.
      env::Spawn(parts_.executor, LookAndTell(key, std::move(sight), topics, stop));
    }
    const bool stopped = co_await stop->SleepFor(kPartitionLookInterval);
    if (stopped) break;
  }
}

env::Task<void> PartitionScaler::LookAndTell(std::string key, Sight sight, TopicController* topics,
                                             env::StopSignal* stop) {
  const bool news = co_await Look(key, std::move(sight));
  clusters_[key].busy = false;
  if (news && !stop->stopped()) topics->ScalingChanged(key);
}

env::Task<bool> PartitionScaler::Look(std::string key, Sight sight) {
  const std::shared_ptr<kafka::client::Admin> admin = sight.admin;
  Names names;
  for (const TopicRef& resource : sight.resources)
    names.emplace(resource->KafkaName(), &*resource->spec.autoscaling);
  Cluster& cluster = clusters_[key];
  std::erase_if(cluster.topics, [&](const auto& entry) { return !names.contains(entry.first); });
  const bool rates_known = co_await ReadPages(key, &names);
  std::vector<std::string> asked;
  for (const auto& [name, autoscaling] : names) asked.push_back(name);
  std::vector<StatusOr<kafka::client::TopicDescription>> described = co_await admin->DescribeTopics(asked);
  Topics there;
  for (auto& topic : described) {
    if (topic.ok()) there.push_back(*std::move(topic));
  }
  co_await CountBrokers(&cluster, admin.get());
  co_await FindRecords(&cluster, admin.get(), &there, &names);
  GroupsOfTopics groups = NewLag(key, cluster, there, names);
  co_await CountConsumers(admin.get(), &groups, &names);
  bool news = false;
  for (const auto& topic : there) {
    PartitionObservation seen;
    seen.time_ms = NowMs();
    seen.partitions = static_cast<int32_t>(topic.partitions.size());
    if (rates_known) seen.bytes_in_per_second = cluster.rates.Of(topic.name).in;
    Topic& known = cluster.topics[topic.name];
    seen.has_records = known.has_records;
    seen.room = RoomFor(topic, cluster.brokers, sight.replicas);
    if (const auto found = groups.find(topic.name); found != groups.end()) {
      seen.groups = std::move(found->second);
    }
    news = Decide(known, *names.at(topic.name), seen) || news;
  }
  const double pause_ms = 1000 * cluster.page_bytes / kPageBytesPerSecond;
  cluster.next_ms = NowMs() + static_cast<int64_t>(pause_ms);
  co_return news;
}

// True: every broker has told.
env::Task<bool> PartitionScaler::ReadPages(std::string key, const Names* names) {
  const std::vector<env::Endpoint> pages = parts_.metrics_pages(key);
  std::vector<std::string> brokers;
  bool all_told = !pages.empty();
  Cluster& cluster = clusters_[key];
  cluster.page_bytes = 0;
  for (const env::Endpoint& page : pages) {
    brokers.push_back(ToString(page));
    http::HttpGetOptions options;
    options.timeout = kScrapeTimeout;
    options.max_body_bytes = kMostPageBytes;
    StringMap<TopicBytes> totals;
    TopicBytesReader reader(&totals);
    options.take_body = [&reader, &cluster](std::string_view piece) {
      cluster.page_bytes += static_cast<double>(piece.size());
      reader.Take(piece);
    };
    const StatusOr<http::HttpAnswer> answer =
        co_await http::HttpGet(parts_.env.transport, parts_.executor, page, "/metrics", options);
    if (!answer.ok() || answer->status != 200) {
      all_told = false;
      continue;
    }
    reader.End();
    StringMap<TopicBytes> kept;
    for (const auto& [name, autoscaling] : *names) {
      const auto found = totals.find(name);
      // Counters of topics that were never written to aren't on the page: they begin at nothing.
      kept.emplace(name, found == totals.end() ? TopicBytes() : found->second);
    }
    cluster.rates.Add(brokers.back(), NowMs(), std::move(kept));
  }
  cluster.rates.KeepOnly(brokers);
  co_return all_told;
}

env::Task<void> PartitionScaler::CountBrokers(Cluster* cluster, kafka::client::Admin* admin) {
  if (cluster->brokers_ms && NowMs() - *cluster->brokers_ms < kCountBrokersMs) co_return;
  const StatusOr<kafka::client::ClusterView> view = co_await admin->DescribeCluster();
  if (!view.ok()) co_return;
  cluster->brokers = static_cast<int64_t>(view->brokers.size());
  cluster->brokers_ms = NowMs();
}

// Of topics that mustn't grow once they have had any.
env::Task<void> PartitionScaler::FindRecords(Cluster* cluster, kafka::client::Admin* admin,
                                             const Topics* topics, const Names* names) {
  std::vector<kafka::client::LeaderOfPartition> partitions;
  for (const auto& topic : *topics) {
    const bool asked = names->at(topic.name)->key_order == api::KeyOrder::kStrict;
    if (!asked || cluster->topics[topic.name].has_records) continue;
    for (const auto& partition : topic.partitions) {
      partitions.push_back({topic.name, partition.index, partition.leader});
    }
  }
  if (partitions.empty()) co_return;
  const std::vector<StatusOr<int64_t>> ends = co_await admin->LatestOffsets(partitions);
  for (size_t i = 0; i < ends.size(); ++i) {
    // One that doesn't answer may have had some.
    if (!ends[i].ok() || *ends[i] > 0) cluster->topics[partitions[i].topic].has_records = true;
  }
}

// Empty if lag was looked at no more since.
PartitionScaler::GroupsOfTopics PartitionScaler::NewLag(const std::string& key, Cluster& cluster,
                                                        const Topics& topics, const Names& names) const {
  GroupsOfTopics groups;
  const std::shared_ptr<const LagSnapshot> lag = parts_.lag(key);
  if (lag == nullptr || lag == cluster.lag) return groups;
  cluster.lag = lag;
  for (const auto& topic : topics) {
    if (names.at(topic.name)->target_lag_seconds) groups[topic.name] = GroupsOn(*lag, topic.name);
  }
  return groups;
}

// Of the groups that are behind.
env::Task<void> PartitionScaler::CountConsumers(kafka::client::Admin* admin, GroupsOfTopics* topics,
                                                const Names* names) {
  std::vector<GroupLag*> behind;
  std::vector<std::string> asked;
  for (auto& [topic, groups] : *topics) {
    for (GroupLag& group : groups) {
      if (!IsBehind(group, names->find(topic)->second->target_lag_seconds.value_or(0))) continue;
      behind.push_back(&group);
      asked.push_back(group.group);
    }
  }
  if (asked.empty()) co_return;
  const std::vector<StatusOr<kafka::client::GroupDescription>> described =
      co_await admin->DescribeGroups(asked);
  for (size_t i = 0; i < behind.size(); ++i) {
    if (described[i].ok()) behind[i]->members = described[i]->members;
  }
}

bool PartitionScaler::Decide(Topic& topic, const api::TopicAutoscaling& autoscaling,
                             const PartitionObservation& seen) {
  const PartitionDecision before = std::move(topic.scaling.decision);
  topic.scaling.decision = DecidePartitions(LimitsOf(autoscaling), seen, topic.state);
  const PartitionDecision& now = topic.scaling.decision;
  if (now.grow) {
    topic.scaling.partitions = std::max(topic.scaling.partitions, now.wanted);
    topic.asked_ms = seen.time_ms;
    log::Info("operator", "autoscaling asks for {} partitions in place of {}: {}", now.wanted,
              seen.partitions, now.note);
  } else if (topic.scaling.partitions > seen.partitions && seen.time_ms - topic.asked_ms < kAskedForMs) {
    // It isn't done yet: what asked for it still holds.
    topic.scaling.decision = before;
    return false;
  } else {
    topic.scaling.partitions = 0;
  }
  return now.grow || now.reason != before.reason || now.wanted != before.wanted;
}

std::optional<TopicScaling> PartitionScaler::Of(const std::string& key, const std::string& topic) const {
  const auto cluster = clusters_.find(key);
  if (cluster == clusters_.end()) return std::nullopt;
  const auto found = cluster->second.topics.find(topic);
  if (found == cluster->second.topics.end() || found->second.scaling.decision.reason.empty()) {
    return std::nullopt;
  }
  return found->second.scaling;
}

}  // namespace dohle::reconcile::autoscaling
