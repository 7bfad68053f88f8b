#include "broker/server/metrics/request_metrics_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace dohle::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RequestMetricsTable, CountsRequestsErrorsAndTimes) {
  metrics::Registry registry;
  const ServerMetrics server(registry);
  RequestMetricsTable table(server);
  const ApiMetrics& produce = table.For(kafka::ApiKey::kProduce);
  produce.Request(11, 100);
  produce.Request(11, 100);
  produce.Request(3, 50);
  ErrorTally errors;
  for (const int16_t code : {0, 0, 6, 0}) errors.Add(code);
  produce.Errors(errors);
  RequestTimes times;
  times.total_us = 10000;
  times.served_us = 8000;
  times.remote_us = 5000;
  times.response_queue_us = 1000;
  produce.Answered(times);
  const std::string text = registry.Collect(0);
  for (const char* sample : {
           "kafka_network_requestmetrics_requests_total{request=\"Produce\",version=\"11\"} 2\n",
           "kafka_network_requestmetrics_requests_total{request=\"Produce\",version=\"3\"} 1\n",
           "kafka_network_requestmetrics_errors_total{request=\"Produce\",error=\"NONE\"} 3\n",
           "kafka_network_requestmetrics_errors_total{request=\"Produce\",error=\"NOT_LEADER_OR_FOLLOWER\"} "
           "1\n",
           "kafka_network_requestmetrics_requestbytes_sum{request=\"Produce\"} 250\n",
           "kafka_network_requestmetrics_totaltimems_sum{request=\"Produce\"} 10\n",
           "kafka_network_requestmetrics_localtimems_sum{request=\"Produce\"} 3\n",
           "kafka_network_requestmetrics_remotetimems_sum{request=\"Produce\"} 5\n",
           "kafka_network_requestmetrics_responsequeuetimems_sum{request=\"Produce\"} 1\n",
           "kafka_network_requestmetrics_responsesendtimems_sum{request=\"Produce\"} 1\n",
           "kafka_network_requestmetrics_throttletimems_count{request=\"Produce\"} 1\n",
       }) {
    EXPECT_THAT(text, HasSubstr(sample));
  }
  EXPECT_THAT(text, Not(HasSubstr("Heartbeat"))) << "nobody asked for it";
}

TEST(RequestMetricsTable, FetchesCountTwiceAsKafkaDoes) {
  metrics::Registry registry;
  const ServerMetrics server(registry);
  RequestMetricsTable table(server);
  table.For(kafka::ApiKey::kFetch).Request(17, 80);
  const std::string text = registry.Collect(0);
  EXPECT_THAT(text, HasSubstr("requests_total{request=\"Fetch\",version=\"17\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("requests_total{request=\"FetchConsumer\",version=\"17\"} 1\n"));
}

TEST(RequestMetricsTable, FirstRequestsComeOnManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kRequests = 1000;
  metrics::Registry registry;
  const ServerMetrics server(registry);
  RequestMetricsTable table(server);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&table] {
      for (int n = 0; n < kRequests; ++n) table.For(kafka::ApiKey::kMetadata).Request(12, 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(registry.Collect(0), HasSubstr("requests_total{request=\"Metadata\",version=\"12\"} 4000\n"));
}

}  // namespace
}  // namespace dohle::server
