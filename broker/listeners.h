// The sockets of a node: controller listeners, which the quorum and brokers come to, and broker listeners,
// which clients and other brokers come to, each kind with its own APIs.
//
// On the first executor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/metadata/image.h"
#include "broker/server/config/broker_config.h"
#include "broker/server/dispatcher.h"
#include "broker/server/kafka_server.h"
#include "lib/base/status.h"
#include "lib/env/env.h"

namespace dohle {

class Listeners {
 public:
  // All outlive it. `host_name` stands for an empty host.
  Listeners(env::Env& env, const server::LoadedConfig& config, const server::ServerMetrics& metrics,
            server::RequestMetricsTable& requests, std::string host_name);
  ~Listeners();

  // Listens; who connects waits until they are served. Nothing happens without such listeners.
  Status BindControllers();
  Status BindBrokers();
  void ServeControllers(server::Services& services);
  void ServeBrokers(server::Services& services);
  env::Task<void> StopControllers();
  env::Task<void> StopBrokers();

  // As registrations carry them, with the ports that were bound.
  std::vector<metadata::ListenerEndpoint> ControllerEndpoints() const;
  std::vector<metadata::ListenerEndpoint> BrokerEndpoints() const;
  // "PLAINTEXT://localhost:9092", as bound.
  std::vector<std::string> Texts() const;
  std::vector<const server::KafkaServer*> servers() const;

 private:
  Status Bind(const std::vector<server::ListenerConfig>& listeners,
              std::unique_ptr<server::KafkaServer>* server);
  std::vector<metadata::ListenerEndpoint> Advertised(const std::vector<server::ListenerConfig>& listeners,
                                                     const server::KafkaServer* server) const;

  env::Env& env_;
  const server::LoadedConfig& config_;
  const server::ServerMetrics& metrics_;
  const std::string host_name_;
  const server::Dispatcher controller_apis_;
  const server::Dispatcher broker_apis_;
  std::unique_ptr<server::KafkaServer> controllers_;
  std::unique_ptr<server::KafkaServer> brokers_;
};

}  // namespace dohle
