// The identifiers of Kafka's world as types. Widths are those of the protocol.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/strong_int.h"
#include "lib/base/uuid.h"

namespace dohle {

using Offset = StrongInt<struct OffsetTag, int64_t>;                  // position of a record in a partition
using NodeId = StrongInt<struct NodeIdTag, int32_t>;                  // a broker or controller, `node.id`
using PartitionIndex = StrongInt<struct PartitionIndexTag, int32_t>;  // a partition within its topic
using LeaderEpoch = StrongInt<struct LeaderEpochTag, int32_t>;        // of a partition or of the quorum
using PartitionEpoch =
    StrongInt<struct PartitionEpochTag, int32_t>;               // changes with every ISR or leader change
using BrokerEpoch = StrongInt<struct BrokerEpochTag, int64_t>;  // offset of the broker's registration record
using ProducerId = StrongInt<struct ProducerIdTag, int64_t>;
using ProducerEpoch = StrongInt<struct ProducerEpochTag, int16_t>;

inline constexpr NodeId kNoNode{-1};
inline constexpr LeaderEpoch kNoLeaderEpoch{-1};
inline constexpr ProducerId kNoProducerId{-1};
inline constexpr Offset kNoOffset{-1};

// Names one partition of the cluster by topic name, as directories on disk and old requests do.
struct TopicPartition {
  std::string topic;
  PartitionIndex partition;

  friend bool operator==(const TopicPartition&, const TopicPartition&) = default;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const TopicPartition& tp) {
    return H::combine(std::move(h), tp.topic, tp.partition);
  }
};

// "topic-0": the form of directory names, logs and messages.
inline std::string ToString(const TopicPartition& tp) {
  return tp.topic + "-" + std::to_string(tp.partition.value());
}

}  // namespace dohle
