#include "operator/resources/broker_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "operator/resources/names.h"

namespace dohle::resources {
namespace {

constexpr int32_t kBootstrapPods = 5;   // of which one is there as good as always
constexpr int32_t kWantedReplicas = 3;  // Kafka's default for its internal topics

void AppendEscaped(std::string_view text, bool key, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\t':
        out += "\\t";
        continue;
      case '\f':
        out += "\\f";
        continue;
      default:
        break;
    }
    const bool separator = c == '=' || c == ':' || c == '#' || c == '!';
    // Blanks at the start of a value would be taken for those around the separator.
    const bool blank = c == ' ' && (key || i == 0);
    if (c == '\\' || blank || (key && separator)) out += '\\';
    out += c;
  }
}

}  // namespace

std::string KafkaListenerName(const api::Listener& listener) {
  std::string upper = listener.name;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return upper;
}

const api::Listener& InnerListener(const api::ClusterSpec& spec) {
  const auto internal = std::find_if(spec.listeners.begin(), spec.listeners.end(), [](const auto& listener) {
    return listener.type == api::ListenerType::kInternal;
  });
  return internal == spec.listeners.end() ? spec.listeners.front() : *internal;
}

std::string PropertiesLine(std::string_view key, std::string_view value) {
  std::string line;
  AppendEscaped(key, true, line);
  line += '=';
  AppendEscaped(value, false, line);
  return line + "\n";
}

std::string LogDirs(const api::ClusterSpec& spec) {
  std::vector<std::string> directories;
  for (const api::StorageVolume& volume : spec.storage.volumes) {
    directories.push_back(fmt::format("{}/{}/log", kDataMountPath, volume.name));
  }
  return fmt::format("{}", fmt::join(directories, ","));
}

std::string QuorumVoters(const Subject& subject) {
  std::vector<std::string> voters;
  for (int32_t id = 0; id < subject.quorum.controllers; ++id) {
    voters.push_back(
        fmt::format("{}@{}:{}", id, PodHost(subject.name(), subject.ns(), id), api::kControllerPort));
  }
  return fmt::format("{}", fmt::join(voters, ","));
}

std::string FirstVoters(const Subject& subject) {
  std::vector<std::string> voters;
  for (const int32_t id : subject.quorum.founders) {
    voters.push_back(fmt::format("{}@{}:{}:{}", id, PodHost(subject.name(), subject.ns(), id),
                                 api::kControllerPort, FounderDirectory(subject.quorum.cluster_id, id)));
  }
  return fmt::format("{}", fmt::join(voters, ","));
}

std::string QuorumBootstrap(const Subject& subject) {
  std::vector<std::string> servers;
  if (subject.options.addressing == Addressing::kDns) {
    servers.push_back(
        fmt::format("{}.{}.svc:{}", HeadlessServiceName(subject.name()), subject.ns(), api::kControllerPort));
  }
  for (int32_t id = 0; id < kBootstrapPods; ++id)
    servers.push_back(fmt::format("{}:{}", PodHost(subject.name(), subject.ns(), id), api::kControllerPort));
  return fmt::format("{}", fmt::join(servers, ","));
}

int32_t DefaultReplicas(const api::ClusterSpec& spec) { return std::min(spec.brokers, kWantedReplicas); }

ConfigValues DefaultConfig(const api::ClusterSpec& spec) {
  const std::string replicas = fmt::format("{}", DefaultReplicas(spec));
  const std::string in_sync = spec.brokers >= kWantedReplicas ? "2" : "1";
  return {{"default.replication.factor", replicas},
          {"min.insync.replicas", in_sync},
          {"offsets.topic.replication.factor", replicas},
          {"transaction.state.log.replication.factor", replicas},
          {"transaction.state.log.min.isr", in_sync}};
}

std::string ServerProperties(const Subject& subject) {
  const api::ClusterSpec& spec = subject.spec;
  ConfigValues properties = DefaultConfig(spec);
  // What is set while brokers run stands nowhere else: it would come back when it is set no more.
  for (const auto& [key, value] : spec.config) {
    if (!IsLiveKey(key)) properties[key] = value;
  }

  std::vector<std::string> protocols;
  for (const api::Listener& listener : spec.listeners) {
    protocols.push_back(KafkaListenerName(listener) + ":PLAINTEXT");
  }
  if (subject.quorum.standalone()) {
    properties["process.roles"] = "broker,controller";
  } else {
    if (subject.quorum.dynamic()) properties["process.roles"] = "broker,controller";
    protocols.push_back(fmt::format("{}:PLAINTEXT", kControllerListenerName));
    properties["controller.listener.names"] = kControllerListenerName;
    properties["dohle.cluster.id"] = subject.quorum.cluster_id;
  }
  properties["listener.security.protocol.map"] = fmt::format("{}", fmt::join(protocols, ","));
  properties["inter.broker.listener.name"] = KafkaListenerName(InnerListener(spec));

  std::string text = "# Written by dohle-operator from the Cluster's spec: change it there.\n";
  for (const auto& [key, value] : properties) text += PropertiesLine(key, value);
  return text;
}

}  // namespace dohle::resources
