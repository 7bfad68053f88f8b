#include "broker/metadata/own_life.h"

#include <gtest/gtest.h>

namespace dohle::metadata {
namespace {

constexpr NodeId kSelf{1};
constexpr Uuid kBefore{0, 6}, kOurs{0, 7};

MetadataImage Registered(const Uuid& incarnation) {
  BrokerRegistration registration;
  registration.id = kSelf;
  registration.incarnation_id = incarnation;
  MetadataImage image;
  image.cluster.brokers.Set(kSelf, registration);
  return image;
}

TEST(OwnLifeTest, BeginsWithTheFirstImageThatKnowsOfIt) {
  OwnLife life(kSelf, kOurs);
  EXPECT_FALSE(life.Begins(MetadataImage()));
  EXPECT_FALSE(life.Begins(Registered(kBefore)));
  EXPECT_FALSE(life.begun());
  EXPECT_TRUE(life.Begins(Registered(kOurs)));
  EXPECT_TRUE(life.begun());
  EXPECT_FALSE(life.Begins(Registered(kOurs))) << "it begins once";
  EXPECT_FALSE(life.Begins(MetadataImage()));
  EXPECT_TRUE(life.begun()) << "also where it is unregistered";
}

TEST(OwnLifeTest, WhoRegistersWithNobodyLivesFromTheStart) {
  OwnLife life(kSelf, Uuid());
  EXPECT_TRUE(life.begun());
  EXPECT_FALSE(life.Begins(Registered(kBefore)));
}

}  // namespace
}  // namespace dohle::metadata
