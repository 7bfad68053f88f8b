// Which of Kafka's broker properties change while brokers run: what the operator sets as the default of all
// brokers (KIP-226) in place of a file that is read at the start. Pure.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "operator/api/cluster.h"

namespace dohle::resources {

using ConfigValues = std::map<std::string, std::string>;

// On the ConfigMap: what was set as the default of all brokers, as a JSON object.
inline constexpr std::string_view kLiveConfigAnnotation = "dohle.dev/live-config";

// By name. Those that clusters set of themselves (throttles of replication) are not among them.
std::span<const std::string_view> LiveKeys();
bool IsLiveKey(std::string_view key);
// Those of spec.config, all of them dynamic.
ConfigValues LiveConfig(const api::ClusterSpec& spec);

}  // namespace dohle::resources
