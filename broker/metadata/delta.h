// MetadataDelta: replays metadata records onto an image and remembers what they touched. The result is the
// next image; the delta itself is cheap to copy, which is how metadata transactions (KIP-866) are rolled
// back.
//
// One thread. Records are bytes from outside: what contradicts the image is refused with kDataLoss, as Kafka
// does, and the delta is then unusable.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "broker/metadata/image.h"
#include "lib/base/status.h"

namespace dohle::kafka {
struct PartitionChangeRecord;
}  // namespace dohle::kafka

namespace dohle::metadata {

struct VersionedRecord;  // record.h

// What differs between two images, by identity; look the values up in either.
struct ImageChanges {
  bool everything = false;  // a snapshot was loaded: compare, the sets below are not complete
  std::set<TopicId> created_topics;
  std::map<TopicId, std::string> deleted_topics;  // with their names
  // Of topics that are in the new image, created ones included.
  std::map<TopicId, std::set<PartitionIndex>> partitions;
  std::set<ConfigResource> configs;
  std::set<NodeId> brokers;
  std::set<NodeId> controllers;
  std::set<std::string, std::less<>> features;
  bool producer_ids = false;
  bool others = false;  // quotas, ACLs, SCRAM, delegation tokens

  bool empty() const;
};

// One step of the committed metadata, as publishers get it.
struct MetadataUpdate {
  ImagePtr before;
  ImagePtr after;
  ImageChanges changes;
};

// What the record makes of `partition`.
Status Apply(const kafka::PartitionChangeRecord& record, PartitionRegistration* partition);

class MetadataDelta {
 public:
  explicit MetadataDelta(ImagePtr base) : base_(std::move(base)), image_(*base_) {}

  // Applies one framed record value as it stands in the log.
  Status Replay(std::string_view framed);
  Status Replay(const VersionedRecord& record);
  // A snapshot of the control records' part of the features.
  void SetKraftVersion(int16_t level);
  // What is touched from here on needn't be listed.
  void MarkEverything() { changes_.everything = true; }

  const MetadataImage& image() const { return image_; }
  const ImageChanges& changes() const { return changes_; }
  const ImagePtr& base() const { return base_; }

  // The update up to `provenance`; the delta goes on from there.
  MetadataUpdate Take(const Provenance& provenance);

 private:
  friend class RecordReplay;

  ImagePtr base_;
  MetadataImage image_;
  ImageChanges changes_;
};

}  // namespace dohle::metadata
