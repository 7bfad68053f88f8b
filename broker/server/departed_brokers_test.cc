#include "broker/server/departed_brokers.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "broker/metadata/delta.h"

namespace dohle::server {
namespace {

constexpr NodeId kBroker{2};

class TurnedClock : public env::Clock {
 public:
  int64_t WallTimeMs() const override { return 0; }
  env::MonotonicTime Now() const override { return now_; }
  void Advance(absl::Duration by) { now_ = now_ + by; }

 private:
  env::MonotonicTime now_{1};
};

metadata::ImagePtr With(bool fenced) {
  auto image = std::make_shared<metadata::MetadataImage>();
  metadata::BrokerRegistration registration;
  registration.id = kBroker;
  registration.fenced = fenced;
  image->cluster.brokers.Set(kBroker, registration);
  return image;
}

class DepartedBrokersTest : public testing::Test {
 protected:
  void Publish(metadata::ImagePtr next) {
    metadata::MetadataUpdate update{std::exchange(image_, next), next, {}};
    update.changes.brokers.insert(kBroker);
    departed_.Note(update);
  }

  TurnedClock clock_;
  metadata::ImagePtr image_ = std::make_shared<metadata::MetadataImage>();
  DepartedBrokers departed_{clock_, absl::Seconds(9)};
};

TEST_F(DepartedBrokersTest, ABrokerCountsForAWhileAfterItIsFenced) {
  Publish(With(false));
  EXPECT_FALSE(departed_.JustLeft(kBroker));
  Publish(With(true));
  EXPECT_TRUE(departed_.JustLeft(kBroker));
  clock_.Advance(absl::Milliseconds(8999));
  Publish(With(true));
  EXPECT_TRUE(departed_.JustLeft(kBroker)) << "another change of it begins no new time";
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(departed_.JustLeft(kBroker));
}

TEST_F(DepartedBrokersTest, OneThatIsForgottenIsGoneAtOnce) {
  Publish(With(false));
  Publish(With(true));
  Publish(std::make_shared<metadata::MetadataImage>());
  EXPECT_FALSE(departed_.JustLeft(kBroker));
}

TEST_F(DepartedBrokersTest, ComingBackEndsIt) {
  Publish(With(false));
  Publish(With(true));
  Publish(With(false));
  EXPECT_FALSE(departed_.JustLeft(kBroker));
}

TEST_F(DepartedBrokersTest, WhoWasFencedBeforeTheStartDoesNotCount) {
  Publish(With(true));
  EXPECT_FALSE(departed_.JustLeft(kBroker));
}

}  // namespace
}  // namespace dohle::server
