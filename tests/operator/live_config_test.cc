// The operator's list of settings that brokers take while they run, held against the broker's own.
#include "operator/resources/live_config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "broker/server/config/config_def.h"

namespace dohle {
namespace {

// Set by the cluster for itself, while replicas are moved.
bool IsThrottle(std::string_view key) {
  return key.ends_with("replication.throttled.rate") ||
         key == "replica.alter.log.dirs.io.max.bytes.per.second";
}

TEST(LiveConfigTest, TheKeysAreTheBrokers) {
  std::vector<std::string> expected;
  for (const server::ConfigKey& key : server::KeysOf(server::ConfigResource::kBroker)) {
    const bool live =
        key.mode == server::UpdateMode::kClusterWide && key.treatment != server::Treatment::kRefused;
    if (live && !IsThrottle(key.name)) expected.emplace_back(key.name);
  }
  std::sort(expected.begin(), expected.end());
  const std::vector<std::string> keys(resources::LiveKeys().begin(), resources::LiveKeys().end());
  EXPECT_EQ(keys, expected);
  for (const std::string& key : expected) EXPECT_TRUE(resources::IsLiveKey(key)) << key;
  EXPECT_FALSE(resources::IsLiveKey("log.retention.hours"));
}

}  // namespace
}  // namespace dohle
