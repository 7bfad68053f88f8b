#include "broker/server/admin_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "broker/server/metrics/server_metrics.h"
#include "lib/env/posix/posix_env.h"
#include "lib/env/sleep.h"
#include "lib/http/testing/exchange.h"

namespace dohle::server {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Holds up scrapes for a moment, and says whether two were under way at a time.
class SlowSource : public MetricsSource {
 public:
  env::Task<std::vector<PartitionSample>> CollectPartitions(size_t, size_t) override {
    if (++under_way > 1) overlapped = true;
    co_await env::Sleep(absl::Milliseconds(5));
    co_return std::vector<PartitionSample>();
  }
  env::Task<std::vector<GroupOffsetSample>> CollectGroupOffsets(size_t, size_t) override {
    co_return std::vector<GroupOffsetSample>();
  }
  env::Task<std::vector<GroupSample>> CollectGroups(size_t, size_t) override {
    co_return std::vector<GroupSample>();
  }
  env::Task<GroupCounts> CollectGroupCounts() override { co_return GroupCounts(); }
  env::Task<std::optional<ControllerSample>> CollectController() override { co_return std::nullopt; }
  env::Task<RaftSample> CollectRaft() override { co_return RaftSample(); }
  env::Task<ServerSample> CollectServer() override {
    --under_way;
    ++scrapes;
    co_return ServerSample();
  }

  std::atomic<int> under_way{0};
  std::atomic<int> scrapes{0};
  std::atomic<bool> overlapped{false};
};

class AdminEndpointTest : public ::testing::Test {
 protected:
  AdminEndpointTest()
      : posix_({.event_loops = 2, .io_threads = 1, .own_process = false}),
        server_metrics_(registry_),
        scraper_(posix_.env(), registry_, source_) {
    posix_.Start();
    auto admin = AdminEndpoint::Listen(posix_.env(), {"127.0.0.1", 0}, "1.2.3");
    EXPECT_TRUE(admin.ok()) << admin.status();
    admin_ = std::move(*admin);
    const std::string url = admin_->metrics_url();
    port_ = static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  }
  ~AdminEndpointTest() override {
    admin_->Stop();
    posix_.Stop();
  }

  std::future<std::string> Ask(std::string path) {
    auto* answer = new std::promise<std::string>();
    std::future<std::string> future = answer->get_future();
    answers_.emplace_back(answer);
    std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    env::Spawn(*posix_.env().executors[0],
               http::Exchange(&posix_.env(), {"127.0.0.1", port_}, std::move(request), answer));
    return future;
  }

  env::PosixEnv posix_;
  metrics::Registry registry_;
  ServerMetrics server_metrics_;
  SlowSource source_;
  MetricsScraper scraper_;
  std::unique_ptr<AdminEndpoint> admin_;
  std::vector<std::unique_ptr<std::promise<std::string>>> answers_;
  uint16_t port_ = 0;
};

TEST_F(AdminEndpointTest, IsReadyWhileTheBrokerServes) {
  EXPECT_EQ(admin_->metrics_url(), "http://127.0.0.1:" + std::to_string(port_) + "/metrics");
  EXPECT_THAT(Ask("/healthz").get(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Ask("/readyz").get(), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(Ask("/metrics").get(), StartsWith("HTTP/1.1 503"));
  admin_->Ready(&scraper_);
  EXPECT_THAT(Ask("/readyz").get(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Ask("/metrics").get(), HasSubstr("kafka_server_brokertopicmetrics_bytesin_total 0\n"));
  admin_->NotReady();
  EXPECT_THAT(Ask("/readyz").get(), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(Ask("/metrics").get(), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(Ask("/healthz").get(), StartsWith("HTTP/1.1 200"));
}

TEST_F(AdminEndpointTest, TellsItsVersionBeforeItServes) {
  EXPECT_THAT(Ask("/version").get(), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("\r\n\r\n1.2.3\n")));
}

TEST_F(AdminEndpointTest, ScrapesFollowEachOther) {
  admin_->Ready(&scraper_);
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < 8; ++i) answers.push_back(Ask("/metrics"));
  for (auto& answer : answers) EXPECT_THAT(answer.get(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(source_.scrapes, 8);
  EXPECT_FALSE(source_.overlapped);
}

TEST_F(AdminEndpointTest, SaysWhatToDoWhenThePortIsTaken) {
  const auto second = AdminEndpoint::Listen(posix_.env(), {"127.0.0.1", port_}, "1.2.3");
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("metrics.port"));
}

}  // namespace
}  // namespace dohle::server
