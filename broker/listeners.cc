#include "broker/listeners.h"

#include <algorithm>
#include <utility>

#include "broker/first_format.h"
#include "broker/part_options.h"
#include "broker/server/handlers/all.h"

namespace dohle {

using server::ListenerRole;

Listeners::Listeners(env::Env& env, const server::LoadedConfig& config, const server::ServerMetrics& metrics,
                     server::RequestMetricsTable& requests, std::string host_name)
    : env_(env),
      config_(config),
      metrics_(metrics),
      host_name_(std::move(host_name)),
      controller_apis_(server::ServedApis(ListenerRole::kController), &requests, ListenerRole::kController),
      broker_apis_(server::ServedApis(ListenerRole::kBroker), &requests, ListenerRole::kBroker) {}

Listeners::~Listeners() = default;

Status Listeners::Bind(const std::vector<server::ListenerConfig>& listeners,
                       std::unique_ptr<server::KafkaServer>* server) {
  if (listeners.empty()) return OkStatus();
  server::KafkaServerOptions options = ToServerOptions(config_, listeners);
  options.metrics = &metrics_;
  *server = std::make_unique<server::KafkaServer>(env_, std::move(options));
  return (*server)->Start();
}

Status Listeners::BindControllers() { return Bind(config_.config.listeners.controller, &controllers_); }
Status Listeners::BindBrokers() { return Bind(config_.config.listeners.broker, &brokers_); }

void Listeners::ServeControllers(server::Services& services) {
  if (controllers_ != nullptr) controllers_->Serve(services, controller_apis_);
}
void Listeners::ServeBrokers(server::Services& services) {
  if (brokers_ != nullptr) brokers_->Serve(services, broker_apis_);
}

env::Task<void> Listeners::StopControllers() {
  if (controllers_ != nullptr) co_await controllers_->Stop();
}
env::Task<void> Listeners::StopBrokers() {
  if (brokers_ != nullptr) co_await brokers_->Stop();
}

std::vector<metadata::ListenerEndpoint> Listeners::Advertised(
    const std::vector<server::ListenerConfig>& listeners, const server::KafkaServer* server) const {
  std::vector<metadata::ListenerEndpoint> endpoints = ToEndpoints(listeners);
  for (metadata::ListenerEndpoint& endpoint : endpoints) {
    if (endpoint.host.empty()) endpoint.host = host_name_;
    if (endpoint.port != 0 || server == nullptr) continue;
    for (const server::ListenerOptions& local : server->local_listeners()) {
      if (local.name == endpoint.name) endpoint.port = local.endpoint.port;
    }
  }
  return endpoints;
}

std::vector<metadata::ListenerEndpoint> Listeners::ControllerEndpoints() const {
  return Advertised(dohle::ControllerEndpoints(config_.config, host_name_), controllers_.get());
}

std::vector<metadata::ListenerEndpoint> Listeners::BrokerEndpoints() const {
  return Advertised(config_.config.listeners.advertised, brokers_.get());
}

std::vector<const server::KafkaServer*> Listeners::servers() const {
  std::vector<const server::KafkaServer*> servers;
  if (brokers_ != nullptr) servers.push_back(brokers_.get());
  if (controllers_ != nullptr) servers.push_back(controllers_.get());
  return servers;
}

std::vector<std::string> Listeners::Texts() const {
  std::vector<std::string> texts;
  for (const server::KafkaServer* server : servers()) {
    for (const server::ListenerOptions& listener : server->local_listeners()) {
      texts.push_back(fmt::format("{}://{}", listener.name, ToString(listener.endpoint)));
    }
  }
  return texts;
}

}  // namespace dohle
