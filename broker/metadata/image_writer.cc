#include "broker/metadata/image_writer.h"

#include <algorithm>

#include "broker/metadata/format.h"

namespace dohle::metadata {
namespace {

constexpr int16_t kElrRecords = 23;              // 4.0-IV1
constexpr int16_t kDirectoryAssignment = 17;     // 3.7-IV2
constexpr int16_t kCordonedLogDirs = 30;         // 4.3-IV0
constexpr int16_t kMigration = 8;                // 3.4-IV0
constexpr int16_t kControllerRegistration = 15;  // 3.7-IV0

std::vector<int32_t> Ids(const Replicas& replicas) {
  std::vector<int32_t> ids;
  ids.reserve(replicas.size());
  for (const NodeId id : replicas) ids.push_back(id.value());
  return ids;
}

template <typename T>
std::vector<T> FeatureList(const SupportedFeatures& features) {
  std::vector<T> list;
  for (const auto& [name, range] : features) {
    T& feature = list.emplace_back();
    feature.name = std::string(name);
    feature.min_supported_version = range.min;
    feature.max_supported_version = range.max;
  }
  return list;
}

template <typename T>
std::vector<T> EndpointList(const std::vector<ListenerEndpoint>& endpoints) {
  std::vector<T> list;
  for (const ListenerEndpoint& endpoint : endpoints) {
    T& out = list.emplace_back();
    out.name = std::string(endpoint.name);
    out.host = std::string(endpoint.host);
    out.port = endpoint.port;
    out.security_protocol = endpoint.security_protocol;
  }
  return list;
}

class ImageWriter {
 public:
  ImageWriter(const MetadataImage& image, const std::function<void(std::string)>& write)
      : image_(image), write_(write), metadata_version_(image.features.metadata_version()) {}

  void Run() {
    Features();
    Cluster();
    Topics();
    Configs();
    Others({kafka::ClientQuotaRecord::kMetadataRecordType});
    if (image_.producer_ids_allocated) ProducerIds();
    Others({kafka::AccessControlEntryRecord::kMetadataRecordType});
    Others({kafka::UserScramCredentialRecord::kMetadataRecordType});
    Others({kafka::DelegationTokenRecord::kMetadataRecordType});
  }

 private:
  void Write(const VersionedRecord& record) {
    write_(kafka::EncodeMetadataRecord(record.record, record.version));
  }

  void Feature(std::string_view name, int16_t level) {
    kafka::FeatureLevelRecord record;
    record.name = name;
    record.feature_level = level;
    Write({std::move(record), 0});
  }
  void Features() {
    // metadata.version comes first: it says how to read the rest.
    if (metadata_version_ > 0) Feature(kMetadataVersion, metadata_version_);
    for (const auto& [name, level] : image_.features.finalized) {
      if (name != kMetadataVersion) Feature(name, level);
    }
    Others({kafka::ZkMigrationStateRecord::kMetadataRecordType});
  }
  void Cluster() {
    for (const auto& [id, broker] : image_.cluster.brokers) Write(ToRecord(broker, metadata_version_));
    if (metadata_version_ < kControllerRegistration) return;
    for (const auto& [id, controller] : image_.cluster.controllers) Write(ToRecord(controller));
  }
  void Topics() {
    for (const auto& [id, topic] : image_.topics.by_id) {
      kafka::TopicRecord record;
      record.name = topic.name;
      record.topic_id = id;
      Write({std::move(record), 0});
      for (const auto& [index, partition] : topic.partitions) {
        Write(ToRecord(id, index, partition, metadata_version_));
      }
    }
  }
  void Configs() {
    for (const auto& [key, configs] : image_.configs.by_resource) {
      const ConfigResource resource = ConfigsImage::Resource(key);
      for (const auto& [name, value] : configs) {
        kafka::ConfigRecord record;
        record.resource_type = static_cast<int8_t>(resource.type);
        record.resource_name = resource.name;
        record.name = name;
        record.value = kafka::Text(value);
        Write({std::move(record), 0});
      }
    }
  }
  void ProducerIds() {
    kafka::ProducerIdsRecord record;
    record.broker_id = -1;
    record.broker_epoch = -1;
    record.next_producer_id = image_.next_producer_id.value();
    Write({std::move(record), 0});
  }
  void Others(std::initializer_list<int16_t> types) {
    for (const auto& [identity, raw] : image_.others) {
      if (std::find(types.begin(), types.end(), raw.type) != types.end()) write_(raw.value);
    }
  }

  const MetadataImage& image_;
  const std::function<void(std::string)>& write_;
  int16_t metadata_version_;
};

}  // namespace

int16_t RegisterBrokerRecordVersion(int16_t metadata_version) {
  if (metadata_version >= kCordonedLogDirs) return 4;
  if (metadata_version >= kDirectoryAssignment) return 3;
  if (metadata_version >= kMigration) return 2;
  return 1;
}

int16_t PartitionRecordVersion(int16_t metadata_version) {
  if (metadata_version >= kElrRecords) return 2;
  if (metadata_version >= kDirectoryAssignment) return 1;
  return 0;
}

int16_t PartitionChangeRecordVersion(int16_t metadata_version) {
  return PartitionRecordVersion(metadata_version);
}

VersionedRecord ToRecord(const TopicId& topic, PartitionIndex index, const PartitionRegistration& partition,
                         int16_t metadata_version) {
  kafka::PartitionRecord record;
  record.partition_id = index.value();
  record.topic_id = topic;
  record.replicas = Ids(partition.replicas);
  record.isr = Ids(partition.isr);
  record.removing_replicas = Ids(partition.removing_replicas);
  record.adding_replicas = Ids(partition.adding_replicas);
  record.leader = partition.leader.value();
  record.leader_recovery_state = static_cast<int8_t>(partition.leader_recovery_state);
  record.leader_epoch = partition.leader_epoch.value();
  record.partition_epoch = partition.partition_epoch.value();
  record.directories.assign(partition.directories.begin(), partition.directories.end());
  if (!partition.elr.empty()) record.eligible_leader_replicas = Ids(partition.elr);
  if (!partition.last_known_elr.empty()) record.last_known_elr = Ids(partition.last_known_elr);
  return {std::move(record), PartitionRecordVersion(metadata_version)};
}

VersionedRecord ToRecord(const BrokerRegistration& broker, int16_t metadata_version) {
  kafka::RegisterBrokerRecord record;
  record.broker_id = broker.id.value();
  record.is_migrating_zk_broker = broker.is_migrating_zk_broker;
  record.incarnation_id = broker.incarnation_id;
  record.broker_epoch = broker.epoch.value();
  record.end_points = EndpointList<kafka::RegisterBrokerRecord::BrokerEndpoint>(broker.endpoints);
  record.features = FeatureList<kafka::RegisterBrokerRecord::BrokerFeature>(broker.features);
  if (broker.rack.has_value()) {
    record.rack = kafka::Text(std::string(*broker.rack));
  } else {
    record.rack.reset();
  }
  record.fenced = broker.fenced;
  record.in_controlled_shutdown = broker.in_controlled_shutdown;
  record.log_dirs = broker.log_dirs;
  record.cordoned_log_dirs = broker.cordoned_log_dirs;
  return {std::move(record), RegisterBrokerRecordVersion(metadata_version)};
}

VersionedRecord ToRecord(const ControllerRegistration& controller) {
  kafka::RegisterControllerRecord record;
  record.controller_id = controller.id.value();
  record.incarnation_id = controller.incarnation_id;
  record.zk_migration_ready = controller.zk_migration_ready;
  record.end_points = EndpointList<kafka::RegisterControllerRecord::ControllerEndpoint>(controller.endpoints);
  record.features = FeatureList<kafka::RegisterControllerRecord::ControllerFeature>(controller.features);
  return {std::move(record), 0};
}

void WriteImage(const MetadataImage& image, const std::function<void(std::string)>& write) {
  ImageWriter(image, write).Run();
}

}  // namespace dohle::metadata
