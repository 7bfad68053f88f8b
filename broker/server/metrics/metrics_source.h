// What a scrape asks the broker for: plain numbers, copied. The lead of the parts implements MetricsSource;
// MetricsScraper asks slice by slice and writes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/ids.h"
#include "lib/env/task.h"

namespace dohle::server {

// One replica that this broker holds. What only the leader knows counts where `is_leader`.
struct PartitionSample {
  std::shared_ptr<const std::string> topic;  // shared by the partitions of a topic
  PartitionIndex partition;
  int64_t size_bytes = 0;
  int64_t log_start_offset = 0;
  int64_t log_end_offset = 0;
  int64_t high_watermark = 0;
  int64_t last_stable_offset = 0;
  int32_t segments = 0;
  NodeId leader = kNoNode;
  bool is_leader = false;
  bool leader_is_preferred = false;
  bool reassigning = false;
  bool offline = false;  // its log directory has failed
  int32_t partitions_of_topic = 0;
  int32_t replicas = 0;
  int32_t replication_factor = 0;  // without those that a reassignment adds
  int32_t in_sync_replicas = 0;
  int32_t min_insync_replicas = 0;
  int32_t producer_ids = 0;
};

// A committed offset of a group that this broker coordinates.
struct GroupOffsetSample {
  std::shared_ptr<const std::string> group;
  std::shared_ptr<const std::string> topic;
  PartitionIndex partition;
  int64_t committed_offset = 0;
  std::optional<int64_t> lag;         // unknown: the partition's leader has not told yet
  std::optional<double> lag_seconds;  //
};

struct GroupSample {
  std::shared_ptr<const std::string> group;
  int32_t members = 0;
};

struct GroupCounts {
  int64_t groups = 0, stable = 0, empty = 0, dead = 0, preparing_rebalance = 0, completing_rebalance = 0;
  int64_t offsets = 0;
  int64_t classic = 0, consumer = 0;  // by protocol
};

struct ControllerSample {
  bool active = false;
  int64_t active_brokers = 0, fenced_brokers = 0, controlled_shutdown_brokers = 0;
  int64_t topics = 0, partitions = 0, offline_partitions = 0, preferred_replica_imbalance = 0;
  int64_t metadata_errors = 0, new_active_controllers = 0, timed_out_broker_heartbeats = 0;
  int64_t last_applied_offset = 0, last_applied_timestamp_ms = 0, last_applied_lag_ms = 0;
  int64_t last_committed_offset = 0;
  double idle_ratio = 1;
};

struct RaftSample {
  std::string state;  // leader, candidate, voted, follower, unattached, observer
  int64_t leader = -1, epoch = 0, vote = -1;
  int64_t high_watermark = 0, log_end_offset = 0, log_end_epoch = 0;
  int64_t voters = 0, observers = 0, unknown_voter_connections = 0;
  double append_records_rate = 0, fetch_records_rate = 0, poll_idle_ratio = 1;
  double commit_latency_avg_ms = 0, commit_latency_max_ms = 0;
  double election_latency_avg_ms = 0, election_latency_max_ms = 0;
};

struct ListenerSample {
  std::string listener;
  int event_loop = 0;
  int64_t connections = 0;
};

// One of those that fetch for the replicas which follow leaders elsewhere.
struct FetcherSample {
  std::string client_id;  // as Kafka's thread: "ReplicaFetcherThread-0-2" follows broker 2
  int64_t requests = 0;   // since it began
  int64_t bytes = 0;
  std::vector<std::pair<TopicPartition, int64_t>> lags;  // behind the leader's high watermark, in records
};

struct ServerSample {
  int32_t broker_state = 0;  // BrokerState of Kafka: 3 = running
  int64_t cluster_brokers = 0;
  int64_t metadata_version = 0;
  double network_idle_ratio = 1;  // 0 to 1
  double handler_idle_ratio = 1;
  int64_t request_queue_size = 0, response_queue_size = 0;
  int64_t memory_used_bytes = 0, memory_available_bytes = 0;
  int64_t fetch_sessions = 0, fetch_session_partitions = 0;
  int64_t waiting_produces = 0, waiting_fetches = 0;
  int64_t partitions_with_late_transactions = 0;
  double max_dirty_percent = 0;
  int64_t time_since_last_compaction_ms = 0;
  std::vector<ListenerSample> listeners;
  std::vector<FetcherSample> fetchers;
  int64_t failed_fetch_partitions = 0;  // that are followed and can't be fetched until their leader changes
  int64_t dead_fetchers = 0;
  int64_t max_fetch_lag = 0;
  int64_t storage_errors = 0;  // requests that the storage refused since the start
  std::vector<std::pair<std::string, bool>> log_directories;  // path, failed?
};

// Every call comes on the executor that serves the scrape, one after the other; it may suspend (to enter
// lanes). What is asked in slices is given in any order that stays the same while a scrape lasts, starting
// with number `from`, at most `max` rows; fewer than `max` rows mean the end. A slice of kScrapeSlice should
// take well below a millisecond of one thread; the scraper yields in between.
class MetricsSource {
 public:
  virtual ~MetricsSource() = default;
  virtual env::Task<std::vector<PartitionSample>> CollectPartitions(size_t from, size_t max) = 0;
  virtual env::Task<std::vector<GroupOffsetSample>> CollectGroupOffsets(size_t from, size_t max) = 0;
  virtual env::Task<std::vector<GroupSample>> CollectGroups(size_t from, size_t max) = 0;
  virtual env::Task<GroupCounts> CollectGroupCounts() = 0;
  virtual env::Task<std::optional<ControllerSample>> CollectController() = 0;  // nothing: no such role
  virtual env::Task<RaftSample> CollectRaft() = 0;
  virtual env::Task<ServerSample> CollectServer() = 0;
};

inline constexpr size_t kScrapeSlice = 256;
// Groups times partitions can be many; rows beyond are left out of a scrape.
inline constexpr size_t kMaxGroupOffsetRows = 100000;

// All of it, as one scrape saw it.
struct MetricsSnapshot {
  std::vector<PartitionSample> partitions;
  std::vector<GroupOffsetSample> group_offsets;
  std::vector<GroupSample> groups;
  GroupCounts group_counts;
  std::optional<ControllerSample> controller;
  RaftSample raft;
  ServerSample server;
};

}  // namespace dohle::server
