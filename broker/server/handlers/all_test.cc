#include "broker/server/handlers/all.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/kafka/messages/api_keys.h"

namespace dohle::server {
namespace {

const kafka::ApiInfo* InfoOf(kafka::ApiKey key) {
  const auto* found =
      std::find_if(kafka::kApis.begin(), kafka::kApis.end(), [&](const auto& api) { return api.key == key; });
  return found == kafka::kApis.end() ? nullptr : found;
}

// An API that is served at all is served in every version that Kafka 4.3.1 announces, and in no other.
// An API that is served at all is served in every version that Kafka 4.3.1 announces, and in no other, and on
// no listener on which Kafka doesn't serve it.
void ExpectServedAsKafkaDoes(ListenerRole role, uint8_t listener) {
  ASSERT_FALSE(ServedApis(role).empty());
  for (const ServedApi& served : ServedApis(role)) {
    const kafka::ApiInfo* info = InfoOf(served.key);
    ASSERT_NE(info, nullptr);
    SCOPED_TRACE(info->name);
    const auto newest = static_cast<int16_t>(info->versions.max - (info->latest_version_unstable ? 1 : 0));
    EXPECT_EQ(served.versions.min, info->versions.min);
    EXPECT_EQ(served.versions.max, newest);
    // KAFKA-18659: old librdkafka must see Produce 0.
    const int16_t oldest_announced = served.key == kafka::ApiKey::kProduce ? int16_t{0} : info->versions.min;
    EXPECT_EQ(served.announced_versions.min, oldest_announced);
    EXPECT_EQ(served.announced_versions.max, newest);
    EXPECT_NE(info->listeners & listener, 0);
  }
}

TEST(ServedApisTest, AreServedInKafkasVersions) {
  ExpectServedAsKafkaDoes(ListenerRole::kBroker, kafka::kOnBroker);
  ExpectServedAsKafkaDoes(ListenerRole::kController, kafka::kOnController);
}

// What a quorum and its brokers need of a controller (KIP-595, KIP-631, KIP-853).
TEST(ServedApisTest, ControllersServeTheQuorum) {
  const std::vector<ServedApi> apis = ServedApis(ListenerRole::kController);
  for (const kafka::ApiInfo& info : kafka::kApis) {
    if (info.listeners != kafka::kOnController) continue;
    const bool served =
        std::any_of(apis.begin(), apis.end(), [&](const ServedApi& api) { return api.key == info.key; });
    EXPECT_TRUE(served) << info.name;
  }
}

}  // namespace
}  // namespace dohle::server
