// The controller of Topics with what is measured of their clusters, against a real broker.
#include "operator/reconcile/topic_controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/env/posix/test_seed.h"
#include "operator/measurements.h"
#include "operator/runtime/metrics.h"
#include "tests/topics/world.h"

namespace dohle::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TopicControllerTest : public testing::Test {
 protected:
  TopicControllerTest()
      : seed_(env::TestSeed()),
        trace_(__FILE__, __LINE__, testing::Message() << "DOHLE_SEED=" << seed_),
        world_(seed_),
        controller_({world_.env(),
                     world_.executor(),
                     *world_.api,
                     world_.events,
                     "",
                     {},
                     [this](const k8s::ObjectName&) { return world_.kafka; },
                     {},
                     {}}),
        measurements_({world_.env(), world_.executor(),
                       [](const std::string&) { return std::vector<env::Endpoint>(); }}) {
    controller_.Watch(stop_);
    EXPECT_TRUE(world_.RunUntil([this] { return controller_.synced(); }, absl::Seconds(10)));
    controller_.Act();
  }
  ~TopicControllerTest() override {
    stop_.Stop();
    const auto stop = [](reconcile::TopicController* controller) -> env::Task<bool> {
      co_await controller->Stop();
      co_return true;
    };
    world_.Do(stop(&controller_));
  }
  bool ReadySoon(const std::string& name) {
    return world_.RunUntil([&] { return world_.Ready(name); }, absl::Seconds(30));
  }
  bool GoneSoon(const std::string& name) {
    return world_.RunUntil([&] { return !world_.Find(name).has_value(); }, absl::Seconds(30));
  }

  const uint64_t seed_;
  const testing::ScopedTrace trace_;
  TopicsWorld world_;
  env::StopSignal stop_;
  reconcile::TopicController controller_;
  Measurements measurements_;
};

TEST_F(TopicControllerTest, AGroupEndsAWhileAfterItsLastTopic) {
  world_.Apply("orders", 1);
  ASSERT_TRUE(ReadySoon("orders"));
  EXPECT_EQ(controller_.groups().size(), 1u);
  world_.Remove("orders");
  ASSERT_TRUE(GoneSoon("orders"));
  EXPECT_EQ(controller_.groups().size(), 1u) << "what is gone may still be shown by older copies";
  EXPECT_TRUE(world_.RunUntil([&] { return controller_.groups().empty(); }, absl::Minutes(30)));
  world_.Apply("orders", 2);
  EXPECT_TRUE(ReadySoon("orders"));
  EXPECT_EQ(controller_.groups().size(), 1u);
}

TEST_F(TopicControllerTest, WhatWasMeasuredGoesWithTheLastTopic) {
  runtime::OperatorMetrics metrics;
  metrics.AddSource([this](runtime::MetricSink& sink) { measurements_.Collect(sink); });
  env::Spawn(world_.executor(), measurements_.Run(&controller_, &stop_));
  const std::string line = "dohle_topic_records_in_per_second{";
  EXPECT_THAT(metrics.Collect(), Not(HasSubstr(line)));
  world_.Apply("orders", 1);
  ASSERT_TRUE(ReadySoon("orders"));
  EXPECT_TRUE(
      world_.RunUntil([&] { return metrics.Collect().find(line) != std::string::npos; }, absl::Seconds(30)));
  EXPECT_TRUE(measurements_.Of("default/demo", "orders").has_value());
  world_.Remove("orders");
  ASSERT_TRUE(GoneSoon("orders"));
  EXPECT_TRUE(
      world_.RunUntil([&] { return metrics.Collect().find(line) == std::string::npos; }, absl::Seconds(30)));
  EXPECT_FALSE(measurements_.Of("default/demo", "orders").has_value());
}

}  // namespace
}  // namespace dohle::sim
