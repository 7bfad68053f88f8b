// The scaler of Clusters against an API server in memory and brokers that are metrics pages, in virtual time.

#include "operator/reconcile/autoscaling/broker_scaler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lib/env/sim/sim_world.h"
#include "lib/http/http_server.h"
#include "operator/local/api_store.h"

namespace dohle::tests {
namespace {

using k8s::Json;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double kMiB = 1 << 20;

class Events : public reconcile::EventSink {
 public:
  void Normal(const k8s::Resource&, const k8s::ObjectMeta&, std::string_view reason, std::string_view,
              std::string note) override {
    told.push_back(fmt::format("{} {}", reason, note));
  }
  void Warning(const k8s::Resource& resource, const k8s::ObjectMeta& regarding, std::string_view reason,
               std::string_view action, std::string note) override {
    Normal(resource, regarding, reason, action, std::move(note));
  }
  std::vector<std::string> told;
};

class BrokerScalerTest : public testing::Test {
 protected:
  BrokerScalerTest()
      : world_(1),
        node_(world_.AddNode("operator")),
        executor_(*node_.env().executors[0]),
        store_(*local::ApiStore::Open(node_.env(), executor_, "")),
        clusters_(*store_, node_.env().random, {k8s::kClusters, "", {}}, &reconcile::ReadCluster),
        kafka_(node_.env().transport, executor_) {
    for (int id = 0; id < 3; ++id) Serve(fmt::format("broker-{}", id));
    env::Spawn(executor_, clusters_.Run(stop_));
    StartScaler();
  }
  ~BrokerScalerTest() override { node_.Crash(env::SimNode::Death::kProcess); }

  void StartScaler() {
    scaler_stop_ = std::make_unique<env::StopSignal>();
    scaler_ =
        std::make_unique<reconcile::autoscaling::BrokerScaler>(reconcile::autoscaling::BrokerScaler::Parts{
            node_.env(), executor_, *store_, events_, kafka_, clusters_,
            [this](const k8s::ObjectName&) { return pages_; },
            [](const k8s::ObjectName&) { return std::nullopt; }, [] { return true; }});
    env::Spawn(executor_, scaler_->Run(scaler_stop_.get()));
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

  static env::Task<void> Apply(k8s::Client* client, Json cluster) {
    k8s::ApplyOptions options;
    options.field_manager = "kubectl";
    const auto applied = co_await client->Apply(k8s::kClusters, cluster, options);
    EXPECT_TRUE(applied.ok()) << applied.status();
  }
  static env::Task<void> Read(k8s::Client* client, Json* out) {
    const k8s::ObjectName name{"ns", "main"};
    *out = (co_await client->Get(k8s::kClusters, name)).value_or(Json());
  }
  void Make(const std::string& spec) {
    Json cluster = k8s::NewObject(k8s::kClusters, {"ns", "main"});
    cluster["spec"] = Json::parse(spec);
    env::Spawn(executor_, Apply(store_.get(), std::move(cluster)));
    world_.RunFor(absl::Seconds(1));
  }
  Json Get() {
    Json cluster;
    env::Spawn(executor_, Read(store_.get(), &cluster));
    world_.RunFor(absl::Milliseconds(1));
    return cluster;
  }
  int64_t Brokers() { return k8s::FindInt(Get(), "spec.brokers", 0); }

  env::SimWorld world_;
  env::SimNode& node_;
  env::Executor& executor_;
  std::unique_ptr<local::ApiStore> store_;
  Events events_;
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
  const Json cluster = Get();
  EXPECT_EQ(k8s::FindInt(cluster, "spec.brokers", 0), 6);
  EXPECT_EQ(k8s::FindInt(cluster, "status.autoscaling.wanted", 0), 6);
  EXPECT_EQ(k8s::FindString(cluster, "status.autoscaling.reason"), "BytesPerSecond");
  EXPECT_NE(k8s::FindString(cluster, "status.autoscaling.lastScaleTime"), "");
  EXPECT_THAT(events_.told,
              Contains(HasSubstr("ScaledOut From 3 to 6 brokers: 3 brokers carry 20.0 MiB/s each")));
}

TEST_F(BrokerScalerTest, ADryRunTellsOnce) {
  load_ = 19 * kMiB;
  Make(R"({"brokers": 3, "autoscaling": {"minBrokers": 3, "maxBrokers": 8, "dryRun": true,
                                         "targetBytesPerSecondPerBroker": "10Mi"}})");
  world_.RunFor(absl::Minutes(10));
  EXPECT_EQ(Brokers(), 3);
  EXPECT_EQ(k8s::FindInt(Get(), "status.autoscaling.wanted", 0), 6);
  const auto advised = [](const std::string& event) { return event.starts_with("ScalingAdvised"); };
  EXPECT_EQ(std::count_if(events_.told.begin(), events_.told.end(), advised), 1);
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
  EXPECT_EQ(k8s::FindString(Get(), "status.autoscaling.reason"), "WithinTargets");
  EXPECT_THAT(events_.told, IsEmpty());
  Make(R"({"brokers": 3})");
  world_.RunFor(absl::Seconds(20));
  EXPECT_FALSE(Get()["status"].contains("autoscaling"));
}

}  // namespace
}  // namespace dohle::tests
