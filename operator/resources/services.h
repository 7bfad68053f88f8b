// The Services of a Cluster, and the addresses that come of them. Pure.
//
// Internal listeners share a bootstrap Service; brokers are reached by the names of the headless Service. A
// listener for the outside has a bootstrap Service of its own and one Service for each broker: clients must
// reach each broker by itself. Their node ports and addresses are chosen by Kubernetes: a broker's Pod waits
// until they are known, as it has to tell them to its clients.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/resources/desired_object.h"
#include "operator/resources/subject.h"

namespace dohle::resources {

// What the world chose for a Service.
struct ServiceFacts {
  int32_t node_port = 0;      // 0 = not chosen yet
  std::string load_balancer;  // host or address; "" = none yet
};
using ServiceFactsByName = std::map<std::string, ServiceFacts>;

// From a Service as it is stored.
ServiceFacts ReadServiceFacts(const k8s::Json& service);

std::vector<DesiredObject> BuildServices(const Subject& subject);

// advertised.listeners of a broker, with $(POD_NAME), $(POD_IP), $(NODE_IP) for the kubelet to fill in. Sets
// `blocked_by` to a sentence if an address isn't known yet.
std::string AdvertisedListeners(const Subject& subject, int32_t id, const ServiceFactsByName& services,
                                std::string* blocked_by);

// Where clients find each listener, as far as known. `node_address` is that of any node with a broker.
std::vector<api::ListenerStatus> ListenerAddresses(const Subject& subject, const ServiceFactsByName& services,
                                                   const std::string& node_address);

}  // namespace dohle::resources
