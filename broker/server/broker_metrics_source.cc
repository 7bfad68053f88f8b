#include "broker/server/broker_metrics_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "broker/coordinator/group_coordinator.h"
#include "broker/metadata/metadata_log.h"
#include "broker/replica/partition_registry.h"
#include "broker/replica/replica_set.h"
#include "broker/server/config/broker_config.h"
#include "broker/server/fetch_session.h"
#include "broker/server/kafka_server.h"
#include "broker/server/limits.h"
#include "broker/server/live_config.h"
#include "broker/server/services.h"
#include "lib/env/env.h"

namespace dohle::server {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr int32_t kRunning = 3;  // BrokerState of Kafka

// Those of `rows` that a slice is.
template <typename Row>
std::vector<Row> Slice(const std::vector<Row>& rows, size_t from, size_t max) {
  const size_t begin = std::min(from, rows.size());
  const size_t end = std::min(begin + max, rows.size());
  return {rows.begin() + static_cast<ptrdiff_t>(begin), rows.begin() + static_cast<ptrdiff_t>(end)};
}

ControllerSample CountCluster(const metadata::MetadataImage& image) {
  ControllerSample sample;
  for (const auto& [id, broker] : image.cluster.brokers) {
    sample.fenced_brokers += broker.fenced;
    sample.active_brokers += !broker.fenced;
    sample.controlled_shutdown_brokers += broker.in_controlled_shutdown;
  }
  for (const auto& [id, topic] : image.topics.by_id) {
    ++sample.topics;
    for (const auto& [index, partition] : topic.partitions) {
      ++sample.partitions;
      sample.offline_partitions += partition.leader == kNoNode;
      sample.preferred_replica_imbalance += partition.leader != partition.preferred_leader();
    }
  }
  sample.last_applied_offset = image.provenance.last_contained_offset.value();
  sample.last_applied_timestamp_ms = image.provenance.last_contained_log_time_ms;
  return sample;
}

}  // namespace

BrokerMetricsSource::BrokerMetricsSource(Services& services, std::vector<const KafkaServer*> servers,
                                         CheckLogs check_logs)
    : services_(services), servers_(std::move(servers)), check_logs_(std::move(check_logs)) {
  idle_since_ = rate_since_ = services_.env.clock.Now();
}

env::Task<void> BrokerMetricsSource::BeginScrape() {
  image_ = services_.metadata.Current();
  idle_ratio_ = TakeIdleRatio();
  lag_lookups_ = 0;
  previous_times_.swap(times_);
  times_.clear();
  auto list = [this] { return services_.partitions.All(); };
  partitions_ = co_await env::RunBlocking<std::vector<std::shared_ptr<replica::Partition>>>(
      services_.env.blocking_pool, list);
}

double BrokerMetricsSource::TakeIdleRatio() {
  absl::Duration busy;
  for (const env::Executor* executor : services_.env.executors) busy += executor->BusyTime();
  const env::MonotonicTime now = services_.env.clock.Now();
  const absl::Duration all = (now - idle_since_) * static_cast<int64_t>(services_.env.executors.size());
  const double ratio = all <= absl::ZeroDuration() ? 1 : 1 - absl::FDivDuration(busy - busy_before_, all);
  idle_since_ = now;
  busy_before_ = busy;
  return std::clamp(ratio, 0.0, 1.0);
}

env::Task<std::vector<PartitionSample>> BrokerMetricsSource::CollectPartitions(size_t from, size_t max) {
  if (from == 0) co_await BeginScrape();
  std::vector<PartitionSample> rows;
  const metadata::TopicImage* topic = nullptr;
  std::shared_ptr<const std::string> name;
  int32_t min_insync_replicas = 1;
  for (size_t i = from; i < std::min(from + max, partitions_.size()); ++i) {
    const replica::PartitionSummary summary = co_await partitions_[i]->Summarize();
    if (name == nullptr || *name != summary.partition.topic) {
      name = std::make_shared<const std::string>(summary.partition.topic);
      topic = image_->topics.Find(summary.topic_id);
      min_insync_replicas = MinInsyncReplicas(*name);
    }
    PartitionSample sample;
    sample.topic = name;
    sample.partition = summary.partition.partition;
    sample.size_bytes = static_cast<int64_t>(summary.size_bytes);
    sample.log_start_offset = summary.log_start_offset.value();
    sample.log_end_offset = summary.log_end_offset.value();
    sample.high_watermark = summary.high_watermark.value();
    sample.last_stable_offset = summary.last_stable_offset.value();
    sample.segments = static_cast<int32_t>(summary.segment_count);
    sample.is_leader = summary.leader;
    sample.offline = summary.offline;
    sample.producer_ids = static_cast<int32_t>(summary.producer_ids);
    sample.min_insync_replicas = min_insync_replicas;
    sample.partitions_of_topic = topic == nullptr ? 0 : topic->partition_count();
    const auto* registration = topic == nullptr ? nullptr : topic->Partition(sample.partition);
    if (registration != nullptr) NoteCluster(*registration, &sample);
    rows.push_back(std::move(sample));
  }
  co_return rows;
}

void BrokerMetricsSource::NoteCluster(const metadata::PartitionRegistration& registration,
                                      PartitionSample* sample) const {
  sample->leader = registration.leader;
  sample->leader_is_preferred = registration.leader == registration.preferred_leader();
  sample->reassigning = !registration.adding_replicas.empty() || !registration.removing_replicas.empty();
  sample->replicas = static_cast<int32_t>(registration.replicas.size());
  sample->replication_factor =
      sample->replicas - static_cast<int32_t>(std::ranges::count_if(registration.replicas, [&](NodeId id) {
        return std::ranges::count(registration.adding_replicas, id) > 0;
      }));
  // More than all replicas are never asked for.
  sample->min_insync_replicas = std::min(sample->min_insync_replicas, sample->replicas);
  sample->in_sync_replicas = static_cast<int32_t>(registration.isr.size());
}

int32_t BrokerMetricsSource::MinInsyncReplicas(std::string_view topic) const {
  const metadata::ConfigMap& overrides = image_->configs.Topic(topic);
  const auto found = overrides.find("min.insync.replicas");
  int32_t number = 0;
  if (found != overrides.end() && absl::SimpleAtoi(found->second, &number)) return number;
  return services_.live_config.Current()->config.topic_defaults.min_insync_replicas;
}

void BrokerMetricsSource::NoteGroup(const coordinator::GroupView& view) {
  using coordinator::GroupState;
  const auto name = std::make_shared<const std::string>(view.group.id());
  ++group_counts_.groups;
  group_counts_.stable += view.group.Is(GroupState::kStable);
  group_counts_.empty += view.group.Is(GroupState::kEmpty);
  group_counts_.dead += view.group.Is(GroupState::kDead);
  group_counts_.preparing_rebalance += view.group.Is(GroupState::kPreparingRebalance);
  group_counts_.completing_rebalance += view.group.Is(GroupState::kCompletingRebalance);
  group_counts_.classic += view.group.type == coordinator::GroupType::kClassic;
  group_counts_.consumer += view.group.type == coordinator::GroupType::kConsumer;
  group_counts_.offsets += static_cast<int64_t>(view.offsets.size());
  groups_.push_back({name, static_cast<int32_t>(view.group.members().size())});
  std::shared_ptr<const std::string> topic;
  for (const auto& offset : view.offsets) {
    if (group_offsets_.size() >= kMaxGroupOffsetRows) return;
    if (topic == nullptr || *topic != offset.topic) {
      topic = std::make_shared<const std::string>(offset.topic);
    }
    GroupOffsetSample row;
    row.group = name;
    row.topic = topic;
    row.partition = PartitionIndex(offset.partition);
    row.committed_offset = offset.committed->offset;
    group_offsets_.push_back(std::move(row));
  }
}

env::Task<std::vector<GroupSample>> BrokerMetricsSource::CollectGroups(size_t from, size_t max) {
  if (from == 0) {
    groups_.clear();
    group_offsets_.clear();
    group_counts_ = {};
    coordinator::GroupCoordinator::GroupVisitor note =
        [this](PartitionIndex, const coordinator::GroupView& group) { NoteGroup(group); };
    co_await services_.groups.VisitGroups(std::move(note));
  }
  co_return Slice(groups_, from, max);
}

env::Task<std::vector<GroupOffsetSample>> BrokerMetricsSource::CollectGroupOffsets(size_t from, size_t max) {
  std::vector<GroupOffsetSample> rows = Slice(group_offsets_, from, max);
  for (GroupOffsetSample& row : rows) co_await AddLag(&row);
  co_return rows;
}

env::Task<void> BrokerMetricsSource::AddLag(GroupOffsetSample* row) {
  const auto partition = services_.partitions.Find(*row->topic, row->partition);
  if (partition == nullptr) co_return;
  const replica::PartitionSummary summary = co_await partition->Summarize();
  if (!summary.leader) co_return;
  const Offset committed(row->committed_offset);
  row->lag = std::max<int64_t>(0, summary.high_watermark - committed);
  if (*row->lag == 0) {
    row->lag_seconds = 0;
    co_return;
  }
  const std::optional<int64_t> time_ms = co_await TimeOf(*partition, committed);
  if (!time_ms) co_return;
  row->lag_seconds =
      static_cast<double>(std::max<int64_t>(0, services_.env.clock.WallTimeMs() - *time_ms)) / 1000;
}

env::Task<std::optional<int64_t>> BrokerMetricsSource::TimeOf(replica::Partition& partition, Offset offset) {
  const Place place{partition.topic_id(), partition.name().partition, offset};
  if (const auto known = times_.find(place); known != times_.end()) co_return known->second;
  if (const auto known = previous_times_.find(place); known != previous_times_.end()) {
    times_.insert(*known);
    co_return known->second;
  }
  if (++lag_lookups_ > kMostLagLookups) co_return std::nullopt;
  const StatusOr<int64_t> time_ms = co_await partition.BatchTimestamp(offset);
  if (!time_ms.ok()) co_return std::nullopt;
  times_.emplace(place, *time_ms);
  co_return *time_ms;
}

env::Task<GroupCounts> BrokerMetricsSource::CollectGroupCounts() { co_return group_counts_; }

env::Task<std::optional<ControllerSample>> BrokerMetricsSource::CollectController() {
  if (!services_.config.controller_role) co_return std::nullopt;
  auto count = [this] { return CountCluster(*image_); };
  ControllerSample sample = co_await env::RunBlocking<ControllerSample>(services_.env.blocking_pool, count);
  const metadata::QuorumDescription quorum = services_.metadata_log.Describe();
  sample.active = quorum.leader_id == services_.node_id;
  sample.new_active_controllers = quorum.leader_epoch.value();
  sample.last_committed_offset = quorum.high_watermark.value() - 1;
  sample.idle_ratio = idle_ratio_;
  sample.metadata_errors = services_.live_config.errors() + (quorum.failed ? 1 : 0);
  if (!sample.active) {
    sample.last_applied_lag_ms = services_.env.clock.WallTimeMs() - sample.last_applied_timestamp_ms;
  }
  co_return sample;
}

env::Task<RaftSample> BrokerMetricsSource::CollectRaft() {
  const metadata::QuorumDescription quorum = services_.metadata_log.Describe();
  RaftSample sample;
  const bool leads = quorum.leader_id == services_.node_id;
  sample.state = leads ? "leader" : quorum.leader_id == kNoNode ? "unattached" : "follower";
  if (!services_.config.controller_role) sample.state = "observer";
  sample.leader = quorum.leader_id.value();
  sample.epoch = quorum.leader_epoch.value();
  sample.vote = leads ? services_.node_id.value() : -1;
  sample.high_watermark = quorum.high_watermark.value();
  sample.log_end_offset = quorum.log_end_offset.value();
  sample.log_end_epoch = quorum.leader_epoch.value();
  sample.voters = static_cast<int64_t>(quorum.voters.size());
  sample.observers = static_cast<int64_t>(quorum.observers.size());
  const env::MonotonicTime now = services_.env.clock.Now();
  const double seconds = absl::ToDoubleSeconds(now - rate_since_);
  if (leads && metadata_end_before_ > 0 && seconds > 0) {
    sample.append_records_rate = static_cast<double>(sample.log_end_offset - metadata_end_before_) / seconds;
  }
  rate_since_ = now;
  metadata_end_before_ = sample.log_end_offset;
  sample.poll_idle_ratio = idle_ratio_;
  sample.commit_latency_avg_ms = quorum.commit_latency_avg_ms;
  sample.commit_latency_max_ms = quorum.commit_latency_max_ms;
  sample.election_latency_avg_ms = sample.election_latency_max_ms = kUnknown;
  co_return sample;
}

env::Task<ServerSample> BrokerMetricsSource::CollectServer() {
  ServerSample sample;
  sample.broker_state = kRunning;  // otherwise nobody scrapes
  for (const auto& [id, broker] : image_->cluster.brokers) sample.cluster_brokers += !broker.fenced;
  sample.metadata_version = image_->features.metadata_version();
  sample.network_idle_ratio = sample.handler_idle_ratio = idle_ratio_;
  for (const KafkaServer* server : servers_) {
    sample.memory_used_bytes += static_cast<int64_t>(server->request_bytes_in_memory());
    sample.request_queue_size += server->requests_waiting();
    sample.response_queue_size += server->answers_waiting();
    for (KafkaServer::Count& count : server->ConnectionCounts()) {
      sample.listeners.push_back({std::move(count.listener), count.executor, count.connections});
    }
  }
  sample.memory_available_bytes = static_cast<int64_t>(kMostRequestBytes) - sample.memory_used_bytes;
  const auto sessions = co_await services_.fetch_sessions.All();
  sample.fetch_sessions = static_cast<int64_t>(sessions.size());
  for (const auto& session : sessions) {
    env::LaneGuard in_lane = co_await session->lane.Enter();
    sample.fetch_session_partitions += static_cast<int64_t>(session->size());
  }
  sample.waiting_fetches = services_.waiting.fetches.load();
  replica::LogsHealth logs = co_await check_logs_();
  for (replica::FetcherView& fetcher : logs.fetchers.fetchers) {
    sample.fetchers.push_back(
        {fmt::format("ReplicaFetcherThread-{}-{}", fetcher.index, fetcher.leader.value()), fetcher.requests,
         fetcher.bytes, std::move(fetcher.lags)});
  }
  sample.failed_fetch_partitions = logs.fetchers.failed_partitions;
  sample.dead_fetchers = logs.fetchers.dead_fetchers;
  sample.max_fetch_lag = logs.fetchers.max_lag;
  for (const std::string& path : logs.directories) {
    sample.log_directories.emplace_back(path, std::ranges::count(logs.offline_directories, path) > 0);
  }
  sample.storage_errors = static_cast<int64_t>(logs.storage_errors);
  sample.max_dirty_percent = logs.max_dirty_ratio * 100;
  sample.time_since_last_compaction_ms = logs.ms_since_cleaner_ran;
  partitions_.clear();
  image_ = nullptr;
  co_return sample;
}

}  // namespace dohle::server
