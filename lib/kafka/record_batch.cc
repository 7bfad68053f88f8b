#include "lib/kafka/record_batch.h"

#include "lib/base/crc32c.h"
#include "lib/base/status.h"

namespace dohle::kafka {
namespace {

constexpr size_t kLengthAt = 8;
constexpr size_t kLeaderEpochAt = 12;
constexpr size_t kMagicAt = 16;
constexpr size_t kCrcAt = 17;
constexpr size_t kAttributesAt = 21;
constexpr size_t kMaxTimestampAt = 35;

void UpdateCrc(char* batch) {
  StoreBigEndian(batch + kCrcAt, RecordBatchView({batch, kBatchHeaderSize}).ComputeCrc());
}

Status Invalid(std::string_view what, int64_t value) {
  return MakeStatus(StatusCode::kInvalidArgument, "record batch: {} ({})", what, value);
}

}  // namespace

int32_t AddToSequence(int32_t sequence, int32_t increment) {
  const int64_t sum = int64_t{sequence} + increment;
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(sum > kMax ? sum - kMax - 1 : sum);
}

StatusOr<RecordBatchView> RecordBatchView::Parse(std::string_view bytes) {
  // The old formats have their magic at the same place, and may be shorter than our header.
  if (bytes.size() > kMagicAt && LoadBigEndian<int8_t>(bytes.data() + kMagicAt) != kBatchMagic) {
    return MakeStatus(StatusCode::kUnimplemented, "record batch of magic {}",
                      LoadBigEndian<int8_t>(bytes.data() + kMagicAt));
  }
  if (bytes.size() >= kBatchPrefixSize) {
    const auto length = LoadBigEndian<int32_t>(bytes.data() + kLengthAt);
    if (length < static_cast<int32_t>(kBatchHeaderSize - kBatchPrefixSize)) return Invalid("length", length);
    if (bytes.size() - kBatchPrefixSize >= static_cast<size_t>(length)) return RecordBatchView(bytes);
  }
  return MakeStatus(StatusCode::kOutOfRange, "record batch is cut off after {} bytes", bytes.size());
}

int32_t RecordBatchView::last_sequence() const {
  return base_sequence() == kNoSequence ? kNoSequence : AddToSequence(base_sequence(), last_offset_delta());
}

std::optional<int64_t> RecordBatchView::delete_horizon_ms() const {
  if ((attributes() & kDeleteHorizonBit) == 0) return std::nullopt;
  return base_timestamp();
}

uint32_t RecordBatchView::ComputeCrc() const { return Crc32c(bytes().substr(kAttributesAt)); }

Status CheckCrc(const RecordBatchView& batch) {
  const uint32_t computed = batch.ComputeCrc();
  if (computed == batch.crc()) return OkStatus();
  return MakeStatus(StatusCode::kDataLoss, "record batch at offset {}: CRC is {:08x}, computed {:08x}",
                    batch.base_offset().value(), batch.crc(), computed);
}

Status CheckHeader(const RecordBatchView& batch) {
  if (!batch.codec().has_value()) return Invalid("unknown codec", batch.attributes() & kCodecMask);
  if (batch.base_offset().value() < 0) return Invalid("negative base offset", batch.base_offset().value());
  if (batch.last_offset_delta() < 0) return Invalid("negative last offset delta", batch.last_offset_delta());
  if (batch.base_offset().value() > std::numeric_limits<int64_t>::max() - batch.last_offset_delta() - 1) {
    return Invalid("offsets overflow", batch.base_offset().value());
  }
  if (batch.record_count() < 0) return Invalid("negative record count", batch.record_count());
  if (batch.record_count() > int64_t{batch.last_offset_delta()} + 1) {
    return Invalid("more records than offsets", batch.record_count());
  }
  return OkStatus();
}

Status CheckProducedHeader(const RecordBatchView& batch) {
  DOHLE_RETURN_IF_ERROR(CheckHeader(batch));
  if (batch.record_count() == 0) return Invalid("no records", 0);
  if (batch.record_count() != batch.last_offset_delta() + 1)
    return Invalid("offsets are not dense", batch.record_count());
  if (batch.has_producer_id()) {
    if (batch.producer_epoch().value() < 0)
      return Invalid("negative producer epoch", batch.producer_epoch().value());
    if (!batch.is_control() && batch.base_sequence() < 0)
      return Invalid("producer without sequence", batch.base_sequence());
  }
  return OkStatus();
}

std::optional<RecordBatchView> BatchCursor::Next() {
  if (rest_.empty() || !status_.ok()) return std::nullopt;
  const StatusOr<RecordBatchView> batch = RecordBatchView::Parse(rest_);
  if (!batch.ok()) {
    if (batch.status().code() != StatusCode::kOutOfRange) status_ = batch.status();
    return std::nullopt;
  }
  rest_.remove_prefix(batch->size());
  return *batch;
}

void SetBaseOffset(char* batch, Offset offset) { StoreBigEndian(batch, offset.value()); }

void SetPartitionLeaderEpoch(char* batch, LeaderEpoch epoch) {
  StoreBigEndian(batch + kLeaderEpochAt, epoch.value());
}

void SetLogAppendTime(char* batch, int64_t timestamp_ms) {
  const auto attributes = LoadBigEndian<int16_t>(batch + kAttributesAt);
  StoreBigEndian(batch + kAttributesAt, static_cast<int16_t>(attributes | kLogAppendTimeBit));
  StoreBigEndian(batch + kMaxTimestampAt, timestamp_ms);
  UpdateCrc(batch);
}

void SetCreateTime(char* batch, int64_t max_timestamp_ms) {
  const auto attributes = LoadBigEndian<int16_t>(batch + kAttributesAt);
  StoreBigEndian(batch + kAttributesAt, static_cast<int16_t>(attributes & ~kLogAppendTimeBit));
  StoreBigEndian(batch + kMaxTimestampAt, max_timestamp_ms);
  UpdateCrc(batch);
}

}  // namespace dohle::kafka
