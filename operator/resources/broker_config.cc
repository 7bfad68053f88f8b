#include "operator/resources/broker_config.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "operator/resources/names.h"

namespace dohle::resources {
namespace {

// Replication factors of internal topics are as large as the cluster can have them, up to Kafka's usual 3.
constexpr int32_t kUsualReplicas = 3;
constexpr std::array<std::string_view, 4> kReplicationKeys = {
    "default.replication.factor", "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor", "share.coordinator.state.topic.replication.factor"};

void Escape(std::string_view text, bool is_key, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\\':
        out += "\\\\";
        break;
      case ' ':
        out += is_key || i == 0 ? "\\ " : " ";
        break;
      case '=':
      case ':':
      case '#':
      case '!':
        if (is_key) out += '\\';
        [[fallthrough]];
      default:
        out += c;
    }
  }
}

}  // namespace

std::string KafkaListenerName(const api::Listener& listener) {
  std::string name = listener.name;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return name;
}

const api::Listener& InnerListener(const api::ClusterSpec& spec) {
  const auto inner = std::find_if(spec.listeners.begin(), spec.listeners.end(), [](const api::Listener& l) {
    return l.type == api::ListenerType::kInternal;
  });
  return inner == spec.listeners.end() ? spec.listeners.front() : *inner;
}

std::string ServerProperties(const Subject& subject) {
  const api::ClusterSpec& spec = subject.spec;
  std::map<std::string, std::string> properties;
  const std::string replicas = std::to_string(std::min(spec.brokers, kUsualReplicas));
  for (const std::string_view key : kReplicationKeys) properties[std::string(key)] = replicas;
  const std::string in_sync = std::to_string(std::max(1, std::min(spec.brokers, kUsualReplicas) - 1));
  properties["min.insync.replicas"] = in_sync;
  properties["transaction.state.log.min.isr"] = in_sync;
  for (const auto& [key, value] : spec.config) properties[key] = value;

  properties["process.roles"] = "broker,controller";
  properties["controller.listener.names"] = "CONTROLLER";
  properties["inter.broker.listener.name"] = KafkaListenerName(InnerListener(spec));
  std::string protocols = "CONTROLLER:PLAINTEXT";
  for (const api::Listener& listener : spec.listeners)
    protocols += "," + KafkaListenerName(listener) + ":PLAINTEXT";
  properties["listener.security.protocol.map"] = protocols;
  properties["metrics.port"] = std::to_string(api::kMetricsPort);

  std::string text = "# Made from Cluster " + ToString(subject.meta.name) + ": changes here are undone.\n";
  for (const auto& [key, value] : properties) text += PropertiesLine(key, value);
  return text;
}

std::string PropertiesLine(std::string_view key, std::string_view value) {
  std::string line;
  Escape(key, true, line);
  line += '=';
  Escape(value, false, line);
  line += '\n';
  return line;
}

std::string LogDirs(const api::ClusterSpec& spec) {
  std::string dirs;
  for (const api::StorageVolume& volume : spec.storage.volumes) {
    if (!dirs.empty()) dirs += ',';
    // Not the volume's root: a fresh file system has things of its own there.
    dirs += fmt::format("{}/{}/log", kDataMountPath, volume.name);
  }
  return dirs;
}

}  // namespace dohle::resources
