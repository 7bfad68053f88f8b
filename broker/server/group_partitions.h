// What the group coordinator sees of the rest of the broker: the partitions of __consumer_offsets, the
// topics, and which of its partitions it leads.
#pragma once

#include <string>

#include "broker/coordinator/partition_log.h"
#include "broker/metadata/own_life.h"
#include "broker/metadata/publisher.h"

namespace dohle::coordinator {
class GroupCoordinator;
}
namespace dohle::env {
class Clock;
class BlockingPool;
}  // namespace dohle::env
namespace dohle::replica {
class PartitionRegistry;
}

namespace dohle::server {

class TopicMetricsTable;

class GroupPartitionLog : public coordinator::PartitionLog {
 public:
  // All outlive it.
  GroupPartitionLog(const replica::PartitionRegistry& partitions, TopicMetricsTable& metrics,
                    env::Clock& clock, env::BlockingPool& pool)
      : partitions_(partitions), metrics_(metrics), clock_(clock), pool_(pool) {}

  env::Task<StatusOr<Offset>> Append(PartitionIndex partition, std::string batch) override;
  size_t MaxBatchBytes(PartitionIndex partition) const override;
  env::Task<StatusOr<Chunk>> Read(PartitionIndex partition, Offset from, size_t max_bytes) override;

 private:
  const replica::PartitionRegistry& partitions_;
  TopicMetricsTable& metrics_;
  env::Clock& clock_;
  env::BlockingPool& pool_;
};

class ImageTopicLookup : public coordinator::TopicLookup {
 public:
  explicit ImageTopicLookup(const metadata::MetadataCache& metadata) : metadata_(metadata) {}

  std::optional<Topic> Find(std::string_view name) const override;
  std::optional<std::string> NameOf(const Uuid& id) const override;

 private:
  const metadata::MetadataCache& metadata_;
};

// Tells the coordinator what it leads and which topics have gone. To be added after the replicas' publisher:
// what is elected can be read.
class GroupPublisher : public metadata::MetadataPublisher {
 public:
  GroupPublisher(NodeId node_id, const Uuid& incarnation, coordinator::GroupCoordinator& groups)
      : node_id_(node_id), life_(node_id, incarnation), groups_(groups) {}

  std::string_view name() const override { return "groups"; }
  env::Task<void> Publish(const metadata::MetadataUpdate& update) override;

 private:
  const NodeId node_id_;
  metadata::OwnLife life_;
  coordinator::GroupCoordinator& groups_;
};

}  // namespace dohle::server
