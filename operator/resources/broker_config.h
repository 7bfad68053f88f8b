// server.properties of a Cluster's brokers. Pure.
#pragma once

#include <string>
#include <string_view>

#include "operator/api/cluster.h"
#include "operator/resources/live_config.h"
#include "operator/resources/subject.h"

namespace dohle::resources {

// Kafka's name of a listener: "INTERNAL".
std::string KafkaListenerName(const api::Listener& listener);
// The first internal one: brokers and the operator use it.
const api::Listener& InnerListener(const api::ClusterSpec& spec);

// Kafka's name of the one between controllers.
inline constexpr std::string_view kControllerListenerName = "CONTROLLER";

// How many replicas what has none of its own gets: 3, as far as there are brokers.
int32_t DefaultReplicas(const api::ClusterSpec& spec);
// What the operator sets if the user doesn't: by the number of brokers.
ConfigValues DefaultConfig(const api::ClusterSpec& spec);

// The file, the same for all brokers, keys in order: what the user asks for, but for what is set while
// brokers run (live_config.h), over the operator's defaults, under what the operator owns. Addresses, ids and
// paths come by the Pod's arguments (broker_arguments in pod.cc): those that run Pods without mounts replace
// paths there.
std::string ServerProperties(const Subject& subject);

// controller.quorum.voters of a Cluster with static voters: "0@POD.SERVICE.NAMESPACE.svc:9093,...".
std::string QuorumVoters(const Subject& subject);
// dohle.initial.controllers of a founder: "0@POD.SERVICE.NAMESPACE.svc:9093:DIRECTORY,...".
std::string FirstVoters(const Subject& subject);
// controller.quorum.bootstrap.servers, the same whatever brokers there are: a broker that is new finds the
// quorum there, others know its voters from their log.
std::string QuorumBootstrap(const Subject& subject);

// "key=value\n", escaped so that java.util.Properties reads it as it was. UTF-8 stays as it is.
std::string PropertiesLine(std::string_view key, std::string_view value);

// log.dirs: one directory in each volume, as a volume's root may hold a lost+found, which is no partition.
std::string LogDirs(const api::ClusterSpec& spec);

}  // namespace dohle::resources
