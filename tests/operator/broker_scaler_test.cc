// The scaler of Clusters against an API server in memory and brokers that are metrics pages, in virtual time.

#include "operator/reconcile/autoscaling/broker_scaler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lib/http/http_server.h"
#include "tests/operator/api_world.h"

namespace dohle::tests {
namespace {

using k8s::Json;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double kMiB = 1 << 20;

class BrokerScalerTest : public ApiWorld, public testing::Test {
 protected:
  BrokerScalerTest()
      : ApiWorld(1),
        clusters_(*store_, node_.env().random, {k8s::kClusters, "", {}}, &reconcile::ReadCluster),
        kafka_(node_.env().transport, executor_) {
    for (int id = 0; id < 3; ++id) Serve(fmt::format("broker-{}", id));
    Do(clusters_.Run(stop_));
    StartScaler();
  }
  ~BrokerScalerTest() override { Crash(); }

  void StartScaler() {
    scaler_stop_ = std::make_unique<env::StopSignal>();
    scaler_ =
        std::make_unique<reconcile::autoscaling::BrokerScaler>(reconcile::autoscaling::BrokerScaler::Parts{
            node_.env(), executor_, *store_, events_, kafka_, clusters_,
            [this](const k8s::ObjectName&) { return pages_; },
            [](const k8s::ObjectName&) { return std::nullopt; }, [] { return true; }});
    Do(scaler_->Run(scaler_stop_.get()));
  }

  // What clients have brought each broker grows by `load_` a second.
  env::Task<http::HttpResponse> Page() {
    http::HttpResponse response;
    const double seconds = absl::ToDoubleSeconds(world_.now() - env::MonotonicTime());
    response.body = fmt::format(
        "kafka_server_brokertopicmetrics_bytesin_total {:.0f}\n"
        "kafka_server_brokertopicmetrics_bytesout_total 0\n"
        "process_cpu_seconds_total 0\n",
        load_ * seconds);
    co_return response;
  }
  void Serve(const std::string& host) {
    std::vector<http::HttpRoute> routes;
    routes.push_back({"/metrics", [this] { return Page(); }});
    const env::Endpoint endpoint{"", 9404};
    servers_.push_back(
        http::HttpServer::Listen(world_.AddNode(host).env(), endpoint, std::move(routes)).value());
    pages_.push_back({host, 9404});
  }

  void Make(const std::string& spec) {
    Json cluster = k8s::NewObject(k8s::kClusters, {"ns", "main"});
    cluster["spec"] = Json::parse(spec);
    Do(Apply(k8s::kClusters, std::move(cluster)));
    world_.RunFor(absl::Seconds(1));
  }
  Json Cluster() { return Get(k8s::kClusters, "main"); }
  int64_t Brokers() { return k8s::FindInt(Cluster(), "spec.brokers", 0); }

  env::StopSignal stop_;
  runtime::Informer<reconcile::ClusterResource> clusters_;
  reconcile::KafkaClients kafka_;
  std::vector<std::unique_ptr<http::HttpServer>> servers_;
  std::vector<env::Endpoint> pages_;
  double load_ = 20 * kMiB;
  std::unique_ptr<env::StopSignal> scaler_stop_;
  std::unique_ptr<reconcile::autoscaling::BrokerScaler> scaler_;
};

TEST_F(BrokerScalerTest, ScalesOutThroughTheScaleSubresource) {
  Make(R"({"brokers": 3, "autoscaling": {"minBrokers": 3, "maxBrokers": 8,
                                         "targetBytesPerSecondPerBroker": "10Mi"}})");
  world_.RunFor(absl::Seconds(50));
  EXPECT_EQ(Brokers(), 3) << "not stable yet";
  world_.RunFor(absl::Seconds(40));
  const Json cluster = Cluster();
  EXPECT_EQ(k8s::FindInt(cluster, "spec.brokers", 0), 6);
  EXPECT_EQ(k8s::FindInt(cluster, "status.autoscaling.wanted", 0), 6);
  EXPECT_EQ(k8s::FindString(cluster, "status.autoscaling.reason"), "BytesPerSecond");
  EXPECT_NE(k8s::FindString(cluster, "status.autoscaling.lastScaleTime"), "");
  EXPECT_THAT(events_.lines,
              Contains(HasSubstr("ScaledOut: From 3 to 6 brokers: 3 brokers carry 20.0 MiB/s each")));
}

TEST_F(BrokerScalerTest, ADryRunTellsOnce) {
  load_ = 19 * kMiB;
  Make(R"({"brokers": 3, "autoscaling": {"minBrokers": 3, "maxBrokers": 8, "dryRun": true,
                                         "targetBytesPerSecondPerBroker": "10Mi"}})");
  world_.RunFor(absl::Minutes(10));
  EXPECT_EQ(Brokers(), 3);
  EXPECT_EQ(k8s::FindInt(Cluster(), "status.autoscaling.wanted", 0), 6);
  EXPECT_EQ(events_.Count("ScalingAdvised"), 1);
}

TEST_F(BrokerScalerTest, ANewOperatorKeepsTheCooldown) {
  Make(R"({"brokers": 3, "autoscaling": {"minBrokers": 3, "maxBrokers": 8,
                                         "targetBytesPerSecondPerBroker": "10Mi"}})");
  world_.RunFor(absl::Seconds(90));
  ASSERT_EQ(Brokers(), 6);
  scaler_stop_->Stop();
  world_.RunFor(absl::Seconds(5));
  StartScaler();
  load_ = 40 * kMiB;
  world_.RunFor(absl::Minutes(3));
  EXPECT_EQ(Brokers(), 6) << "within the cooldown";
  world_.RunFor(absl::Minutes(3));
  EXPECT_EQ(Brokers(), 8);
}

TEST_F(BrokerScalerTest, WithoutAutoscalingNothingIsTold) {
  Make(R"({"brokers": 3, "autoscaling": {"minBrokers": 3, "maxBrokers": 8,
                                         "targetBytesPerSecondPerBroker": "100Mi"}})");
  world_.RunFor(absl::Minutes(2));
  EXPECT_EQ(k8s::FindString(Cluster(), "status.autoscaling.reason"), "WithinTargets");
  EXPECT_THAT(events_.lines, IsEmpty());
  Make(R"({"brokers": 3})");
  world_.RunFor(absl::Seconds(20));
  EXPECT_FALSE(Cluster()["status"].contains("autoscaling"));
}

}  // namespace
}  // namespace dohle::tests
