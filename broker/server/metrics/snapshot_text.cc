#include "broker/server/metrics/snapshot_text.h"

#include <algorithm>

#include "broker/server/metrics/catalogue.h"

namespace dohle::server {
namespace {

using metrics::Exposition;

void One(Exposition& out, std::string_view name, double value) {
  BeginFamily(out, name);
  out.Sample({}, value);
}
void One(Exposition& out, std::string_view name, int64_t value) {
  BeginFamily(out, name);
  out.Sample({}, value);
}

// Indices in text are made once a partition, not once a sample.
struct Row {
  const PartitionSample* sample;
  std::string partition;
};

template <typename Value>
void OfPartitions(Exposition& out, std::string_view name, const std::vector<Row>& rows, bool leaders_only,
                  Value value) {
  BeginFamily(out, name);
  for (const Row& row : rows) {
    if (leaders_only && !row.sample->is_leader) continue;
    out.Sample({{"topic", *row.sample->topic}, {"partition", row.partition}},
               static_cast<int64_t>(value(*row.sample)));
  }
}

bool UnderReplicated(const PartitionSample& p) { return p.in_sync_replicas < p.replication_factor; }
bool UnderMinIsr(const PartitionSample& p) { return p.in_sync_replicas < p.min_insync_replicas; }
bool AtMinIsr(const PartitionSample& p) { return p.in_sync_replicas == p.min_insync_replicas; }

void WriteLogs(const std::vector<Row>& rows, Exposition& out) {
  const auto all = [&](std::string_view name, auto value) { OfPartitions(out, name, rows, false, value); };
  using P = const PartitionSample&;
  all("kafka_log_log_logendoffset", [](P p) { return p.log_end_offset; });
  all("kafka_log_log_logstartoffset", [](P p) { return p.log_start_offset; });
  all("kafka_log_log_numlogsegments", [](P p) { return p.segments; });
  all("kafka_log_log_size", [](P p) { return p.size_bytes; });
}

void WriteLedPartitions(const std::vector<Row>& rows, Exposition& out) {
  const auto led = [&](std::string_view name, auto value) { OfPartitions(out, name, rows, true, value); };
  using P = const PartitionSample&;
  led("kafka_cluster_partition_atminisr", AtMinIsr);
  led("kafka_cluster_partition_insyncreplicascount", [](P p) { return p.in_sync_replicas; });
  led("kafka_cluster_partition_laststableoffsetlag",
      [](P p) { return p.high_watermark - p.last_stable_offset; });
  led("kafka_cluster_partition_replicascount", [](P p) { return p.replication_factor; });
  led("kafka_cluster_partition_underminisr", UnderMinIsr);
  led("kafka_cluster_partition_underreplicated", UnderReplicated);
  led("kafka_topic_partition_current_offset", [](P p) { return p.high_watermark; });
  led("kafka_topic_partition_in_sync_replica", [](P p) { return p.in_sync_replicas; });
  led("kafka_topic_partition_leader", [](P p) { return p.leader.value(); });
  led("kafka_topic_partition_leader_is_preferred", [](P p) { return p.leader_is_preferred; });
  led("kafka_topic_partition_oldest_offset", [](P p) { return p.log_start_offset; });
  led("kafka_topic_partition_replicas", [](P p) { return p.replicas; });
  led("kafka_topic_partition_under_replicated_partition",
      [](P p) { return p.in_sync_replicas < p.replicas; });
  BeginFamily(out, "kafka_topic_partitions");
  for (const Row& row : rows) {
    const PartitionSample& p = *row.sample;
    if (!p.is_leader || p.partition.value() != 0) continue;
    out.Sample({{"topic", *p.topic}}, int64_t{p.partitions_of_topic});
  }
}

void WriteReplicaCounts(const std::vector<PartitionSample>& partitions, Exposition& out) {
  int64_t leaders = 0, under_replicated = 0, under_min = 0, at_min = 0, reassigning = 0, offline = 0;
  int64_t producers = 0;
  for (const PartitionSample& p : partitions) {
    offline += p.offline;
    producers += p.producer_ids;
    if (!p.is_leader) continue;
    ++leaders;
    under_replicated += UnderReplicated(p);
    under_min += UnderMinIsr(p);
    at_min += AtMinIsr(p);
    reassigning += p.reassigning;
  }
  One(out, "kafka_server_replicamanager_atminisrpartitioncount", at_min);
  One(out, "kafka_server_replicamanager_leadercount", leaders);
  One(out, "kafka_server_replicamanager_offlinereplicacount", offline);
  One(out, "kafka_server_replicamanager_partitioncount", static_cast<int64_t>(partitions.size()));
  One(out, "kafka_server_replicamanager_produceridcount", producers);
  One(out, "kafka_server_replicamanager_reassigningpartitions", reassigning);
  One(out, "kafka_server_replicamanager_underminisrpartitioncount", under_min);
  One(out, "kafka_server_replicamanager_underreplicatedpartitions", under_replicated);
}

void WriteGroupOffsets(const std::vector<GroupOffsetSample>& rows, Exposition& out) {
  const auto of = [&](std::string_view name, auto value) {
    BeginFamily(out, name);
    for (const GroupOffsetSample& row : rows) {
      const auto number = value(row);
      if (!number) continue;
      out.Sample({{"consumergroup", *row.group},
                  {"topic", *row.topic},
                  {"partition", std::to_string(row.partition.value())}},
                 *number);
    }
  };
  using G = const GroupOffsetSample&;
  of("kafka_consumergroup_current_offset", [](G g) { return std::optional(g.committed_offset); });
  of("kafka_consumergroup_lag", [](G g) { return g.lag; });
  of("kafka_consumergroup_lag_seconds", [](G g) { return g.lag_seconds; });

  // Rows of a group and topic stand next to each other.
  const auto sum = [&](std::string_view name, auto value) {
    BeginFamily(out, name);
    for (size_t i = 0; i < rows.size();) {
      int64_t total = 0;
      const GroupOffsetSample& first = rows[i];
      for (; i < rows.size() && *rows[i].group == *first.group && *rows[i].topic == *first.topic; ++i) {
        total += value(rows[i]);
      }
      out.Sample({{"consumergroup", *first.group}, {"topic", *first.topic}}, total);
    }
  };
  sum("kafka_consumergroup_current_offset_sum", [](G g) { return g.committed_offset; });
  sum("kafka_consumergroup_lag_sum", [](G g) { return g.lag.value_or(0); });
}

void WriteGroups(const MetricsSnapshot& snapshot, Exposition& out) {
  BeginFamily(out, "kafka_consumergroup_members");
  for (const GroupSample& group : snapshot.groups) {
    out.Sample({{"consumergroup", *group.group}}, int64_t{group.members});
  }
  const GroupCounts& counts = snapshot.group_counts;
  const auto count = [&](std::string_view what, int64_t n) {
    One(out, "kafka_coordinator_group_groupmetadatamanager_" + std::string(what), n);
  };
  count("numgroups", counts.groups);
  count("numgroupscompletingrebalance", counts.completing_rebalance);
  count("numgroupsdead", counts.dead);
  count("numgroupsempty", counts.empty);
  count("numgroupspreparingrebalance", counts.preparing_rebalance);
  count("numgroupsstable", counts.stable);
  count("numoffsets", counts.offsets);
  BeginFamily(out, "kafka_server_group_coordinator_metrics_group_count");
  out.Sample({{"protocol", "classic"}}, counts.classic);
  out.Sample({{"protocol", "consumer"}}, counts.consumer);
}

void WriteController(const ControllerSample& c, Exposition& out) {
  const auto one = [&](std::string_view what, int64_t n) {
    One(out, "kafka_controller_kafkacontroller_" + std::string(what), n);
  };
  One(out, "kafka_controller_controllereventmanager_avgidleratio", c.idle_ratio);
  one("activebrokercount", c.active_brokers);
  one("activecontrollercount", c.active ? 1 : 0);
  one("controlledshutdownbrokercount", c.controlled_shutdown_brokers);
  one("fencedbrokercount", c.fenced_brokers);
  one("globalpartitioncount", c.partitions);
  one("globaltopiccount", c.topics);
  one("lastappliedrecordlagms", c.last_applied_lag_ms);
  one("lastappliedrecordoffset", c.last_applied_offset);
  one("lastappliedrecordtimestamp", c.last_applied_timestamp_ms);
  one("lastcommittedrecordoffset", c.last_committed_offset);
  one("metadataerrorcount", c.metadata_errors);
  one("newactivecontrollerscount", c.new_active_controllers);
  one("offlinepartitionscount", c.offline_partitions);
  one("preferredreplicaimbalancecount", c.preferred_replica_imbalance);
  one("timedoutbrokerheartbeatcount", c.timed_out_broker_heartbeats);
}

void WriteRaft(const RaftSample& r, Exposition& out) {
  const auto one = [&](std::string_view what, auto n) {
    One(out, "kafka_server_raftmetrics_" + std::string(what), n);
  };
  one("append_records_rate", r.append_records_rate);
  one("commit_latency_avg", r.commit_latency_avg_ms);
  one("commit_latency_max", r.commit_latency_max_ms);
  one("current_epoch", r.epoch);
  one("current_leader", r.leader);
  BeginFamily(out, "kafka_server_raftmetrics_current_state");
  out.Sample({{"current_state", r.state}}, int64_t{1});
  one("current_vote", r.vote);
  one("election_latency_avg", r.election_latency_avg_ms);
  one("election_latency_max", r.election_latency_max_ms);
  one("fetch_records_rate", r.fetch_records_rate);
  one("high_watermark", r.high_watermark);
  one("log_end_epoch", r.log_end_epoch);
  one("log_end_offset", r.log_end_offset);
  one("number_of_observers", r.observers);
  one("number_of_voters", r.voters);
  one("number_unknown_voter_connections", r.unknown_voter_connections);
  one("poll_idle_ratio_avg", r.poll_idle_ratio);
}

void WriteFetchers(const ServerSample& s, Exposition& out) {
  BeginFamily(out, "kafka_server_fetcherlagmetrics_consumerlag");
  for (const FetcherSample& fetcher : s.fetchers) {
    for (const auto& [name, lag] : fetcher.lags) {
      out.Sample({{"clientId", fetcher.client_id},
                  {"topic", name.topic},
                  {"partition", std::to_string(name.partition.value())}},
                 lag);
    }
  }
  BeginFamily(out, "kafka_server_fetcherstats_bytes_total");
  for (const FetcherSample& fetcher : s.fetchers)
    out.Sample({{"clientId", fetcher.client_id}}, fetcher.bytes);
  BeginFamily(out, "kafka_server_fetcherstats_requests_total");
  for (const FetcherSample& fetcher : s.fetchers)
    out.Sample({{"clientId", fetcher.client_id}}, fetcher.requests);
}

void WriteServer(const ServerSample& s, Exposition& out) {
  One(out, "dohle_memory_admitted_bytes", s.memory_used_bytes);
  One(out, "dohle_storage_errors_total", s.storage_errors);
  One(out, "kafka_brokers", s.cluster_brokers);
  One(out, "kafka_log_logcleanermanager_max_dirty_percent", s.max_dirty_percent);
  One(out, "kafka_log_logcleanermanager_time_since_last_run_ms", s.time_since_last_compaction_ms);
  BeginFamily(out, "kafka_log_logmanager_logdirectoryoffline");
  int64_t offline = 0;
  for (const auto& [path, failed] : s.log_directories) {
    out.Sample({{"logDirectory", path}}, int64_t{failed});
    offline += failed;
  }
  One(out, "kafka_log_logmanager_offlinelogdirectorycount", offline);
  One(out, "kafka_network_requestchannel_requestqueuesize", s.request_queue_size);
  One(out, "kafka_network_requestchannel_responsequeuesize", s.response_queue_size);
  One(out, "kafka_network_socketserver_memorypoolavailable", s.memory_available_bytes);
  One(out, "kafka_network_socketserver_memorypoolused", s.memory_used_bytes);
  One(out, "kafka_network_socketserver_networkprocessoravgidle_percent", s.network_idle_ratio);
  BeginFamily(out, "kafka_server_delayedoperationpurgatory_purgatorysize");
  out.Sample({{"delayedOperation", "Fetch"}}, s.waiting_fetches);
  out.Sample({{"delayedOperation", "Produce"}}, s.waiting_produces);
  WriteFetchers(s, out);
  One(out, "kafka_server_fetchsessioncache_numincrementalfetchpartitionscached", s.fetch_session_partitions);
  One(out, "kafka_server_fetchsessioncache_numincrementalfetchsessions", s.fetch_sessions);
  One(out, "kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent", s.handler_idle_ratio);
  One(out, "kafka_server_kafkaserver_brokerstate", int64_t{s.broker_state});
  One(out, "kafka_server_metadataloader_currentmetadataversion", s.metadata_version);
  for (const auto& [name, value] :
       {std::pair{"kafka_server_replicafetchermanager_deadthreadcount", s.dead_fetchers},
        {"kafka_server_replicafetchermanager_failedpartitionscount", s.failed_fetch_partitions},
        {"kafka_server_replicafetchermanager_maxlag", s.max_fetch_lag}}) {
    BeginFamily(out, name);
    out.Sample({{"clientId", "Replica"}}, value);
  }
  One(out, "kafka_server_replicamanager_partitionswithlatetransactionscount",
      s.partitions_with_late_transactions);
  BeginFamily(out, "kafka_server_socket_server_metrics_connection_count");
  for (const ListenerSample& listener : s.listeners) {
    out.Sample({{"listener", listener.listener}, {"networkProcessor", std::to_string(listener.event_loop)}},
               listener.connections);
  }
}

}  // namespace

void WriteSnapshot(MetricsSnapshot& snapshot, metrics::Exposition& out) {
  std::sort(snapshot.partitions.begin(), snapshot.partitions.end(),
            [](const PartitionSample& a, const PartitionSample& b) {
              const int order = a.topic == b.topic ? 0 : a.topic->compare(*b.topic);
              return order != 0 ? order < 0 : a.partition < b.partition;
            });
  std::sort(snapshot.group_offsets.begin(), snapshot.group_offsets.end(),
            [](const GroupOffsetSample& a, const GroupOffsetSample& b) {
              return std::tie(*a.group, *a.topic, a.partition) < std::tie(*b.group, *b.topic, b.partition);
            });
  std::vector<Row> rows;
  rows.reserve(snapshot.partitions.size());
  for (const PartitionSample& sample : snapshot.partitions) {
    rows.push_back({&sample, std::to_string(sample.partition.value())});
  }
  WriteServer(snapshot.server, out);
  WriteRaft(snapshot.raft, out);
  if (snapshot.controller) WriteController(*snapshot.controller, out);
  WriteReplicaCounts(snapshot.partitions, out);
  WriteGroups(snapshot, out);
  WriteGroupOffsets(snapshot.group_offsets, out);
  WriteLogs(rows, out);
  WriteLedPartitions(rows, out);
}

}  // namespace dohle::server
