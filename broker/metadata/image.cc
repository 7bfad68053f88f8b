#include "broker/metadata/image.h"

#include <algorithm>

#include "fmt/core.h"
#include "lib/base/check.h"

namespace dohle::metadata {

bool PartitionRegistration::HasReplica(NodeId broker) const {
  return std::find(replicas.begin(), replicas.end(), broker) != replicas.end();
}

bool PartitionRegistration::InIsr(NodeId broker) const {
  return std::find(isr.begin(), isr.end(), broker) != isr.end();
}

DirectoryId PartitionRegistration::DirectoryOf(NodeId broker) const {
  for (size_t i = 0; i < replicas.size() && i < directories.size(); ++i) {
    if (replicas[i] == broker) return directories[i];
  }
  return kUnassignedDirectory;
}

const ListenerEndpoint* BrokerRegistration::Endpoint(std::string_view listener) const {
  const auto found = std::find_if(endpoints.begin(), endpoints.end(), [&](const ListenerEndpoint& endpoint) {
    return endpoint.name == listener;
  });
  return found == endpoints.end() ? nullptr : &*found;
}

int16_t FeaturesImage::Level(std::string_view feature) const {
  if (feature == kKraftVersion) return kraft_version;
  const auto found = finalized.find(feature);
  return found == finalized.end() ? int16_t{0} : found->second;
}

std::string ToString(const ConfigResource& resource) {
  std::string_view type = "UNKNOWN";
  switch (resource.type) {
    case ConfigResourceType::kTopic:
      type = "TOPIC";
      break;
    case ConfigResourceType::kBroker:
      type = "BROKER";
      break;
    case ConfigResourceType::kBrokerLogger:
      type = "BROKER_LOGGER";
      break;
    case ConfigResourceType::kClientMetrics:
      type = "CLIENT_METRICS";
      break;
    case ConfigResourceType::kGroup:
      type = "GROUP";
      break;
    case ConfigResourceType::kUnknown:
      break;
  }
  return fmt::format("ConfigResource(type={}, name='{}')", type, resource.name);
}

std::string ConfigsImage::Key(ConfigResourceType type, std::string_view name) {
  std::string key(1, static_cast<char>(type));
  key += name;
  return key;
}

ConfigResource ConfigsImage::Resource(std::string_view key) {
  DOHLE_CHECK(!key.empty());
  return {static_cast<ConfigResourceType>(key.front()), std::string(key.substr(1))};
}

const ConfigMap& ConfigsImage::Find(ConfigResourceType type, std::string_view name) const {
  static const ConfigMap kNone;
  const ConfigMap* found = by_resource.Find(std::string_view(Key(type, name)));
  return found == nullptr ? kNone : *found;
}

}  // namespace dohle::metadata
