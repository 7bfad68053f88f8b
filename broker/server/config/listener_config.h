// Listeners: `listeners`, `advertised.listeners`, `listener.security.protocol.map` and what belongs to them.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/server/config/effective_values.h"
#include "lib/env/transport.h"

namespace dohle::server {

// The numbers are the protocol's (SecurityProtocol ids in registrations).
enum class SecurityProtocol : int16_t { kPlaintext = 0, kSsl = 1, kSaslPlaintext = 2, kSaslSsl = 3 };
std::string_view Name(SecurityProtocol protocol);

struct ListenerConfig {
  std::string name;        // upper case, as Kafka normalises it
  env::Endpoint endpoint;  // empty host: all addresses; port 0: the system chooses
  SecurityProtocol protocol = SecurityProtocol::kPlaintext;
  // After "listener.name.<name>." overrides.
  int32_t max_connections = INT32_MAX;
  int32_t max_connections_per_ip = INT32_MAX;
  int32_t max_connection_creation_rate = INT32_MAX;
  int64_t connections_max_idle_ms = 600000;
};

struct ListenersConfig {
  std::vector<ListenerConfig> broker;      // what clients and brokers connect to
  std::vector<ListenerConfig> controller;  // what quorum members and brokers reach the controller by
  // What metadata tells clients: one for each entry of `broker` or fewer. An empty host is to be replaced by
  // the name of this machine, port 0 by the port that was bound.
  std::vector<ListenerConfig> advertised;
  // The same for the controller listeners, as registrations carry them.
  std::vector<ListenerConfig> advertised_controller;
  std::string inter_broker_listener;  // the name of one of `broker`; "" without the broker role
  std::vector<std::string> controller_listener_names;
};

// What a node is (process.roles).
struct NodeRoles {
  bool broker = true;
  bool controller = true;
  bool standalone = false;  // the whole quorum: needs no controller listener if it is a broker, too
};

// Reads them all and checks that they fit together. kInvalidArgument with a sentence that names the key.
StatusOr<ListenersConfig> ParseListeners(const EffectiveValues& values, const NodeRoles& roles);

}  // namespace dohle::server
