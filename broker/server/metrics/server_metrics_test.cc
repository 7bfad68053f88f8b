#include "broker/server/metrics/server_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dohle::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricCatalogue, IsOrderedAndComplete) {
  std::string_view before;
  for (const MetricInfo& info : MetricCatalogue()) {
    EXPECT_LT(before, info.name);
    EXPECT_FALSE(info.help.empty()) << info.name;
    EXPECT_TRUE(info.help.ends_with('.')) << info.name;
    before = info.name;
    EXPECT_EQ(&MetricNamed(info.name), &info);
  }
}

// What the public dashboards for Kafka, KRaft and consumer lag query of a broker. MetricNamed aborts if one
// is missing.
TEST(MetricCatalogue, HasWhatDashboardsQuery) {
  for (const char* name : {"kafka_cluster_partition_atminisr",
                           "kafka_cluster_partition_underminisr",
                           "kafka_consumergroup_current_offset",
                           "kafka_consumergroup_lag",
                           "kafka_controller_controllerstats_uncleanleaderelections_total",
                           "kafka_controller_kafkacontroller_activecontrollercount",
                           "kafka_controller_kafkacontroller_offlinepartitionscount",
                           "kafka_log_log_size",
                           "kafka_network_socketserver_networkprocessoravgidle_percent",
                           "kafka_server_brokertopicmetrics_bytesin_total",
                           "kafka_server_brokertopicmetrics_bytesout_total",
                           "kafka_server_brokertopicmetrics_failedfetchrequests_total",
                           "kafka_server_brokertopicmetrics_failedproducerequests_total",
                           "kafka_server_brokertopicmetrics_messagesin_total",
                           "kafka_server_brokertopicmetrics_totalfetchrequests_total",
                           "kafka_server_brokertopicmetrics_totalproducerequests_total",
                           "kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent",
                           "kafka_server_kafkaserver_linux_disk_read_bytes",
                           "kafka_server_kafkaserver_linux_disk_write_bytes",
                           "kafka_server_raftchannelmetrics_incoming_byte_total",
                           "kafka_server_raftchannelmetrics_outgoing_byte_total",
                           "kafka_server_raftchannelmetrics_request_total",
                           "kafka_server_raftchannelmetrics_response_total",
                           "kafka_server_raftmetrics_append_records_rate",
                           "kafka_server_raftmetrics_commit_latency_avg",
                           "kafka_server_raftmetrics_current_epoch",
                           "kafka_server_raftmetrics_current_leader",
                           "kafka_server_raftmetrics_current_state",
                           "kafka_server_raftmetrics_current_vote",
                           "kafka_server_raftmetrics_fetch_records_rate",
                           "kafka_server_raftmetrics_high_watermark",
                           "kafka_server_raftmetrics_log_end_offset",
                           "kafka_server_replicamanager_leadercount",
                           "kafka_server_replicamanager_partitioncount",
                           "kafka_server_replicamanager_underreplicatedpartitions",
                           "kafka_server_socket_server_metrics_connection_count",
                           "kafka_topic_partition_current_offset",
                           "kafka_topic_partition_in_sync_replica",
                           "kafka_topic_partition_leader_is_preferred",
                           "kafka_topic_partition_oldest_offset",
                           "kafka_topic_partition_replicas",
                           "kafka_topic_partition_under_replicated_partition",
                           "kafka_topic_partitions",
                           "process_open_fds"}) {
    EXPECT_EQ(MetricNamed(name).name, name);
  }
}

TEST(ServerMetrics, CountsForTheTopicAndForAll) {
  metrics::Registry registry;
  ServerMetrics server(registry);
  {
    const TopicMetrics a = server.ForTopic("a");
    const TopicMetrics same = server.ForTopic("a");
    const TopicMetrics b = server.ForTopic("b");
    a.BytesIn(3);
    same.BytesIn(4);
    b.BytesIn(100);
    const std::string text = registry.Collect(0);
    EXPECT_THAT(text, HasSubstr("\nkafka_server_brokertopicmetrics_bytesin_total 107\n"));
    EXPECT_THAT(text, HasSubstr("\nkafka_server_brokertopicmetrics_bytesin_total{topic=\"a\"} 7\n"));
    EXPECT_THAT(text, HasSubstr("\nkafka_server_brokertopicmetrics_bytesin_total{topic=\"b\"} 100\n"));
    EXPECT_THAT(text,
                HasSubstr("kafka_server_brokertopicmetrics_failedfetchrequests_total{topic=\"a\"} 0\n"));
  }
  const std::string text = registry.Collect(0);
  EXPECT_THAT(text, HasSubstr("\nkafka_server_brokertopicmetrics_bytesin_total 107\n"));
  EXPECT_THAT(text, Not(HasSubstr("topic=")));
}

TEST(ServerMetrics, Requests) {
  metrics::Registry registry;
  ServerMetrics server(registry);
  const RequestMetrics produce = server.ForRequest("Produce");
  produce.total_time_us.Record(2000);
  const metrics::Counter requests = server.Requests("Produce", 13);
  requests.Increment();
  const metrics::Counter errors = server.Errors("Produce", "NONE");
  errors.Increment();
  const ListenerMetrics listener = server.ForListener("PLAINTEXT", 1);
  listener.connections_created.Increment();
  const std::string text = registry.Collect(0);
  EXPECT_THAT(
      text, HasSubstr("kafka_network_requestmetrics_requests_total{request=\"Produce\",version=\"13\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("kafka_network_requestmetrics_errors_total{request=\"Produce\",error=\"NONE\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("kafka_network_requestmetrics_totaltimems{request=\"Produce\",quantile=\"0.99\"} 2"));
  EXPECT_THAT(text, HasSubstr("kafka_network_requestmetrics_totaltimems_count{request=\"Produce\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("kafka_server_socket_server_metrics_connection_creation_total{listener=\"PLAINTEXT\","
                        "networkProcessor=\"1\"} 1\n"));
}

}  // namespace
}  // namespace dohle::server
