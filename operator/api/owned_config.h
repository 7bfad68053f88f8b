// Broker properties that the operator sets itself and that spec.config therefore may not hold. Pure; any
// thread.
#pragma once

#include <span>
#include <string_view>

namespace dohle::api {

struct OwnedConfig {
  std::span<const std::string_view> keys;
  std::string_view instead;  // how the user gets what the keys are for, as the end of a sentence
};

std::span<const OwnedConfig> OwnedBrokerConfig();
// Null if `key` is the user's to set.
const OwnedConfig* FindOwnedBrokerConfig(std::string_view key);

}  // namespace dohle::api
