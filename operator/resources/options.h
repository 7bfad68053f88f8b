// What the operator was started with that its objects depend on. Plain data.
#pragma once

#include <string>

namespace dohle::resources {

// How brokers are reached.
enum class Addressing {
  kDns,    // on Kubernetes: Pods by the headless Service's names, from outside by node ports and balancers
  kPodIp,  // without it: Pods by loopback addresses, bootstrap Services by ports of localhost
};

struct Options {
  std::string broker_image = "dohle-broker:latest";
  Addressing addressing = Addressing::kDns;
};

}  // namespace dohle::resources
