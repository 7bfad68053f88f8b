#include "broker/replica/replication_quota.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace dohle::replica {
namespace {

using metadata::ConfigMap;
using metadata::ConfigResourceType;
using metadata::ConfigsImage;

class ReplicationQuotaTest : public testing::Test {
 protected:
  void Set(ConfigResourceType type, const std::string& name, ConfigMap configs) {
    image_.configs.by_resource.Set(ConfigsImage::Key(type, name), std::move(configs));
    metadata::MetadataUpdate update;
    update.before = std::make_shared<const metadata::MetadataImage>();
    update.after = std::make_shared<const metadata::MetadataImage>(image_);
    update.changes.configs.insert({type, name});
    quota_.Update(update);
  }
  bool Throttled(const std::string& topic, int32_t partition) {
    return quota_.IsThrottled({topic, PartitionIndex(partition)});
  }

  metadata::MetadataImage image_;
  ReplicationQuota quota_{ReplicationQuota::Side::kFollower, NodeId(3)};
};

TEST_F(ReplicationQuotaTest, ThrottlesTheReplicasThatAreNamed) {
  Set(ConfigResourceType::kTopic, "t", {{"follower.replication.throttled.replicas", "0:3,1:2,5:3"}});
  Set(ConfigResourceType::kTopic, "all", {{"follower.replication.throttled.replicas", "*"}});
  Set(ConfigResourceType::kTopic, "led", {{"leader.replication.throttled.replicas", "*"}});
  EXPECT_FALSE(Throttled("t", 0));  // there is no rate
  Set(ConfigResourceType::kBroker, "3", {{"follower.replication.throttled.rate", "1000"}});
  EXPECT_TRUE(Throttled("t", 0));
  EXPECT_FALSE(Throttled("t", 1));
  EXPECT_TRUE(Throttled("t", 5));
  EXPECT_TRUE(Throttled("all", 9));
  EXPECT_FALSE(Throttled("led", 0));
  EXPECT_FALSE(Throttled("other", 0));
  Set(ConfigResourceType::kTopic, "t", {});
  EXPECT_FALSE(Throttled("t", 0));
  Set(ConfigResourceType::kBroker, "3", {});
  EXPECT_FALSE(Throttled("all", 9));
  Set(ConfigResourceType::kBroker, "", {{"follower.replication.throttled.rate", "7"}});
  EXPECT_TRUE(Throttled("all", 9));
}

TEST_F(ReplicationQuotaTest, TheRateHoldsOnAverage) {
  Set(ConfigResourceType::kBroker, "3", {{"follower.replication.throttled.rate", "1000"}});
  int64_t now_ms = 1'000'000;
  uint64_t copied = 0;
  const int64_t began_ms = now_ms;
  while (now_ms < began_ms + 100'000) {
    now_ms = std::max(now_ms + 1, quota_.Record(700, now_ms));
    copied += 700;
  }
  EXPECT_GE(copied, 100'000U);
  EXPECT_LE(copied, 102'000U);
  // What wasn't used isn't saved up for longer than a second.
  now_ms += 50'000;
  EXPECT_LE(quota_.Record(1000, now_ms), now_ms);
  EXPECT_EQ(quota_.Record(1000, now_ms), now_ms + 1000);
}

}  // namespace
}  // namespace dohle::replica
