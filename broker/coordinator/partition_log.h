// What the coordinator needs of the rest of the broker: its partitions of __consumer_offsets, and which
// topics there are. Implemented above broker/replica and broker/metadata.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/base/uuid.h"
#include "lib/env/task.h"

namespace dohle::coordinator {

// The partitions of __consumer_offsets that this broker leads. Called from any thread, never from inside a
// lane.
class PartitionLog {
 public:
  virtual ~PartitionLog() = default;

  // Appends one v2 batch (base offset 0, to be set by the log) with acks=all and returns its base offset when
  // it is committed, that is when the high watermark has passed it. There is at most one append a partition
  // at a time.
  //
  // A failure says that the batch is not in the log, or that this broker no longer leads the partition (then
  // OnResigned follows):
  //   kUnavailable         too few in-sync replicas, or it took too long before it was in the log
  //   kFailedPrecondition  not the leader, or the disk failed: members look for another coordinator
  //   kResourceExhausted, kInvalidArgument   the batch is too large
  virtual env::Task<StatusOr<Offset>> Append(PartitionIndex partition, std::string batch) = 0;

  // The largest batch that the partition takes, as of now: max.message.bytes of __consumer_offsets, which can
  // be altered. Any thread, inside of lanes too.
  virtual size_t MaxBatchBytes(PartitionIndex partition) const = 0;

  struct Chunk {
    std::string batches;  // whole batches, one behind the other
    Offset next_offset;   // where to go on
    bool at_end = false;  // next_offset is the log end offset
  };
  // Batches from the one that holds `from` on, about `max_bytes` of them but at least one; from the log's
  // start if it begins later. Up to the log end offset, not the high watermark: what a leader has it will
  // commit.
  virtual env::Task<StatusOr<Chunk>> Read(PartitionIndex partition, Offset from, size_t max_bytes) = 0;
};

// The cluster's topics, as of now. Any thread.
class TopicLookup {
 public:
  virtual ~TopicLookup() = default;

  struct Topic {
    Uuid id;
    int32_t partition_count = 0;
  };
  virtual std::optional<Topic> Find(std::string_view name) const = 0;
  virtual std::optional<std::string> NameOf(const Uuid& id) const = 0;
};

}  // namespace dohle::coordinator
