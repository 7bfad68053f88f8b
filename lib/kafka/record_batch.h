// Record batches, format v2 (KIP-98): how records travel, lie on disk and are replicated.
//
//   0 base offset i64 | 8 length i32, of what follows | 12 partition leader epoch i32 | 16 magic i8 = 2 | 17
//   CRC-32C u32, of what follows | 21 attributes i16 | 23 last offset delta i32 | 27 base timestamp i64 | 35
//   max timestamp i64 | 43 producer id i64 | 51 producer epoch i16 | 53 base sequence i32 | 57 record count
//   i32 | 61 records, compressed as a whole
//
// The CRC leaves out base offset and leader epoch, so a broker sets them in place.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/ids.h"
#include "lib/kafka/compression.h"
#include "lib/kafka/endian.h"

namespace dohle::kafka {

inline constexpr size_t kBatchPrefixSize = 12;  // base offset and length: enough to know where the batch ends
inline constexpr size_t kBatchHeaderSize = 61;
inline constexpr int8_t kBatchMagic = 2;
inline constexpr int64_t kNoTimestamp = -1;
inline constexpr int32_t kNoSequence = -1;

enum class TimestampType { kCreateTime = 0, kLogAppendTime = 1 };

// Bits of the attributes.
inline constexpr int16_t kCodecMask = 0x07;
inline constexpr int16_t kLogAppendTimeBit = 0x08;
inline constexpr int16_t kTransactionalBit = 0x10;
inline constexpr int16_t kControlBit = 0x20;
inline constexpr int16_t kDeleteHorizonBit = 0x40;

// `sequence` + `increment`, wrapping from INT32_MAX to 0 as producers count.
int32_t AddToSequence(int32_t sequence, int32_t increment);

// Reads the header of a batch in place. Cheap to copy; borrows.
class RecordBatchView {
 public:
  // `bytes` is at least kBatchHeaderSize long and begins with a batch; Parse is the way to get there with
  // foreign bytes.
  explicit RecordBatchView(std::string_view bytes) : data_(bytes.data()) {}

  // The batch at the beginning of `bytes`, of which sizes and magic have been checked and nothing else.
  // kOutOfRange: `bytes` end within the batch. kInvalidArgument: sizes can't be. kUnimplemented: another
  // magic.
  static absl::StatusOr<RecordBatchView> Parse(std::string_view bytes);

  Offset base_offset() const { return Offset(Load<int64_t>(0)); }
  int32_t length() const { return Load<int32_t>(8); }
  LeaderEpoch partition_leader_epoch() const { return LeaderEpoch(Load<int32_t>(12)); }
  int8_t magic() const { return Load<int8_t>(16); }
  uint32_t crc() const { return Load<uint32_t>(17); }
  int16_t attributes() const { return Load<int16_t>(21); }
  int32_t last_offset_delta() const { return Load<int32_t>(23); }
  int64_t base_timestamp() const { return Load<int64_t>(27); }
  int64_t max_timestamp() const { return Load<int64_t>(35); }
  ProducerId producer_id() const { return ProducerId(Load<int64_t>(43)); }
  ProducerEpoch producer_epoch() const { return ProducerEpoch(Load<int16_t>(51)); }
  int32_t base_sequence() const { return Load<int32_t>(53); }
  int32_t record_count() const { return Load<int32_t>(57); }

  // The whole batch in bytes, its header included.
  size_t size() const { return kBatchPrefixSize + static_cast<size_t>(length()); }
  std::string_view bytes() const { return {data_, size()}; }
  // What lies behind the header, compressed if the batch is.
  std::string_view payload() const { return bytes().substr(kBatchHeaderSize); }

  Offset last_offset() const { return base_offset() + last_offset_delta(); }
  Offset next_offset() const { return last_offset() + 1; }
  // kNoSequence if the batch has none.
  int32_t last_sequence() const;
  bool has_producer_id() const { return producer_id() > kNoProducerId; }

  // Nothing if the bits name no codec.
  std::optional<Codec> codec() const { return CodecFromId(attributes() & kCodecMask); }
  TimestampType timestamp_type() const {
    return (attributes() & kLogAppendTimeBit) != 0 ? TimestampType::kLogAppendTime
                                                   : TimestampType::kCreateTime;
  }
  bool is_transactional() const { return (attributes() & kTransactionalBit) != 0; }
  bool is_control() const { return (attributes() & kControlBit) != 0; }
  // When the cleaner may drop the batch's tombstones (KIP-534); it then stands in place of the base
  // timestamp.
  std::optional<int64_t> delete_horizon_ms() const;

  uint32_t ComputeCrc() const;
  bool CrcMatches() const { return ComputeCrc() == crc(); }

 private:
  template <typename T>
  T Load(size_t at) const {
    return LoadBigEndian<T>(data_ + at);
  }

  const char* data_;
};

// kDataLoss if the CRC doesn't match.
absl::Status CheckCrc(const RecordBatchView& batch);
// What the header says of its own records, true of any batch that a broker stored: codec known, counts not
// negative, no more records than offsets, offsets don't overflow. kInvalidArgument.
absl::Status CheckHeader(const RecordBatchView& batch);
// What holds besides for a batch fresh from a producer, whose offsets are dense: last offset delta = count -
// 1, count > 0, and a sequence wherever there is a producer id. kInvalidArgument.
absl::Status CheckProducedHeader(const RecordBatchView& batch);

// Walks over batches that lie one behind the other:
//   for (BatchCursor cursor(bytes); auto batch = cursor.Next();) …
// Ends at the end of the bytes, at a batch that they cut off (which is normal in a fetch), and at a malformed
// one: see status().
class BatchCursor {
 public:
  explicit BatchCursor(std::string_view bytes) : rest_(bytes) {}

  std::optional<RecordBatchView> Next();

  // What the last Next() without result stopped at; empty if that was the end.
  std::string_view rest() const { return rest_; }
  // OK, or why the bytes at rest() are no batch. A cut off batch is OK.
  const absl::Status& status() const { return status_; }

 private:
  std::string_view rest_;
  absl::Status status_;
};

// In-place changes. `batch` points to the first byte of a batch whose sizes have been checked.
void SetBaseOffset(char* batch, Offset offset);
void SetPartitionLeaderEpoch(char* batch, LeaderEpoch epoch);
// Makes it a LogAppendTime batch: every record's timestamp is `timestamp_ms`. Computes the CRC anew.
void SetLogAppendTime(char* batch, int64_t timestamp_ms);
// Makes it a CreateTime batch whose newest record is of `max_timestamp_ms`. Computes the CRC anew.
void SetCreateTime(char* batch, int64_t max_timestamp_ms);

}  // namespace dohle::kafka
