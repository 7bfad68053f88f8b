#include "broker/server/metrics/metrics_scraper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <iostream>
#include <regex>
#include <set>
#include <sstream>

#include "broker/server/metrics/catalogue.h"
#include "broker/server/metrics/server_metrics.h"
#include "lib/env/posix/posix_env.h"

namespace dohle::server {
namespace {

using ::testing::HasSubstr;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

class FakeSource : public MetricsSource {
 public:
  explicit FakeSource(size_t partitions) : partitions_(partitions) {}

  env::Task<std::vector<PartitionSample>> CollectPartitions(size_t from, size_t max) override {
    std::vector<PartitionSample> rows;
    for (size_t i = from; i < std::min(from + max, partitions_); ++i) {
      PartitionSample p;
      if (i % 10 == 0) topic_ = std::make_shared<std::string>("topic-" + std::to_string(i / 10));
      p.topic = topic_;
      p.partition = PartitionIndex(static_cast<int32_t>(i % 10));
      p.size_bytes = static_cast<int64_t>(i) * 100;
      p.is_leader = i % 2 == 0;
      p.replicas = p.replication_factor = 3;
      p.in_sync_replicas = i == 0 ? 1 : 3;
      p.min_insync_replicas = 2;
      p.partitions_of_topic = 10;
      rows.push_back(std::move(p));
    }
    co_return rows;
  }
  env::Task<std::vector<GroupOffsetSample>> CollectGroupOffsets(size_t from, size_t max) override {
    std::vector<GroupOffsetSample> rows;
    for (size_t i = from; i < std::min(from + max, size_t{3}); ++i) {
      GroupOffsetSample row;
      row.group = std::make_shared<std::string>("g\"1");
      row.topic = std::make_shared<std::string>("t");
      row.partition = PartitionIndex(static_cast<int32_t>(2 - i));
      row.committed_offset = 10;
      if (i > 0) row.lag = 5;
      if (i > 0) row.lag_seconds = 1.5;
      rows.push_back(std::move(row));
    }
    co_return rows;
  }
  env::Task<std::vector<GroupSample>> CollectGroups(size_t from, size_t) override {
    std::vector<GroupSample> rows;
    if (from == 0) rows.push_back({std::make_shared<std::string>("g\"1"), 2});
    co_return rows;
  }
  env::Task<GroupCounts> CollectGroupCounts() override { co_return GroupCounts(); }
  env::Task<std::optional<ControllerSample>> CollectController() override {
    std::optional<ControllerSample> sample(std::in_place);
    sample->active = true;
    co_return sample;
  }
  env::Task<RaftSample> CollectRaft() override {
    RaftSample sample;
    sample.state = "leader";
    co_return sample;
  }
  env::Task<ServerSample> CollectServer() override {
    ServerSample sample;
    sample.listeners.push_back({"PLAINTEXT", 0, 7});
    sample.log_directories.emplace_back("/data", false);
    co_return sample;
  }

 private:
  const size_t partitions_;
  std::shared_ptr<std::string> topic_;
};

env::Task<void> Deliver(MetricsScraper* scraper, std::promise<std::string>* out) {
  std::string text = co_await scraper->Scrape();
  out->set_value(std::move(text));
}

class MetricsScraperTest : public ::testing::Test {
 protected:
  MetricsScraperTest()
      : posix_({.event_loops = 1, .io_threads = 1, .own_process = false}), server_(registry_) {
    posix_.Start();
  }
  ~MetricsScraperTest() override { posix_.Stop(); }

  std::string Scrape(size_t partitions) {
    FakeSource source(partitions);
    MetricsScraper scraper(posix_.env(), registry_, source);
    std::promise<std::string> text;
    env::Spawn(*posix_.env().executors[0], Deliver(&scraper, &text));
    return text.get_future().get();
  }

  env::PosixEnv posix_;
  metrics::Registry registry_;
  ServerMetrics server_;
};

TEST_F(MetricsScraperTest, WritesWhatTheDashboardsQuery) {
  const std::string text = Scrape(600);
  for (const char* line : {
           "kafka_log_log_size{topic=\"topic-59\",partition=\"9\"} 59900\n",
           "kafka_cluster_partition_underminisr{topic=\"topic-0\",partition=\"0\"} 1\n",
           "kafka_cluster_partition_underminisr{topic=\"topic-0\",partition=\"2\"} 0\n",
           "kafka_topic_partitions{topic=\"topic-7\"} 10\n",
           "kafka_server_replicamanager_leadercount 300\n",
           "kafka_server_replicamanager_partitioncount 600\n",
           "kafka_server_replicamanager_underreplicatedpartitions 1\n",
           "kafka_consumergroup_lag{consumergroup=\"g\\\"1\",topic=\"t\",partition=\"1\"} 5\n",
           "kafka_consumergroup_lag_seconds{consumergroup=\"g\\\"1\",topic=\"t\",partition=\"0\"} 1.5\n",
           "kafka_consumergroup_lag_sum{consumergroup=\"g\\\"1\",topic=\"t\"} 10\n",
           "kafka_consumergroup_members{consumergroup=\"g\\\"1\"} 2\n",
           "kafka_controller_kafkacontroller_activecontrollercount 1\n",
           "kafka_server_raftmetrics_current_state{current_state=\"leader\"} 1\n",
           "kafka_server_socket_server_metrics_connection_count{listener=\"PLAINTEXT\",networkProcessor="
           "\"0\"} 7\n",
           "process_open_fds ",
           "process_resident_memory_bytes ",
           "dohle_scrape_partitions 600\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_EQ(text.find("kafka_consumergroup_lag{consumergroup=\"g\\\"1\",topic=\"t\",partition=\"2\"}"),
            std::string::npos);
}

// Each family once, described by the catalogue, and none of the catalogue forgotten. Those that come from
// handles appear when something is counted.
TEST_F(MetricsScraperTest, ServesTheWholeCatalogue) {
  const TopicMetrics topic = server_.ForTopic("a");
  const RequestMetrics request = server_.ForRequest("Fetch");
  const metrics::Counter requests = server_.Requests("Fetch", 17);
  const metrics::Counter errors = server_.Errors("Fetch", "NONE");
  const ListenerMetrics listener = server_.ForListener("PLAINTEXT", 0);
  std::istringstream text(Scrape(10));
  std::set<std::string> families;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    const std::string name = line.substr(7, line.rfind(' ') - 7);
    EXPECT_TRUE(families.insert(name).second) << name << " comes twice";
  }
  for (const MetricInfo& info : MetricCatalogue()) {
    if (info.name.starts_with("kafka_server_kafkaserver_linux_disk")) continue;  // not every kernel tells
    EXPECT_EQ(families.count(std::string(info.name)), 1u) << info.name;
    families.erase(std::string(info.name));
    if (info.type == MetricType::kQuantiles) {
      families.erase(std::string(info.name) + "_count");
      families.erase(std::string(info.name) + "_sum");
    }
  }
  families.erase("kafka_server_kafkaserver_linux_disk_read_bytes");
  families.erase("kafka_server_kafkaserver_linux_disk_write_bytes");
  EXPECT_THAT(families, ::testing::IsEmpty());
}

// The form of the text, line by line: Prometheus refuses a scrape as a whole if one is wrong.
TEST_F(MetricsScraperTest, EverySampleBelongsToTheFamilyBefore) {
  const std::regex sample(
      "([a-z_][a-z0-9_]*)(\\{[A-Za-z_]+=\"(?:[^\"\\\\]|\\\\.)*\"(?:,[A-Za-z_]+=\"(?:[^\"\\\\]|\\\\.)*\")*\\})"
      "? "
      "(-?[0-9.]+(?:e[-+]?[0-9]+)?|NaN|[-+]Inf)");
  std::istringstream text(Scrape(10));
  std::string family;
  std::set<std::string> series;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.rfind(' ') - 7);
      continue;
    }
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
    EXPECT_EQ(match[1], family);
    EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line << " comes twice";
  }
  EXPECT_GT(series.size(), 100u);
}

// The bounds are far above what is measured (below 1 ns; 16 to 25 ms), so that a busy machine doesn't fail
// them; a lock or an allocation where none belongs would.
TEST_F(MetricsScraperTest, CountingAndScrapingAreFast) {
  if (kSanitized) GTEST_SKIP() << "sanitizers take most of the time";
  const env::Clock& clock = posix_.env().clock;
  const metrics::Counter counter = registry_.AddCounter("a_total", "A.");
  constexpr int kTimes = 10000000;
  env::MonotonicTime start = clock.Now();
  for (int i = 0; i < kTimes; ++i) counter.Increment();
  const double counting_ns = absl::ToDoubleNanoseconds(clock.Now() - start) / kTimes;
  EXPECT_EQ(counter.Value(), static_cast<uint64_t>(kTimes));
  start = clock.Now();
  const std::string text = Scrape(10000);
  const double scraping_ms = absl::ToDoubleMilliseconds(clock.Now() - start);
  std::cout << counting_ns << " ns an increment; 10,000 partitions in " << scraping_ms << " ms, "
            << text.size() << " bytes\n";
  EXPECT_LT(counting_ns, 50);
  EXPECT_LT(scraping_ms, 5000);
}

}  // namespace
}  // namespace dohle::server
