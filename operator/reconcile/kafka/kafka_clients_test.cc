#include "operator/reconcile/kafka/kafka_clients.h"

#include <gtest/gtest.h>

#include <memory>

#include "lib/env/posix/test_seed.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::reconcile {
namespace {

class KafkaClientsTest : public testing::Test {
 protected:
  KafkaClientsTest()
      : seed_(env::TestSeed()),
        trace_(__FILE__, __LINE__, testing::Message() << "DOHLE_SEED=" << seed_),
        world_(seed_),
        node_(world_.AddNode("operator")),
        clients_(node_.env().transport, *node_.env().executors[0]) {}

  const uint64_t seed_;
  const testing::ScopedTrace trace_;
  env::SimWorld world_;
  env::SimNode& node_;
  KafkaClients clients_;
};

TEST_F(KafkaClientsTest, OneForEachAddress) {
  const auto a = clients_.Get("a:9092").value();
  EXPECT_EQ(clients_.Get("a:9092").value(), a);
  EXPECT_NE(clients_.Get("b:9092").value(), a);
  EXPECT_EQ(clients_.Get("nonsense").status().code(), StatusCode::kInvalidArgument);
}

TEST_F(KafkaClientsTest, WhatNobodyAsksForIsClosed) {
  const std::weak_ptr<KafkaClient> old = clients_.Get("old:9092").value();
  const std::shared_ptr<KafkaClient> held = clients_.Get("held:9092").value();
  const std::weak_ptr<KafkaClient> used = clients_.Get("used:9092").value();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(old.expired());
    world_.RunFor(absl::Seconds(25));
    EXPECT_EQ(clients_.Get("used:9092").value(), used.lock());
  }
  EXPECT_TRUE(old.expired());
  EXPECT_EQ(held.use_count(), 1) << "only who asked for it has it";
  EXPECT_FALSE(used.expired());
}

}  // namespace
}  // namespace dohle::reconcile
