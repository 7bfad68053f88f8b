// Builds record batches of our own: metadata, offsets, transaction states, control records, compacted logs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/ids.h"
#include "lib/kafka/compression.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch.h"

namespace dohle::kafka {

struct BatchOptions {
  Offset base_offset{0};
  LeaderEpoch partition_leader_epoch = kNoLeaderEpoch;
  Codec codec = Codec::kNone;
  int compression_level = kDefaultCompressionLevel;
  // If set the batch is of type LogAppendTime with this time, otherwise of CreateTime.
  std::optional<int64_t> log_append_time_ms;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch{-1};
  int32_t base_sequence = kNoSequence;
  bool transactional = false;
  bool control = false;
  // The cleaner's (KIP-534); takes the place of the base timestamp.
  std::optional<int64_t> delete_horizon_ms;
};

class RecordBatchBuilder {
 public:
  explicit RecordBatchBuilder(const BatchOptions& options) : options_(options) {}

  // At the next offset.
  void Append(int64_t timestamp_ms, std::optional<std::string_view> key,
              std::optional<std::string_view> value, std::span<const RecordHeader> headers = {});
  // At `offset`, which is beyond that of the last record and less than 2^31 beyond the base offset.
  void AppendAt(Offset offset, int64_t timestamp_ms, std::optional<std::string_view> key,
                std::optional<std::string_view> value, std::span<const RecordHeader> headers = {});
  // The batch covers the offsets up to this one, though its last records be gone: as compaction leaves it.
  void ExtendTo(Offset last_offset);

  int32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  Offset next_offset() const { return options_.base_offset + (last_delta_ + 1); }
  // Of the batch as it would be without compression.
  size_t size() const { return kBatchHeaderSize + records_.size(); }

  // The whole batch. Fails only if the codec does. The builder is spent.
  absl::StatusOr<std::string> Build();

 private:
  BatchOptions options_;
  std::string records_;
  int32_t count_ = 0;
  int64_t last_delta_ = -1;
  int64_t base_timestamp_ms_ = kNoTimestamp;
  int64_t max_timestamp_ms_ = kNoTimestamp;
};

// Bytes that a record adds to a batch; at most, for any delta.
size_t MaxRecordSize(std::optional<std::string_view> key, std::optional<std::string_view> value,
                     std::span<const RecordHeader> headers = {});

}  // namespace dohle::kafka
