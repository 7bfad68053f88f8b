#include "broker/metadata/delta.h"

#include <algorithm>
#include <variant>

#include "broker/metadata/record.h"
#include "broker/metadata/registration_fields.h"
#include "broker/metadata/topic_name.h"

namespace dohle::metadata {
namespace {

constexpr int32_t kNoLeaderChange = -2;

Status Contradiction(std::string message) { return Status(StatusCode::kDataLoss, std::move(message)); }

Replicas ToReplicas(const std::vector<int32_t>& ids) {
  Replicas replicas;
  replicas.reserve(ids.size());
  for (const int32_t id : ids) replicas.push_back(NodeId(id));
  return replicas;
}

// Names one of MetadataImage::others: parts can't run into each other.
class Identity {
 public:
  explicit Identity(int16_t type) : key_(fmt::format("{}:", type)) {}
  Identity& Add(std::string_view part) {
    key_ += fmt::format("{}:", part.size());
    key_ += part;
    return *this;
  }
  Identity& Add(int64_t part) { return Add(std::to_string(part)); }
  std::string Take() { return std::move(key_); }

 private:
  std::string key_;
};

std::string QuotaIdentity(const kafka::ClientQuotaRecord& record) {
  std::map<std::string_view, std::optional<std::string_view>> entity;
  for (const auto& part : record.entity) {
    auto& name = entity[part.entity_type];
    if (part.entity_name.has_value()) name = part.entity_name->view();
  }
  Identity identity(kafka::ClientQuotaRecord::kMetadataRecordType);
  for (const auto& [type, name] : entity) {
    identity.Add(type).Add(name.has_value() ? "=" : "default").Add(name.value_or(""));
  }
  return identity.Add(record.key).Take();
}

std::string ScramIdentity(std::string_view user, int8_t mechanism) {
  return Identity(kafka::UserScramCredentialRecord::kMetadataRecordType).Add(user).Add(mechanism).Take();
}
std::string AclIdentity(const Uuid& id) {
  return Identity(kafka::AccessControlEntryRecord::kMetadataRecordType).Add(ToString(id)).Take();
}
std::string TokenIdentity(std::string_view token_id) {
  return Identity(kafka::DelegationTokenRecord::kMetadataRecordType).Add(token_id).Take();
}

}  // namespace

bool ImageChanges::empty() const {
  return !everything && created_topics.empty() && deleted_topics.empty() && partitions.empty() &&
         configs.empty() && brokers.empty() && controllers.empty() && features.empty() && !producer_ids &&
         !others;
}

Status Apply(const kafka::PartitionChangeRecord& record, PartitionRegistration* partition) {
  if (record.replicas) partition->replicas = ToReplicas(*record.replicas);
  if (record.directories)
    partition->directories.assign(record.directories->begin(), record.directories->end());
  if (record.isr) partition->isr = ToReplicas(*record.isr);
  if (record.removing_replicas) partition->removing_replicas = ToReplicas(*record.removing_replicas);
  if (record.adding_replicas) partition->adding_replicas = ToReplicas(*record.adding_replicas);
  if (record.eligible_leader_replicas) partition->elr = ToReplicas(*record.eligible_leader_replicas);
  if (record.last_known_elr) partition->last_known_elr = ToReplicas(*record.last_known_elr);
  if (record.leader != kNoLeaderChange) {
    partition->leader = NodeId(record.leader);
    ++partition->leader_epoch;
  }
  if (record.leader_recovery_state != -1) {
    if (record.leader_recovery_state < 0 || record.leader_recovery_state > 1) {
      return Contradiction("unknown leader recovery state");
    }
    partition->leader_recovery_state = static_cast<LeaderRecoveryState>(record.leader_recovery_state);
  }
  ++partition->partition_epoch;
  return OkStatus();
}

// One overload for each record type.
class RecordReplay {
 public:
  RecordReplay(MetadataDelta* delta, std::string_view framed, int16_t version)
      : image_(delta->image_), changes_(delta->changes_), framed_(framed), version_(version) {}

  // ---- topics

  Status operator()(const kafka::TopicRecord& record) {
    if (image_.topics.by_id.Contains(record.topic_id)) {
      return Contradiction(fmt::format("topic id {} exists already", ToString(record.topic_id)));
    }
    std::string name(record.name.view());
    if (image_.topics.ids.Contains(name)) {
      return Contradiction(fmt::format("topic {} exists already with another id", name));
    }
    image_.topics.ids.Set(name, record.topic_id);
    if (HasCollisionCharacters(name)) {
      const std::string unified = UnifyCollisionCharacters(name);
      std::set<std::string> names;
      if (const auto* known = image_.topics.by_unified_name.Find(unified); known != nullptr) names = *known;
      names.insert(name);
      image_.topics.by_unified_name.Set(unified, std::move(names));
    }
    image_.topics.by_id.Set(record.topic_id, TopicImage{std::move(name), record.topic_id, {}});
    if (!changes_.everything) changes_.created_topics.insert(record.topic_id);
    return OkStatus();
  }

  Status operator()(const kafka::RemoveTopicRecord& record) {
    const TopicImage* topic = image_.topics.Find(record.topic_id);
    if (topic == nullptr) return UnknownTopic(record.topic_id);
    const std::string name = topic->name;
    image_.topics.ids.Erase(name);
    if (auto* names = image_.topics.by_unified_name.FindMutable(UnifyCollisionCharacters(name));
        names != nullptr) {
      names->erase(name);
      if (names->empty()) image_.topics.by_unified_name.Erase(UnifyCollisionCharacters(name));
    }
    image_.topics.by_id.Erase(record.topic_id);
    changes_.partitions.erase(record.topic_id);
    if (changes_.created_topics.erase(record.topic_id) == 0) changes_.deleted_topics[record.topic_id] = name;
    // The configs of a topic go with it, without records of their own.
    if (image_.configs.by_resource.Erase(ConfigsImage::Key(ConfigResourceType::kTopic, name))) {
      changes_.configs.insert({ConfigResourceType::kTopic, name});
    }
    return OkStatus();
  }

  Status operator()(const kafka::PartitionRecord& record) {
    TopicImage* topic = image_.topics.by_id.FindMutable(record.topic_id);
    if (topic == nullptr) return UnknownTopic(record.topic_id);
    if (record.partition_id < 0) return Contradiction("negative partition id");
    PartitionRegistration partition;
    partition.replicas = ToReplicas(record.replicas);
    partition.directories.assign(record.directories.begin(), record.directories.end());
    partition.isr = ToReplicas(record.isr);
    partition.removing_replicas = ToReplicas(record.removing_replicas);
    partition.adding_replicas = ToReplicas(record.adding_replicas);
    if (record.eligible_leader_replicas) partition.elr = ToReplicas(*record.eligible_leader_replicas);
    if (record.last_known_elr) partition.last_known_elr = ToReplicas(*record.last_known_elr);
    partition.leader = NodeId(record.leader);
    partition.leader_epoch = LeaderEpoch(record.leader_epoch);
    partition.partition_epoch = PartitionEpoch(record.partition_epoch);
    if (record.leader_recovery_state < 0 || record.leader_recovery_state > 1) {
      return Contradiction("unknown leader recovery state");
    }
    partition.leader_recovery_state = static_cast<LeaderRecoveryState>(record.leader_recovery_state);
    topic->partitions.Set(PartitionIndex(record.partition_id), std::move(partition));
    NotePartition(record.topic_id, record.partition_id);
    return OkStatus();
  }

  Status operator()(const kafka::PartitionChangeRecord& record) {
    TopicImage* topic = image_.topics.by_id.FindMutable(record.topic_id);
    if (topic == nullptr) return UnknownTopic(record.topic_id);
    PartitionRegistration* partition = topic->partitions.FindMutable(PartitionIndex(record.partition_id));
    if (partition == nullptr) {
      return Contradiction(
          fmt::format("change of unknown partition {}-{}", topic->name, record.partition_id));
    }
    DOHLE_RETURN_IF_ERROR(Apply(record, partition));
    NotePartition(record.topic_id, record.partition_id);
    return OkStatus();
  }

  Status operator()(const kafka::ClearElrRecord& record) {
    std::vector<TopicId> topics;
    if (record.topic_name.empty()) {
      for (const auto& [id, topic] : image_.topics.by_id) topics.push_back(id);
    } else {
      const TopicImage* topic = image_.topics.Find(record.topic_name.view());
      if (topic == nullptr) return Contradiction("ClearElrRecord for an unknown topic");
      topics.push_back(topic->id);
    }
    for (const TopicId& id : topics) ClearElr(id);
    return OkStatus();
  }

  // ---- configs, features, producer ids

  Status operator()(const kafka::ConfigRecord& record) {
    ConfigResource resource{static_cast<ConfigResourceType>(record.resource_type),
                            std::string(record.resource_name.view())};
    const std::string key = ConfigsImage::Key(resource.type, resource.name);
    ConfigMap* configs = image_.configs.by_resource.FindMutable(key);
    if (record.value.has_value()) {
      if (configs == nullptr) {
        image_.configs.by_resource.Set(key, {});
        configs = image_.configs.by_resource.FindMutable(key);
      }
      (*configs)[std::string(record.name.view())] = std::string(record.value->view());
    } else if (configs != nullptr) {
      configs->erase(std::string(record.name.view()));
      if (configs->empty()) image_.configs.by_resource.Erase(key);
    }
    changes_.configs.insert(std::move(resource));
    return OkStatus();
  }

  Status operator()(const kafka::FeatureLevelRecord& record) {
    std::string name(record.name.view());
    if (record.feature_level < 0) return Contradiction("negative feature level");
    if (record.feature_level == 0) {
      image_.features.finalized.erase(name);
    } else {
      image_.features.finalized[name] = record.feature_level;
    }
    changes_.features.insert(std::move(name));
    return OkStatus();
  }

  Status operator()(const kafka::ProducerIdsRecord& record) {
    if (record.next_producer_id < 0) return Contradiction("negative producer id");
    image_.next_producer_id = ProducerId(record.next_producer_id);
    image_.producer_ids_allocated = true;
    changes_.producer_ids = true;
    return OkStatus();
  }

  // ---- brokers and controllers

  Status operator()(const kafka::RegisterBrokerRecord& record) {
    BrokerRegistration broker;
    broker.id = NodeId(record.broker_id);
    broker.epoch = BrokerEpoch(record.broker_epoch);
    broker.incarnation_id = record.incarnation_id;
    broker.endpoints = ToEndpoints(record.end_points);
    broker.features = ToFeatures(record.features);
    if (record.rack.has_value()) broker.rack = std::string(record.rack->view());
    broker.fenced = record.fenced;
    broker.in_controlled_shutdown = record.in_controlled_shutdown;
    broker.is_migrating_zk_broker = record.is_migrating_zk_broker;
    broker.log_dirs = record.log_dirs;
    std::sort(broker.log_dirs.begin(), broker.log_dirs.end());
    broker.cordoned_log_dirs = record.cordoned_log_dirs;
    changes_.brokers.insert(broker.id);
    image_.cluster.brokers.Set(broker.id, std::move(broker));
    return OkStatus();
  }

  Status operator()(const kafka::UnregisterBrokerRecord& record) {
    BrokerRegistration* broker = nullptr;
    DOHLE_RETURN_IF_ERROR(FindBroker(record.broker_id, record.broker_epoch, &broker));
    image_.cluster.brokers.Erase(NodeId(record.broker_id));
    return OkStatus();
  }
  Status operator()(const kafka::FenceBrokerRecord& record) {
    BrokerRegistration* broker = nullptr;
    DOHLE_RETURN_IF_ERROR(FindBroker(record.id, record.epoch, &broker));
    broker->fenced = true;
    return OkStatus();
  }
  Status operator()(const kafka::UnfenceBrokerRecord& record) {
    BrokerRegistration* broker = nullptr;
    DOHLE_RETURN_IF_ERROR(FindBroker(record.id, record.epoch, &broker));
    broker->fenced = false;
    return OkStatus();
  }
  Status operator()(const kafka::BrokerRegistrationChangeRecord& record) {
    BrokerRegistration* broker = nullptr;
    DOHLE_RETURN_IF_ERROR(FindBroker(record.broker_id, record.broker_epoch, &broker));
    if (record.fenced < -1 || record.fenced > 1 || record.in_controlled_shutdown < 0 ||
        record.in_controlled_shutdown > 1) {
      return Contradiction("unknown change of a broker registration");
    }
    if (record.fenced != 0) broker->fenced = record.fenced > 0;
    if (record.in_controlled_shutdown != 0) broker->in_controlled_shutdown = true;
    if (!record.log_dirs.empty()) {
      broker->log_dirs = record.log_dirs;
      std::sort(broker->log_dirs.begin(), broker->log_dirs.end());
    }
    if (record.cordoned_log_dirs.has_value()) broker->cordoned_log_dirs = record.cordoned_log_dirs;
    return OkStatus();
  }

  Status operator()(const kafka::RegisterControllerRecord& record) {
    ControllerRegistration controller;
    controller.id = NodeId(record.controller_id);
    controller.incarnation_id = record.incarnation_id;
    controller.zk_migration_ready = record.zk_migration_ready;
    controller.endpoints = ToEndpoints(record.end_points);
    controller.features = ToFeatures(record.features);
    changes_.controllers.insert(controller.id);
    image_.cluster.controllers.Set(controller.id, std::move(controller));
    return OkStatus();
  }

  // ---- kept as they are

  Status operator()(const kafka::ClientQuotaRecord& record) {
    return record.remove ? Forget(QuotaIdentity(record))
                         : Keep(QuotaIdentity(record), kafka::ClientQuotaRecord::kMetadataRecordType);
  }
  Status operator()(const kafka::AccessControlEntryRecord& record) {
    return Keep(AclIdentity(record.id), kafka::AccessControlEntryRecord::kMetadataRecordType);
  }
  Status operator()(const kafka::RemoveAccessControlEntryRecord& record) {
    return Forget(AclIdentity(record.id));
  }
  Status operator()(const kafka::UserScramCredentialRecord& record) {
    return Keep(ScramIdentity(record.name, record.mechanism),
                kafka::UserScramCredentialRecord::kMetadataRecordType);
  }
  Status operator()(const kafka::RemoveUserScramCredentialRecord& record) {
    return Forget(ScramIdentity(record.name, record.mechanism));
  }
  Status operator()(const kafka::DelegationTokenRecord& record) {
    return Keep(TokenIdentity(record.token_id), kafka::DelegationTokenRecord::kMetadataRecordType);
  }
  Status operator()(const kafka::RemoveDelegationTokenRecord& record) {
    return Forget(TokenIdentity(record.token_id));
  }
  Status operator()(const kafka::ZkMigrationStateRecord&) {
    return Keep(Identity(kafka::ZkMigrationStateRecord::kMetadataRecordType).Take(),
                kafka::ZkMigrationStateRecord::kMetadataRecordType);
  }

  // ---- without content here: the replay of the log cares for transactions

  Status operator()(const kafka::NoOpRecord&) { return OkStatus(); }
  Status operator()(const kafka::BeginTransactionRecord&) { return OkStatus(); }
  Status operator()(const kafka::EndTransactionRecord&) { return OkStatus(); }
  Status operator()(const kafka::AbortTransactionRecord&) { return OkStatus(); }

 private:
  // Of millions in a snapshot nobody looks at the list.
  void NotePartition(const TopicId& topic, int32_t partition) {
    if (!changes_.everything) changes_.partitions[topic].insert(PartitionIndex(partition));
  }
  static Status UnknownTopic(const TopicId& id) {
    return Contradiction(fmt::format("record for unknown topic id {}", ToString(id)));
  }
  Status FindBroker(int32_t id, int64_t epoch, BrokerRegistration** found) {
    BrokerRegistration* broker = image_.cluster.brokers.FindMutable(NodeId(id));
    if (broker == nullptr) return Contradiction(fmt::format("record for unknown broker {}", id));
    if (broker->epoch != BrokerEpoch(epoch)) {
      return Contradiction(fmt::format("record for epoch {} of broker {}, which is at epoch {}", epoch, id,
                                       broker->epoch.value()));
    }
    changes_.brokers.insert(NodeId(id));
    *found = broker;
    return OkStatus();
  }
  void ClearElr(const TopicId& id) {
    const TopicImage before = *image_.topics.Find(id);
    for (const auto& [index, partition] : before.partitions) {
      if (partition.elr.empty() && partition.last_known_elr.empty()) continue;
      PartitionRegistration* cleared = image_.topics.by_id.FindMutable(id)->partitions.FindMutable(index);
      cleared->elr.clear();
      cleared->last_known_elr.clear();
      ++cleared->partition_epoch;
      changes_.partitions[id].insert(index);
    }
  }
  Status Keep(std::string identity, int16_t type) {
    image_.others.Set(std::move(identity), RawRecord{type, version_, std::string(framed_)});
    changes_.others = true;
    return OkStatus();
  }
  // Removing what isn't there is what a replay over a snapshot may do; Kafka tolerates it for quotas, and
  // nothing is lost by tolerating the rest.
  Status Forget(const std::string& identity) {
    image_.others.Erase(identity);
    changes_.others = true;
    return OkStatus();
  }

  MetadataImage& image_;
  ImageChanges& changes_;
  std::string_view framed_;
  int16_t version_;
};

Status MetadataDelta::Replay(std::string_view framed) {
  auto record = kafka::DecodeMetadataRecord(framed);
  if (!record.ok()) return record.status();
  // The frame is one byte of frame version, the type, then the version: all below 128 in what we know.
  const auto version = static_cast<int16_t>(static_cast<uint8_t>(framed[2]));
  return std::visit(RecordReplay(this, framed, version), *record);
}

Status MetadataDelta::Replay(const VersionedRecord& record) {
  const std::string framed = kafka::EncodeMetadataRecord(record.record, record.version);
  return std::visit(RecordReplay(this, framed, record.version), record.record);
}

void MetadataDelta::SetKraftVersion(int16_t level) {
  if (image_.features.kraft_version == level) return;
  image_.features.kraft_version = level;
  changes_.features.insert(std::string(kKraftVersion));
}

MetadataUpdate MetadataDelta::Take(const Provenance& provenance) {
  image_.provenance = provenance;
  MetadataUpdate update{base_, std::make_shared<const MetadataImage>(image_), std::move(changes_)};
  base_ = update.after;
  changes_ = {};
  return update;
}

}  // namespace dohle::metadata
