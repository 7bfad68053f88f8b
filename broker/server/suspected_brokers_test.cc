#include "broker/server/suspected_brokers.h"

#include <gtest/gtest.h>

#include <memory>

#include "broker/metadata/delta.h"
#include "lib/env/env.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::server {
namespace {

constexpr NodeId kBroker{2};
constexpr absl::Duration kPatience = absl::Seconds(1);

class SuspectedBrokersTest : public testing::Test {
 protected:
  SuspectedBrokersTest()
      : world_(1), env_(world_.AddNode("node-1").env()), suspected_(env_.clock, kPatience) {}

  // How long `kBroker` was waited for; set when the wait is over.
  std::shared_ptr<absl::Duration> BeginToWait() {
    auto took = std::make_shared<absl::Duration>(absl::InfiniteDuration());
    env::Spawn(*env_.executors.front(), Wait(&suspected_, &env_, took));
    world_.RunFor(absl::ZeroDuration());
    return took;
  }
  static env::Task<void> Wait(SuspectedBrokers* suspected, env::Env* env,
                              std::shared_ptr<absl::Duration> took) {
    const env::MonotonicTime began = env->clock.Now();
    co_await suspected->AwaitVerdict(kBroker);
    *took = env->clock.Now() - began;
  }
  void Publish(bool fenced) {
    auto image = std::make_shared<metadata::MetadataImage>();
    metadata::BrokerRegistration registration;
    registration.id = kBroker;
    registration.fenced = fenced;
    image->cluster.brokers.Set(kBroker, registration);
    suspected_.Note({image, image, {}});
  }

  env::SimWorld world_;
  env::Env& env_;
  SuspectedBrokers suspected_;
};

TEST_F(SuspectedBrokersTest, NobodyIsWaitedForWithoutALoss) {
  EXPECT_FALSE(suspected_.Suspects(kBroker));
  EXPECT_EQ(*BeginToWait(), absl::ZeroDuration());
}

TEST_F(SuspectedBrokersTest, AllWhoWaitGoOnWhenTheBrokerIsFenced) {
  suspected_.Lost(kBroker);
  EXPECT_TRUE(suspected_.Suspects(kBroker));
  EXPECT_FALSE(suspected_.Suspects(NodeId(3)));
  const auto first = BeginToWait();
  const auto second = BeginToWait();
  world_.RunFor(absl::Milliseconds(20));
  Publish(false);
  world_.RunFor(absl::Milliseconds(5));
  EXPECT_EQ(*first, absl::InfiniteDuration()) << "a change without a verdict";
  Publish(true);
  world_.RunFor(absl::Milliseconds(1));
  EXPECT_LE(*first, absl::Milliseconds(26));
  EXPECT_LE(*second, absl::Milliseconds(26));
  EXPECT_FALSE(suspected_.Suspects(kBroker));
}

TEST_F(SuspectedBrokersTest, ABrokerThatAnswersAgainIsNotSuspected) {
  suspected_.Lost(kBroker);
  const auto wait = BeginToWait();
  world_.RunFor(absl::Milliseconds(20));
  suspected_.Heard(kBroker);
  world_.RunFor(absl::Milliseconds(1));
  EXPECT_LE(*wait, absl::Milliseconds(21));
}

TEST_F(SuspectedBrokersTest, PatienceEndsAndIsNotGivenTwice) {
  suspected_.Lost(kBroker);
  world_.RunFor(absl::Milliseconds(400));
  const auto wait = BeginToWait();
  world_.RunFor(kPatience);
  EXPECT_EQ(*wait, kPatience - absl::Milliseconds(400));
  suspected_.Lost(kBroker);
  EXPECT_FALSE(suspected_.Suspects(kBroker))
      << "it can't be reached from here, and the controller reaches it";
  suspected_.Heard(kBroker);
  suspected_.Lost(kBroker);
  EXPECT_TRUE(suspected_.Suspects(kBroker));
}

}  // namespace
}  // namespace dohle::server
