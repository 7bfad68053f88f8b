#include "operator/resources/services.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/fields.h"
#include "operator/resources/broker_config.h"
#include "operator/resources/names.h"

namespace dohle::resources {
namespace {

using api::Listener;
using api::ListenerType;
using k8s::Json;

bool Local(const Subject& subject) { return subject.options.addressing == Addressing::kPodIp; }
bool External(const Subject& subject, const Listener& listener) {
  return !Local(subject) && listener.type != ListenerType::kInternal;
}

Json Port(const Listener& listener) {
  return {{"name", listener.name},
          {"port", listener.port},
          {"targetPort", listener.name},
          {"protocol", "TCP"},
          {"appProtocol", "kafka"}};
}

Json ServiceSkeleton(const Subject& subject, const std::string& name) {
  Json service = Skeleton(subject, k8s::kServices, name);
  AddPairs(subject.spec.service_labels, service["metadata"]["labels"]);
  service["metadata"]["annotations"] = Json::object();
  AddPairs(subject.spec.service_annotations, service["metadata"]["annotations"]);
  service["spec"]["selector"] = SelectorLabels(subject);
  return service;
}

DesiredObject Headless(const Subject& subject) {
  Json service = ServiceSkeleton(subject, HeadlessServiceName(subject.name()));
  service["spec"]["clusterIP"] = "None";
  // A broker finds itself and others before it serves.
  service["spec"]["publishNotReadyAddresses"] = true;
  Json ports = Json::array();
  for (const Listener& listener : subject.spec.listeners) ports.push_back(Port(listener));
  ports.push_back(
      {{"name", "metrics"}, {"port", api::kMetricsPort}, {"targetPort", "metrics"}, {"protocol", "TCP"}});
  service["spec"]["ports"] = std::move(ports);
  return {k8s::kServices, std::move(service), ""};
}

DesiredObject InternalBootstrap(const Subject& subject) {
  Json service = ServiceSkeleton(subject, BootstrapServiceName(subject.name()));
  // Without Kubernetes the node is this machine: clients come to its localhost, at the listeners' own ports.
  service["spec"]["type"] = Local(subject) ? "NodePort" : "ClusterIP";
  Json ports = Json::array();
  for (const Listener& listener : subject.spec.listeners) {
    if (External(subject, listener)) continue;
    ports.push_back(Port(listener));
    if (Local(subject)) ports.back()["nodePort"] = listener.port;
  }
  service["spec"]["ports"] = std::move(ports);
  return {k8s::kServices, std::move(service), ""};
}

DesiredObject External(const Subject& subject, const std::string& name, const Listener& listener) {
  Json service = ServiceSkeleton(subject, name);
  Json& spec = service["spec"];
  spec["type"] = listener.type == ListenerType::kNodePort ? "NodePort" : "LoadBalancer";
  spec["ports"] = Json::array({Port(listener)});
  return {k8s::kServices, std::move(service), ""};
}

void AddExternal(const Subject& subject, const Listener& listener, std::vector<DesiredObject>& objects) {
  DesiredObject bootstrap = External(subject, ExternalBootstrapName(subject.name(), listener.name), listener);
  if (listener.type == ListenerType::kNodePort && listener.node_port) {
    bootstrap.body["spec"]["ports"][0]["nodePort"] = *listener.node_port;
  }
  objects.push_back(std::move(bootstrap));
  for (int32_t id = 0; id < subject.spec.brokers; ++id) {
    DesiredObject one = External(subject, ExternalBrokerName(subject.name(), listener.name, id), listener);
    one.body["spec"]["selector"][std::string(kBrokerIdLabel)] = std::to_string(id);
    // Straight to the node that has the broker: what is told to clients is that node's address.
    one.body["spec"]["externalTrafficPolicy"] = "Local";
    // Clients that were told the address come while the broker is on its way back, too.
    one.body["spec"]["publishNotReadyAddresses"] = true;
    objects.push_back(std::move(one));
  }
}

std::string Replaced(std::string text, std::string_view placeholder, std::string_view value) {
  for (size_t at = text.find(placeholder); at != std::string::npos;
       at = text.find(placeholder, at + value.size())) {
    text.replace(at, placeholder.size(), value);
  }
  return text;
}

struct Address {
  std::string host, port, blocked_by;
};

Address DefaultAddress(const Subject& subject, const Listener& listener, int32_t id,
                       const ServiceFactsByName& services) {
  if (Local(subject)) return {"$(POD_IP)", std::to_string(listener.port), ""};
  if (listener.type == ListenerType::kInternal) {
    return {fmt::format("$(POD_NAME).{}.{}.svc", HeadlessServiceName(subject.name()), subject.ns()),
            std::to_string(listener.port), ""};
  }
  const std::string service = ExternalBrokerName(subject.name(), listener.name, id);
  const auto found = services.find(service);
  const ServiceFacts facts = found == services.end() ? ServiceFacts{} : found->second;
  if (listener.type == ListenerType::kNodePort) {
    return {"$(NODE_IP)", std::to_string(facts.node_port),
            facts.node_port != 0 ? "" : fmt::format("Service {} has no node port yet", service)};
  }
  return {facts.load_balancer, std::to_string(listener.port),
          facts.load_balancer.empty() && !listener.advertised_host
              ? fmt::format("the load balancer of Service {} has no address yet", service)
              : ""};
}

Address AddressOf(const Subject& subject, const Listener& listener, int32_t id,
                  const ServiceFactsByName& services) {
  Address address = DefaultAddress(subject, listener, id, services);
  const std::string broker_id = std::to_string(id);
  if (listener.advertised_host) {
    std::string host = *listener.advertised_host;
    host = Replaced(std::move(host), "{id}", broker_id);
    host = Replaced(std::move(host), "{podIP}", "$(POD_IP)");
    host = Replaced(std::move(host), "{pod}", "$(POD_NAME)");
    host = Replaced(std::move(host), "{nodeIP}", "$(NODE_IP)");
    host = Replaced(std::move(host), "{cluster}", subject.name());
    address.host = Replaced(std::move(host), "{namespace}", subject.ns());
  }
  if (listener.advertised_port) {
    const std::string node_port = address.port;
    address.port = Replaced(Replaced(*listener.advertised_port, "{id}", broker_id), "{nodePort}", node_port);
  }
  return address;
}

}  // namespace

ServiceFacts ReadServiceFacts(const Json& service) {
  ServiceFacts facts;
  if (const Json* ports = k8s::Find(service, "spec.ports");
      ports != nullptr && ports->is_array() && !ports->empty()) {
    facts.node_port = static_cast<int32_t>(k8s::FindInt(ports->front(), "nodePort", 0));
  }
  if (const Json* ingress = k8s::Find(service, "status.loadBalancer.ingress");
      ingress != nullptr && ingress->is_array() && !ingress->empty()) {
    facts.load_balancer = k8s::FindString(ingress->front(), "hostname");
    if (facts.load_balancer.empty()) facts.load_balancer = k8s::FindString(ingress->front(), "ip");
  }
  return facts;
}

std::vector<DesiredObject> BuildServices(const Subject& subject) {
  std::vector<DesiredObject> objects;
  objects.push_back(Headless(subject));
  bool internal = false;
  for (const Listener& listener : subject.spec.listeners) internal |= !External(subject, listener);
  if (internal) objects.push_back(InternalBootstrap(subject));
  for (const Listener& listener : subject.spec.listeners) {
    if (External(subject, listener)) AddExternal(subject, listener, objects);
  }
  return objects;
}

std::string AdvertisedListeners(const Subject& subject, int32_t id, const ServiceFactsByName& services,
                                std::string* blocked_by) {
  std::string text;
  for (const Listener& listener : subject.spec.listeners) {
    const Address address = AddressOf(subject, listener, id, services);
    if (!address.blocked_by.empty() && blocked_by->empty()) *blocked_by = address.blocked_by;
    if (!text.empty()) text += ',';
    text += fmt::format("{}://{}:{}", KafkaListenerName(listener), address.host, address.port);
  }
  return text;
}

std::vector<api::ListenerStatus> ListenerAddresses(const Subject& subject, const ServiceFactsByName& services,
                                                   const std::string& node_address) {
  std::vector<api::ListenerStatus> addresses;
  for (const Listener& listener : subject.spec.listeners) {
    api::ListenerStatus status;
    status.name = listener.name;
    status.type = api::Name(listener.type);
    const auto found = services.find(ExternalBootstrapName(subject.name(), listener.name));
    const ServiceFacts facts = found == services.end() ? ServiceFacts{} : found->second;
    if (Local(subject)) {
      status.bootstrap = fmt::format("localhost:{}", listener.port);
    } else if (listener.type == ListenerType::kInternal) {
      status.bootstrap =
          fmt::format("{}.{}.svc:{}", BootstrapServiceName(subject.name()), subject.ns(), listener.port);
    } else if (listener.type == ListenerType::kNodePort && facts.node_port != 0 && !node_address.empty()) {
      status.bootstrap = fmt::format("{}:{}", node_address, facts.node_port);
    } else if (listener.type == ListenerType::kLoadBalancer && !facts.load_balancer.empty()) {
      status.bootstrap = fmt::format("{}:{}", facts.load_balancer, listener.port);
    }
    addresses.push_back(std::move(status));
  }
  return addresses;
}

}  // namespace dohle::resources
