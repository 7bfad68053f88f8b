#include "broker/server/config/listener_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace dohle::server {
namespace {

using ProtocolMap = std::map<std::string, SecurityProtocol, std::less<>>;

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return upper;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

std::optional<SecurityProtocol> ProtocolNamed(std::string_view name) {
  for (const auto protocol : {SecurityProtocol::kPlaintext, SecurityProtocol::kSsl,
                              SecurityProtocol::kSaslPlaintext, SecurityProtocol::kSaslSsl}) {
    if (Name(protocol) == name) return protocol;
  }
  return std::nullopt;
}

StatusOr<ProtocolMap> ParseProtocolMap(const EffectiveValues& values,
                                       const std::vector<std::string>& controller_names) {
  constexpr std::string_view kKey = "listener.security.protocol.map";
  ProtocolMap map;
  for (const std::string& entry : SplitList(values.String(kKey))) {
    const size_t colon = entry.rfind(':');
    const std::string protocol = colon == std::string::npos ? "" : Upper(entry.substr(colon + 1));
    const auto known = ProtocolNamed(protocol);
    if (!known) {
      return MakeStatus(
          StatusCode::kInvalidArgument,
          "Invalid value {} for configuration {}: entries have the form NAME:PROTOCOL, with one "
          "of the protocols PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
          entry, kKey);
    }
    map[Upper(entry.substr(0, colon))] = *known;
  }
  // As Kafka does: with no map of their own, controller listeners speak plain text.
  if (values.Set(kKey) == nullptr) {
    for (const std::string& name : controller_names) map.emplace(name, SecurityProtocol::kPlaintext);
  }
  return map;
}

// "NAME://host:port", "NAME://[::1]:port", "NAME://:port"
StatusOr<ListenerConfig> ParseListener(std::string_view key, std::string_view text, const ProtocolMap& map) {
  const auto refuse = [&](std::string_view why) {
    return MakeStatus(StatusCode::kInvalidArgument, "Invalid value {} for configuration {}: {}", text, key,
                      why);
  };
  const size_t scheme = text.find("://");
  const size_t colon = text.rfind(':');
  if (scheme == std::string_view::npos || scheme == 0 || colon <= scheme) {
    return refuse("a listener has the form NAME://host:port");
  }
  ListenerConfig listener;
  listener.name = Upper(text.substr(0, scheme));
  std::string_view host = text.substr(scheme + 3, colon - scheme - 3);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return refuse("an IPv6 address stands in brackets, as in NAME://[::1]:9092");
  }
  listener.endpoint.host = std::string(host);
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), listener.endpoint.port);
  if (error != std::errc() || end != port.data() + port.size()) return refuse("the port is 0 to 65535");
  const auto protocol = map.find(listener.name);
  if (protocol == map.end()) {
    return refuse(
        fmt::format("no security protocol is defined for listener {}; add it to "
                    "listener.security.protocol.map",
                    listener.name));
  }
  listener.protocol = protocol->second;
  if (listener.protocol != SecurityProtocol::kPlaintext) {
    return refuse(fmt::format("listener {} uses {}, which is not served; only PLAINTEXT is", listener.name,
                              Name(listener.protocol)));
  }
  return listener;
}

StatusOr<std::vector<ListenerConfig>> ParseListenerList(const EffectiveValues& values, std::string_view key,
                                                        const ProtocolMap& map) {
  std::vector<ListenerConfig> listeners;
  for (const std::string& text : values.List(key)) {
    DOHLE_ASSIGN_OR_RETURN(ListenerConfig listener, ParseListener(key, text, map));
    for (const ListenerConfig& other : listeners) {
      if (other.name == listener.name) {
        return MakeStatus(StatusCode::kInvalidArgument,
                          "Invalid value for configuration {}: each listener must have a different name, {} "
                          "comes twice",
                          key, listener.name);
      }
    }
    listeners.push_back(std::move(listener));
  }
  return listeners;
}

// "listener.name.<name>.<key>", or else the key itself.
int64_t OverriddenInt(const EffectiveValues& values, const std::string& listener, std::string_view key) {
  const std::string* own = values.Set(fmt::format("listener.name.{}.{}", LowerCase(listener), key));
  if (own == nullptr) return values.Int(key);
  const auto text = ParseConfigValue(*FindKey(ConfigResource::kBroker, key), *own);
  return text.ok() ? std::strtoll(text->c_str(), nullptr, 10) : values.Int(key);
}

void ApplyListenerOverrides(const EffectiveValues& values, ListenerConfig& listener) {
  const auto read = [&](std::string_view key) {
    return static_cast<int32_t>(OverriddenInt(values, listener.name, key));
  };
  listener.max_connections = read("max.connections");
  listener.max_connections_per_ip = read("max.connections.per.ip");
  listener.max_connection_creation_rate = read("max.connection.creation.rate");
  listener.connections_max_idle_ms = OverriddenInt(values, listener.name, "connections.max.idle.ms");
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const ListenerConfig* Named(const std::vector<ListenerConfig>& listeners, std::string_view name) {
  const auto found = std::find_if(listeners.begin(), listeners.end(),
                                  [&](const ListenerConfig& listener) { return listener.name == name; });
  return found == listeners.end() ? nullptr : &*found;
}

Status ReadAdvertised(const EffectiveValues& values, const ProtocolMap& map, ListenersConfig& config) {
  constexpr std::string_view kKey = "advertised.listeners";
  if (values.Set(kKey) == nullptr) {
    config.advertised = config.broker;
    config.advertised_controller = config.controller;
  } else {
    DOHLE_ASSIGN_OR_RETURN(const auto advertised, ParseListenerList(values, kKey, map));
    for (const ListenerConfig& listener : advertised) {
      if (Contains(config.controller_listener_names, listener.name)) {
        config.advertised_controller.push_back(listener);
      } else if (Named(config.broker, listener.name) == nullptr) {
        return MakeStatus(StatusCode::kInvalidArgument,
                          "advertised.listeners names {}, which is not among the listeners", listener.name);
      } else {
        config.advertised.push_back(listener);
      }
    }
    for (const ListenerConfig& listener : config.controller) {
      if (Named(config.advertised_controller, listener.name) == nullptr) {
        config.advertised_controller.push_back(listener);
      }
    }
  }
  for (const ListenerConfig& listener : config.advertised) {
    if (listener.endpoint.host == "0.0.0.0" || listener.endpoint.host == "::") {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "advertised.listeners cannot use the address {}, to which no client can connect; set "
                        "advertised.listeners to the name by which clients reach this broker",
                        listener.endpoint.host);
    }
  }
  return OkStatus();
}

Status ChooseInterBroker(const EffectiveValues& values, ListenersConfig& config) {
  if (const auto name = values.OptionalString("inter.broker.listener.name")) {
    if (values.Set("security.inter.broker.protocol") != nullptr) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "Only one of inter.broker.listener.name and security.inter.broker.protocol should be "
                        "set");
    }
    config.inter_broker_listener = Upper(*name);
  } else {
    config.inter_broker_listener = values.String("security.inter.broker.protocol");
  }
  if (Named(config.advertised, config.inter_broker_listener) == nullptr) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "inter.broker.listener.name must be a listener name defined in advertised.listeners. "
                      "The valid options based on currently configured listeners are {}, and {} is not one",
                      fmt::join(
                          [&] {
                            std::vector<std::string> names;
                            for (const auto& listener : config.advertised) names.push_back(listener.name);
                            return names;
                          }(),
                          ","),
                      config.inter_broker_listener);
  }
  return OkStatus();
}

}  // namespace

std::string_view Name(SecurityProtocol protocol) {
  switch (protocol) {
    case SecurityProtocol::kPlaintext:
      return "PLAINTEXT";
    case SecurityProtocol::kSsl:
      return "SSL";
    case SecurityProtocol::kSaslPlaintext:
      return "SASL_PLAINTEXT";
    case SecurityProtocol::kSaslSsl:
      return "SASL_SSL";
  }
  return "";
}

StatusOr<ListenersConfig> ParseListeners(const EffectiveValues& values, const NodeRoles& roles) {
  ListenersConfig config;
  for (const std::string& name : values.List("controller.listener.names")) {
    config.controller_listener_names.push_back(Upper(name));
  }
  const bool alone = roles.standalone && roles.broker;
  if (config.controller_listener_names.empty() && !alone) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "controller.listener.names must contain at least one value, as the quorum has more "
                      "members than this node");
  }
  DOHLE_ASSIGN_OR_RETURN(const ProtocolMap map, ParseProtocolMap(values, config.controller_listener_names));
  DOHLE_ASSIGN_OR_RETURN(auto listeners, ParseListenerList(values, "listeners", map));
  for (ListenerConfig& listener : listeners) {
    ApplyListenerOverrides(values, listener);
    const bool controller = Contains(config.controller_listener_names, listener.name);
    if (controller && !roles.controller) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "The listeners must not name {}, a controller listener, as process.roles has no "
                        "controller",
                        listener.name);
    }
    if (!controller && !roles.broker) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "The listeners config must only contain KRaft controller listeners from "
                        "controller.listener.names when process.roles=controller; {} is none",
                        listener.name);
    }
    (controller ? config.controller : config.broker).push_back(std::move(listener));
  }
  if (roles.controller && !alone && config.controller.empty()) {
    return MakeStatus(
        StatusCode::kInvalidArgument,
        "controller.listener.names must contain at least one value appearing in the 'listeners' "
        "configuration when running the KRaft controller role");
  }
  if (roles.broker && config.broker.empty()) {
    return MakeStatus(StatusCode::kInvalidArgument, "the listeners must name one that is not a controller's");
  }
  DOHLE_RETURN_IF_ERROR(ReadAdvertised(values, map, config));
  if (roles.broker) DOHLE_RETURN_IF_ERROR(ChooseInterBroker(values, config));
  // A controller alone has none of its own: it is where it looks after brokers (failure_detector.h).
  if (const auto name = values.OptionalString("inter.broker.listener.name"); name && !roles.broker)
    config.inter_broker_listener = Upper(*name);
  return config;
}

}  // namespace dohle::server
