#include "operator/resources/services.h"

#include <fmt/format.h>

#include <initializer_list>
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

// Without Kubernetes there is no outside: this machine reaches every broker by its own address.
bool External(const Subject& subject, const Listener& listener) {
  return !Local(subject) && listener.type != ListenerType::kInternal;
}

Json Port(const Listener& listener) {
  return {
      {"name", listener.name}, {"port", listener.port}, {"targetPort", listener.name}, {"protocol", "TCP"}};
}

DesiredObject Service(const Subject& subject, const std::string& name, Json spec) {
  Json body = Skeleton(subject, k8s::kServices, name);
  AddPairs(subject.spec.service_labels, body["metadata"]["labels"]);
  if (!subject.spec.service_annotations.empty()) {
    Json annotations = Json::object();
    AddPairs(subject.spec.service_annotations, annotations);
    body["metadata"]["annotations"] = std::move(annotations);
  }
  body["spec"] = std::move(spec);
  return {k8s::kServices, std::move(body), ""};
}

DesiredObject HeadlessService(const Subject& subject) {
  Json ports = Json::array();
  for (const Listener& listener : subject.spec.listeners) ports.push_back(Port(listener));
  if (!subject.quorum.standalone()) {
    ports.push_back({{"name", "controller"},
                     {"port", api::kControllerPort},
                     {"targetPort", "controller"},
                     {"protocol", "TCP"}});
  }
  ports.push_back(
      {{"name", "metrics"}, {"port", api::kMetricsPort}, {"targetPort", "metrics"}, {"protocol", "TCP"}});
  // Brokers find each other before they are ready.
  return Service(subject, HeadlessServiceName(subject.name()),
                 {{"type", "ClusterIP"},
                  {"clusterIP", "None"},
                  {"publishNotReadyAddresses", true},
                  {"selector", SelectorLabels(subject)},
                  {"ports", std::move(ports)}});
}

DesiredObject BootstrapService(const Subject& subject) {
  Json ports = Json::array();
  for (const Listener& listener : subject.spec.listeners) {
    if (External(subject, listener)) continue;
    ports.push_back(Port(listener));
    // The node is this machine: bootstrap servers are at its localhost, at the listeners' own ports.
    if (Local(subject)) ports.back()["nodePort"] = listener.port;
  }
  return Service(subject, BootstrapServiceName(subject.name()),
                 {{"type", Local(subject) ? "NodePort" : "ClusterIP"},
                  {"selector", SelectorLabels(subject)},
                  {"ports", std::move(ports)}});
}

void AddExternalServices(const Subject& subject, const Listener& listener, std::vector<DesiredObject>& out) {
  const char* type = listener.type == ListenerType::kNodePort ? "NodePort" : "LoadBalancer";
  Json port = Port(listener);
  if (listener.node_port) port["nodePort"] = *listener.node_port;
  out.push_back(Service(subject, ExternalBootstrapName(subject.name(), listener.name),
                        {{"type", type},
                         {"externalTrafficPolicy", "Cluster"},
                         {"selector", SelectorLabels(subject)},
                         {"ports", Json::array({std::move(port)})}}));
  for (const Member& member : MembersOf(subject)) {
    const int32_t id = member.id;
    Json selector = SelectorLabels(subject);
    selector[std::string(kBrokerIdLabel)] = fmt::format("{}", id);
    // A broker that isn't ready is still the only one to ask for what it leads.
    DesiredObject service = Service(subject, ExternalBrokerName(subject.name(), listener.name, id),
                                    {{"type", type},
                                     {"externalTrafficPolicy", "Local"},
                                     {"publishNotReadyAddresses", true},
                                     {"selector", std::move(selector)},
                                     {"ports", Json::array({Port(listener)})}});
    service.body["metadata"]["labels"][std::string(kBrokerIdLabel)] = fmt::format("{}", id);
    out.push_back(std::move(service));
  }
}

std::string Replace(std::string text,
                    std::initializer_list<std::pair<std::string_view, std::string>> placeholders) {
  for (const auto& [from, to] : placeholders) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
      text.replace(at, from.size(), to);
    }
  }
  return text;
}

// IPv6 addresses stand in brackets.
std::string Bracketed(const std::string& host) {
  return host.find(':') != std::string::npos && !host.starts_with('[') ? "[" + host + "]" : host;
}

struct Address {
  std::string host, port;  // "" = not known yet
};

Address DefaultAddress(const Subject& subject, const Listener& listener, const ServiceFacts& facts) {
  const std::string port = fmt::format("{}", listener.port);
  if (Local(subject)) return {"$(POD_IP)", port};
  switch (listener.type) {
    case ListenerType::kInternal:
      return {fmt::format("$(POD_NAME).{}.{}.svc", HeadlessServiceName(subject.name()), subject.ns()), port};
    case ListenerType::kNodePort:
      return {"$(NODE_IP)", facts.node_port == 0 ? "" : fmt::format("{}", facts.node_port)};
    case ListenerType::kLoadBalancer:
      return {facts.load_balancer, port};
  }
  return {};
}

Address AddressOf(const Subject& subject, const Listener& listener, int32_t id, const ServiceFacts& facts) {
  Address address = DefaultAddress(subject, listener, facts);
  const std::string number = fmt::format("{}", id);
  if (listener.advertised_host) {
    address.host = Replace(*listener.advertised_host, {{"{id}", number},
                                                       {"{podIP}", "$(POD_IP)"},
                                                       {"{pod}", "$(POD_NAME)"},
                                                       {"{nodeIP}", "$(NODE_IP)"},
                                                       {"{cluster}", subject.name()},
                                                       {"{namespace}", subject.ns()}});
  }
  if (listener.advertised_port) {
    const bool unknown =
        listener.advertised_port->find("{nodePort}") != std::string::npos && facts.node_port == 0;
    address.port = unknown ? ""
                           : Replace(*listener.advertised_port,
                                     {{"{id}", number}, {"{nodePort}", fmt::format("{}", facts.node_port)}});
  }
  return address;
}

ServiceFacts FactsOf(const ServiceFactsByName& services, const std::string& name) {
  const auto found = services.find(name);
  return found == services.end() ? ServiceFacts{} : found->second;
}

}  // namespace

ServiceFacts ReadServiceFacts(const Json& service) {
  ServiceFacts facts;
  const Json* ports = k8s::Find(service, "spec.ports");
  if (ports != nullptr && ports->is_array() && !ports->empty()) {
    const int64_t port = k8s::FindInt(ports->front(), "nodePort", 0);
    facts.node_port = port > 0 && port <= 65535 ? static_cast<int32_t>(port) : 0;
  }
  const Json* ingress = k8s::Find(service, "status.loadBalancer.ingress");
  if (ingress != nullptr && ingress->is_array() && !ingress->empty()) {
    facts.load_balancer = k8s::FindString(ingress->front(), "hostname");
    if (facts.load_balancer.empty()) facts.load_balancer = k8s::FindString(ingress->front(), "ip");
  }
  return facts;
}

std::vector<DesiredObject> BuildServices(const Subject& subject) {
  std::vector<DesiredObject> services;
  services.push_back(HeadlessService(subject));
  DesiredObject bootstrap = BootstrapService(subject);
  if (!bootstrap.body["spec"]["ports"].empty()) services.push_back(std::move(bootstrap));
  for (const Listener& listener : subject.spec.listeners) {
    if (External(subject, listener)) AddExternalServices(subject, listener, services);
  }
  return services;
}

std::string AdvertisedListeners(const Subject& subject, int32_t id, const ServiceFactsByName& services,
                                std::string* blocked_by) {
  std::vector<std::string> texts;
  for (const Listener& listener : subject.spec.listeners) {
    const std::string service = ExternalBrokerName(subject.name(), listener.name, id);
    const Address address = AddressOf(subject, listener, id, FactsOf(services, service));
    if (address.host.empty() || address.port.empty()) {
      *blocked_by = fmt::format("Service {} has no {} yet", service,
                                address.host.empty() ? "load balancer" : "node port");
    }
    texts.push_back(
        fmt::format("{}://{}:{}", KafkaListenerName(listener), Bracketed(address.host), address.port));
  }
  return fmt::format("{}", fmt::join(texts, ","));
}

std::vector<api::ListenerStatus> ListenerAddresses(const Subject& subject, const ServiceFactsByName& services,
                                                   const std::string& node_address) {
  std::vector<api::ListenerStatus> addresses;
  for (const Listener& listener : subject.spec.listeners) {
    const ServiceFacts facts = FactsOf(services, ExternalBootstrapName(subject.name(), listener.name));
    std::string host = fmt::format("{}.{}.svc", BootstrapServiceName(subject.name()), subject.ns());
    int32_t port = listener.port;
    if (listener.type == ListenerType::kNodePort) {
      host = node_address;
      port = facts.node_port;
    }
    if (listener.type == ListenerType::kLoadBalancer) host = facts.load_balancer;
    if (Local(subject)) {
      host = "localhost";
      port = listener.port;
    }
    const bool known = !host.empty() && port != 0;
    addresses.push_back({listener.name, std::string(api::Name(listener.type)),
                         known ? fmt::format("{}:{}", Bracketed(host), port) : ""});
  }
  return addresses;
}

}  // namespace dohle::resources
