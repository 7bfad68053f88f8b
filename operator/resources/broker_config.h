// server.properties of a Cluster's brokers. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "operator/api/cluster.h"
#include "operator/resources/subject.h"

namespace dohle::resources {

// "INTERNAL": Kafka's name of a listener.
std::string KafkaListenerName(const api::Listener& listener);
// The one that the operator and brokers among themselves use: the first internal one, else the first.
const api::Listener& InnerListener(const api::ClusterSpec& spec);

// The file, the same for all brokers: what the user asks for, over the operator's defaults, under what the
// operator owns. What differs from broker to broker, and paths, come by the Pod's arguments.
std::string ServerProperties(const Subject& subject);

// One line "key=value" with its end, escaped as java.util.Properties reads it.
std::string PropertiesLine(std::string_view key, std::string_view value);

// "/var/lib/dohle/data/log,...": log.dirs inside the container.
std::string LogDirs(const api::ClusterSpec& spec);

}  // namespace dohle::resources
