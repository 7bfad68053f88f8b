// MetadataImage: everything that the metadata log says at one offset. Immutable once published and shared by
// pointer: any thread reads it without a lock for as long as it holds the pointer. Copies are cheap
// (persistent_map.h); MetadataDelta makes the next one.
//
// What this broker interprets is decoded into the structs below; of the rest (quotas, ACLs, SCRAM, delegation
// tokens) the records themselves are kept, so that a snapshot loses nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "broker/metadata/persistent_map.h"
#include "broker/raft/types.h"
#include "lib/base/ids.h"

namespace dohle::metadata {

// Node ids of replicas; up to four of them need no allocation. Of their directories three: an allocation
// costs more than what a partition with fewer replicas leaves empty.
using Replicas = absl::InlinedVector<NodeId, 4>;
using Directories = absl::InlinedVector<DirectoryId, 3>;

enum class LeaderRecoveryState : int8_t { kRecovered = 0, kRecovering = 1 };

// One partition (PartitionRecord, PartitionChangeRecord).
struct PartitionRegistration {
  Replicas replicas;
  Directories directories;  // of each replica, in the same order (KIP-858); may be empty below 3.7-IV2
  Replicas isr;
  Replicas removing_replicas;
  Replicas adding_replicas;
  Replicas elr;  // eligible leader replicas (KIP-966)
  Replicas last_known_elr;
  NodeId leader = kNoNode;
  LeaderRecoveryState leader_recovery_state = LeaderRecoveryState::kRecovered;
  LeaderEpoch leader_epoch{0};
  PartitionEpoch partition_epoch{0};

  bool HasReplica(NodeId broker) const;
  bool InIsr(NodeId broker) const;
  // Where `broker` keeps its replica; kUnassignedDirectory if it has none or none is known.
  DirectoryId DirectoryOf(NodeId broker) const;
  NodeId preferred_leader() const { return replicas.empty() ? kNoNode : replicas.front(); }

  friend bool operator==(const PartitionRegistration&, const PartitionRegistration&) = default;
};

struct TopicImage {
  std::string name;
  TopicId id;
  PersistentMap<PartitionIndex, PartitionRegistration> partitions;  // of 0 … size - 1

  const PartitionRegistration* Partition(PartitionIndex index) const { return partitions.Find(index); }
  int32_t partition_count() const { return static_cast<int32_t>(partitions.size()); }
};

struct TopicsImage {
  PersistentMap<TopicId, TopicImage> by_id;
  PersistentMap<std::string, TopicId> ids;
  // Names with '.' or '_' by their unified form (topic_name.h): what a new name must not collide with.
  PersistentMap<std::string, std::set<std::string>> by_unified_name;

  const TopicImage* Find(const TopicId& id) const { return by_id.Find(id); }
  const TopicImage* Find(std::string_view name) const {
    const TopicId* id = ids.Find(name);
    return id == nullptr ? nullptr : by_id.Find(*id);
  }
  const PartitionRegistration* Partition(std::string_view name, PartitionIndex index) const {
    const TopicImage* topic = Find(name);
    return topic == nullptr ? nullptr : topic->Partition(index);
  }
};

struct ListenerEndpoint {
  std::string name;  // of the listener: "PLAINTEXT"
  std::string host;
  uint16_t port = 0;
  int16_t security_protocol = 0;  // 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL

  friend bool operator==(const ListenerEndpoint&, const ListenerEndpoint&) = default;
};

struct FeatureRange {
  int16_t min = 0;
  int16_t max = 0;

  friend bool operator==(const FeatureRange&, const FeatureRange&) = default;
};
using SupportedFeatures = std::map<std::string, FeatureRange, std::less<>>;

struct BrokerRegistration {
  NodeId id = kNoNode;
  BrokerEpoch epoch{-1};
  Uuid incarnation_id;
  std::vector<ListenerEndpoint> endpoints;
  SupportedFeatures features;
  std::optional<std::string> rack;
  bool fenced = true;
  bool in_controlled_shutdown = false;
  bool is_migrating_zk_broker = false;
  std::vector<DirectoryId> log_dirs;                          // sorted, as Kafka keeps them
  std::optional<std::vector<DirectoryId>> cordoned_log_dirs;  // nothing: the broker hasn't said

  const ListenerEndpoint* Endpoint(std::string_view listener) const;
  // Known, not fenced and not going away: may be in an ISR and lead.
  bool active() const { return !fenced && !in_controlled_shutdown; }

  friend bool operator==(const BrokerRegistration&, const BrokerRegistration&) = default;
};

struct ControllerRegistration {
  NodeId id = kNoNode;
  Uuid incarnation_id;
  bool zk_migration_ready = false;
  std::vector<ListenerEndpoint> endpoints;
  SupportedFeatures features;

  friend bool operator==(const ControllerRegistration&, const ControllerRegistration&) = default;
};

struct ClusterImage {
  PersistentMap<NodeId, BrokerRegistration> brokers;
  PersistentMap<NodeId, ControllerRegistration> controllers;

  const BrokerRegistration* Broker(NodeId id) const { return brokers.Find(id); }
  bool IsActive(NodeId id) const {
    const BrokerRegistration* broker = Broker(id);
    return broker != nullptr && broker->active();
  }
};

inline constexpr std::string_view kMetadataVersion = "metadata.version";
inline constexpr std::string_view kKraftVersion = "kraft.version";
inline constexpr std::string_view kElrVersion = "eligible.leader.replicas.version";
inline constexpr std::string_view kGroupVersion = "group.version";
inline constexpr std::string_view kTransactionVersion = "transaction.version";
inline constexpr std::string_view kShareVersion = "share.version";
inline constexpr std::string_view kStreamsVersion = "streams.version";

struct FeaturesImage {
  // Finalized levels, 0 left out; metadata.version among them, kraft.version not (it lives in control
  // records).
  std::map<std::string, int16_t, std::less<>> finalized;
  int16_t kraft_version = 0;

  int16_t Level(std::string_view feature) const;  // 0 if not finalized
  int16_t metadata_version() const { return Level(kMetadataVersion); }
  bool elr_enabled() const { return Level(kElrVersion) > 0; }
};

// ConfigResource.Type of the protocol.
enum class ConfigResourceType : int8_t {
  kUnknown = 0,
  kTopic = 2,
  kBroker = 4,
  kBrokerLogger = 8,
  kClientMetrics = 16,
  kGroup = 32,
};

struct ConfigResource {
  ConfigResourceType type = ConfigResourceType::kUnknown;
  std::string name;  // "" of a broker: the default of all brokers

  friend auto operator<=>(const ConfigResource&, const ConfigResource&) = default;
};
std::string ToString(const ConfigResource& resource);  // "ConfigResource(type=TOPIC, name='demo')"

using ConfigMap = std::map<std::string, std::string, std::less<>>;

struct ConfigsImage {
  // The key is the type's number and the name: Key().
  PersistentMap<std::string, ConfigMap> by_resource;

  static std::string Key(ConfigResourceType type, std::string_view name);
  static ConfigResource Resource(std::string_view key);
  // Never null; empty if nothing is set. Lives as long as the image.
  const ConfigMap& Find(ConfigResourceType type, std::string_view name) const;
  const ConfigMap& Topic(std::string_view name) const { return Find(ConfigResourceType::kTopic, name); }
};

// A record that is kept as it came: the framed value (KIP-631).
struct RawRecord {
  int16_t type = 0;
  int16_t version = 0;
  std::string value;
};

// Which point of the log an image stands for.
struct Provenance {
  Offset last_contained_offset{-1};
  LeaderEpoch last_contained_epoch{-1};
  int64_t last_contained_log_time_ms = -1;

  Offset end_offset() const { return last_contained_offset + 1; }
};

struct MetadataImage {
  Provenance provenance;
  FeaturesImage features;
  ClusterImage cluster;
  TopicsImage topics;
  ConfigsImage configs;
  ProducerId next_producer_id{0};  // the first id of the next block; meaningful if any was allocated
  bool producer_ids_allocated = false;
  // By identity (type and the record's key fields), see delta.cc. Client quotas, ACLs, SCRAM credentials,
  // delegation tokens, ZooKeeper migration state.
  PersistentMap<std::string, RawRecord> others;

  bool empty() const { return provenance.last_contained_offset < Offset(0) && features.finalized.empty(); }
};

using ImagePtr = std::shared_ptr<const MetadataImage>;

}  // namespace dohle::metadata
