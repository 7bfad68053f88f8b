#include "operator/local/service_proxy.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "lib/base/log.h"
#include "operator/k8s/object.h"
#include "operator/local/selector.h"

namespace dohle::local {
namespace {

using k8s::Json;

bool IsReady(const Json& pod) {
  const Json* conditions = k8s::Find(pod, "status.conditions");
  if (conditions == nullptr || !conditions->is_array()) return false;
  for (const Json& condition : *conditions) {
    if (k8s::FindString(condition, "type") == "Ready") return k8s::FindString(condition, "status") == "True";
  }
  return false;
}

uint16_t AsPort(int64_t number) { return number > 0 && number < 65536 ? static_cast<uint16_t>(number) : 0; }

// 0 if the pod has none of that name.
uint16_t TargetPort(const Json& service_port, const Json& pod) {
  const Json* target = k8s::Find(service_port, "targetPort");
  if (target == nullptr) return AsPort(k8s::FindInt(service_port, "port", 0));
  if (target->is_number_integer()) return AsPort(target->get<int64_t>());
  const Json* containers = k8s::Find(pod, "spec.containers");
  if (!target->is_string() || containers == nullptr || !containers->is_array()) return 0;
  for (const Json& container : *containers) {
    const Json* ports = k8s::Find(container, "ports");
    if (ports == nullptr || !ports->is_array()) continue;
    for (const Json& port : *ports) {
      if (k8s::FindString(port, "name") == target->get<std::string>())
        return AsPort(k8s::FindInt(port, "containerPort", 0));
    }
  }
  return 0;
}

}  // namespace

// One client and one pod.
struct ServiceProxy::Relay {
  std::unique_ptr<env::Connection> client;
  std::unique_ptr<env::Connection> pod;

  void Close() {
    client->Close();
    if (pod != nullptr) pod->Close();
  }
};

ServiceProxy::ServiceProxy(env::Env& env, env::Executor& executor, k8s::Client& client, std::string host)
    : env_(env),
      executor_(executor),
      host_(std::move(host)),
      services_(client, k8s::kServices, [this](const auto&, const auto&, const auto&) { OnService(); }),
      pods_(client, k8s::kPods, [](const auto&, const auto&, const auto&) {}) {}

ServiceProxy::~ServiceProxy() = default;

env::Task<void> ServiceProxy::Run() {
  env::Spawn(executor_, pods_.Run());
  co_await services_.Run();
}

void ServiceProxy::Stop() {
  stopped_ = true;
  services_.Stop();
  pods_.Stop();
  listeners_.clear();
  for (const auto& [id, weak] : relays_) {
    if (const auto relay = weak.lock()) relay->Close();
  }
}

std::map<uint16_t, ServiceProxy::Wanted> ServiceProxy::WantedPorts() const {
  std::map<uint16_t, Wanted> wanted;
  for (const auto& [name, object] : services_.objects()) {
    const Json* ports = k8s::Find(*object, "spec.ports");
    if (ports == nullptr || !ports->is_array()) continue;
    const Json* annotations = k8s::Find(*object, "metadata.annotations");
    int32_t local_port = 0;
    const bool annotated =
        annotations != nullptr && annotations->contains(kLocalPortAnnotation) &&
        (*annotations)[kLocalPortAnnotation].is_string() &&
        absl::SimpleAtoi((*annotations)[kLocalPortAnnotation].get<std::string>(), &local_port);
    for (size_t i = 0; i < ports->size(); ++i) {
      const uint16_t node_port = AsPort(k8s::FindInt((*ports)[i], "nodePort", 0));
      // The first Service of a port keeps it.
      if (node_port != 0) wanted.try_emplace(node_port, Wanted{name, object, i});
      if (i == 0 && annotated && AsPort(local_port) != 0)
        wanted.try_emplace(AsPort(local_port), Wanted{name, object, i});
    }
  }
  return wanted;
}

void ServiceProxy::OnService() {
  if (stopped_) return;
  wanted_ = WantedPorts();
  std::erase_if(listeners_, [&](const auto& entry) { return !wanted_.contains(entry.first); });
  for (const auto& [port, wanted] : wanted_) {
    if (listeners_.contains(port)) continue;
    env::Executor* const executors[] = {&executor_};
    const env::Endpoint endpoint{host_, port};
    auto listener = env_.transport.Listen(endpoint, executors,
                                          [this, at = port](std::unique_ptr<env::Connection> connection) {
                                            Accept(at, std::move(connection));
                                          });
    if (listener.ok()) {
      listeners_[port] = std::move(*listener);
    } else {
      // Tried again with the next change of any Service.
      log::Error("services", "{} can't be reached at {}: {}", k8s::ToString(wanted.service),
                 env::ToString(endpoint), Message(listener.status()));
    }
  }
}

std::optional<env::Endpoint> ServiceProxy::Choose(const Wanted& wanted) {
  const Json* labels = k8s::Find(*wanted.object, "spec.selector");
  const Json* ports = k8s::Find(*wanted.object, "spec.ports");
  // Without a selector a Service has no pods.
  if (labels == nullptr || !labels->is_object() || labels->empty()) return std::nullopt;
  const ObjectSelector selector = ObjectSelector::FromMap(*labels);
  std::vector<env::Endpoint> ready;
  for (const auto& [name, pod] : pods_.objects()) {
    if (name.ns != wanted.service.ns || !IsReady(*pod) || !selector.Matches(*pod)) continue;
    const env::Endpoint endpoint{k8s::FindString(*pod, "status.podIP"),
                                 TargetPort((*ports)[wanted.port_index], *pod)};
    if (endpoint.port != 0 && !endpoint.host.empty()) ready.push_back(endpoint);
  }
  if (ready.empty()) return std::nullopt;
  return ready[turn_++ % ready.size()];
}

void ServiceProxy::Accept(uint16_t port, std::unique_ptr<env::Connection> connection) {
  std::erase_if(relays_, [](const auto& entry) { return entry.second.expired(); });
  if (stopped_ || relays_.size() >= kMaxProxiedConnections) return;
  auto relay = std::make_shared<Relay>();
  relay->client = std::move(connection);
  relays_[next_relay_++] = relay;
  env::Spawn(executor_, Serve(port, std::move(relay)));
}

env::Task<void> ServiceProxy::Serve(uint16_t port, std::shared_ptr<Relay> relay) {
  const auto wanted = wanted_.find(port);
  if (wanted == wanted_.end()) co_return;
  const std::optional<env::Endpoint> endpoint = Choose(wanted->second);
  if (!endpoint) co_return;
  auto connection = co_await env_.transport.Connect(executor_, *endpoint, kProxyConnectTimeout);
  if (!connection.ok() || stopped_) co_return;
  relay->pod = std::move(*connection);
  env::Spawn(executor_, Copy(relay, true));
  env::Spawn(executor_, Copy(relay, false));
  // The relay goes when both have ended: nobody may wait on a connection that is destroyed.
}

env::Task<void> ServiceProxy::Copy(std::shared_ptr<Relay> relay, bool to_pod) {
  env::Connection& from = to_pod ? *relay->client : *relay->pod;
  env::Connection& to = to_pod ? *relay->pod : *relay->client;
  std::string buffer(kProxyBufferBytes, '\0');
  for (;;) {
    const StatusOr<size_t> got = co_await env::ReadSome(from, buffer.data(), buffer.size());
    if (!got.ok() || *got == 0) break;
    const std::string_view data(buffer.data(), *got);
    const Status written = co_await env::WriteAll(to, data);
    if (!written.ok()) break;
  }
  // Kafka's clients and brokers never close one direction alone, and the transport can't.
  relay->Close();
}

}  // namespace dohle::local
