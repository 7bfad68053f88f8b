// What the operator was started with that its objects depend on. Plain data.
#pragma once

#include <string>

namespace dohle::resources {

// Where the brokers listen, and what internal listeners tell clients to connect to.
enum class Addressing {
  kDns,    // on Kubernetes: all addresses of the Pod; its name in the headless Service
  kPodIp,  // without it: the Pod's own loopback address, as all share one machine
};

struct Options {
  std::string broker_image = "dohle-broker:latest";  // of Clusters that name none
  Addressing addressing = Addressing::kDns;
};

}  // namespace dohle::resources
