// The way back: an image as the records that make it, in the order and versions of Kafka's snapshots.
#pragma once

#include <functional>

#include "broker/metadata/image.h"
#include "broker/metadata/record.h"

namespace dohle::metadata {

// Which version of a record a cluster of that metadata.version writes (MetadataVersion of Kafka).
int16_t RegisterBrokerRecordVersion(int16_t metadata_version);
int16_t PartitionRecordVersion(int16_t metadata_version);
int16_t PartitionChangeRecordVersion(int16_t metadata_version);

// The records own their strings.
VersionedRecord ToRecord(const TopicId& topic, PartitionIndex index, const PartitionRegistration& partition,
                         int16_t metadata_version);
VersionedRecord ToRecord(const BrokerRegistration& broker, int16_t metadata_version);
VersionedRecord ToRecord(const ControllerRegistration& controller);

// Calls `write` with every framed record of the image, in order.
void WriteImage(const MetadataImage& image, const std::function<void(std::string framed)>& write);

}  // namespace dohle::metadata
