// The Services of a Cluster, and the addresses that come of them. Pure.
//
// Internal listeners share a bootstrap Service, and brokers are reached by their names in the headless one. A
// listener for the outside has a bootstrap Service of its own and one Service for each broker, as clients
// must reach each broker by itself.
//
// nodePort: the Service of a broker has externalTrafficPolicy Local, so that clients' addresses stay what
// they are and no node forwards to another; clients are told the address of the node that the broker runs on
// (status.hostIP) and the Service's node port. The bootstrap Service is reached on every node.
// loadBalancer: clients are told the address that the balancer of the broker's Service was given.
// Node ports and balancers are known only after the Services are there: until then Pods wait (blocked_by).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "operator/resources/desired_object.h"
#include "operator/resources/subject.h"

namespace dohle::resources {

// What was chosen for a Service of type NodePort or LoadBalancer.
struct ServiceFacts {
  int32_t node_port = 0;      // of its first port; 0 = not chosen yet
  std::string load_balancer;  // host or address; "" = none yet
};
using ServiceFactsByName = std::map<std::string, ServiceFacts>;

// From a Service as it is stored, whatever is in it.
ServiceFacts ReadServiceFacts(const k8s::Json& service);

std::vector<DesiredObject> BuildServices(const Subject& subject);

// advertised.listeners of a broker, with $(POD_NAME), $(POD_IP) and $(NODE_IP) for the kubelet to fill in.
// Sets `blocked_by` if an address isn't known yet.
std::string AdvertisedListeners(const Subject& subject, int32_t id, const ServiceFactsByName& services,
                                std::string* blocked_by);

// What clients take as bootstrap.servers, as far as it is known; listeners of which it isn't have "".
// `node_address`: that of a node with a broker, or "".
std::vector<api::ListenerStatus> ListenerAddresses(const Subject& subject, const ServiceFactsByName& services,
                                                   const std::string& node_address);

}  // namespace dohle::resources
