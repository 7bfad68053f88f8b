#include "operator/api/owned_config.h"

#include <algorithm>
#include <array>

namespace dohle::api {
namespace {

constexpr std::array<std::string_view, 3> kIdentity = {"node.id", "broker.id", "process.roles"};
constexpr std::array<std::string_view, 6> kQuorum = {
    "controller.listener.names",          "controller.quorum.voters", "controller.quorum.bootstrap.servers",
    "controller.quorum.auto.join.enable", "dohle.cluster.id",         "dohle.initial.controllers"};
constexpr std::array<std::string_view, 6> kListeners = {"listeners",
                                                        "advertised.listeners",
                                                        "listener.security.protocol.map",
                                                        "early.start.listeners",
                                                        "inter.broker.listener.name",
                                                        "security.inter.broker.protocol"};
constexpr std::array<std::string_view, 4> kStorage = {"log.dirs", "log.dir", "metadata.log.dir",
                                                      "cordoned.log.dirs"};
constexpr std::array<std::string_view, 1> kRack = {"broker.rack"};
constexpr std::array<std::string_view, 2> kMetrics = {"metrics.port", "metrics.host"};

constexpr std::array<OwnedConfig, 6> kOwned = {{
    {kIdentity, "the operator numbers the brokers and gives them their roles"},
    {kQuorum, "the operator puts the quorum together"},
    {kListeners, "use spec.listeners"},
    {kStorage, "use spec.storage.volumes"},
    {kRack, "use spec.rack.topologyKey"},
    {kMetrics, "metrics and probes are served on port 9404 of every broker"},
}};

}  // namespace

std::span<const OwnedConfig> OwnedBrokerConfig() { return kOwned; }

const OwnedConfig* FindOwnedBrokerConfig(std::string_view key) {
  const auto found = std::find_if(kOwned.begin(), kOwned.end(), [&](const OwnedConfig& owned) {
    return std::find(owned.keys.begin(), owned.keys.end(), key) != owned.keys.end();
  });
  return found == kOwned.end() ? nullptr : &*found;
}

}  // namespace dohle::api
