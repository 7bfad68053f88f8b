#include "lib/kafka/record_batch_builder.h"

#include <algorithm>
#include <cstring>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/kafka/writer.h"

namespace dohle::kafka {
namespace {

// Appends to a std::string, which the builder grows over many records.
class Appender : public Sink<Appender> {
 public:
  explicit Appender(std::string* out) : out_(out) {}

  using Sink::Raw;
  template <typename T>
  void Number(T value) {
    char bytes[sizeof(T)];
    StoreBigEndian(bytes, value);
    out_->append(bytes, sizeof(T));
  }
  void Uvarint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) *out_ += static_cast<char>(value | 0x80);
    *out_ += static_cast<char>(value);
  }
  void Raw(const char* data, size_t size) { out_->append(data, size); }

 private:
  std::string* out_;
};

template <typename S>
void WriteBytes(S& sink, std::optional<std::string_view> bytes) {
  sink.Varint(bytes.has_value() ? static_cast<int32_t>(bytes->size()) : -1);
  if (bytes.has_value()) sink.Raw(*bytes);
}

template <typename S>
void WriteBody(S& sink, int64_t timestamp_delta, int32_t offset_delta, std::optional<std::string_view> key,
               std::optional<std::string_view> value, std::span<const RecordHeader> headers) {
  sink.Int8(0);
  sink.Varlong(timestamp_delta);
  sink.Varint(offset_delta);
  WriteBytes(sink, key);
  WriteBytes(sink, value);
  sink.Varint(static_cast<int32_t>(headers.size()));
  for (const RecordHeader& header : headers) {
    WriteBytes(sink, header.key);
    WriteBytes(sink, header.value);
  }
}

}  // namespace

void RecordBatchBuilder::Append(int64_t timestamp_ms, std::optional<std::string_view> key,
                                std::optional<std::string_view> value,
                                std::span<const RecordHeader> headers) {
  AppendAt(next_offset(), timestamp_ms, key, value, headers);
}

void RecordBatchBuilder::AppendAt(Offset offset, int64_t timestamp_ms, std::optional<std::string_view> key,
                                  std::optional<std::string_view> value,
                                  std::span<const RecordHeader> headers) {
  const int64_t delta = offset - options_.base_offset;
  DOHLE_CHECK(delta > last_delta_ && delta <= std::numeric_limits<int32_t>::max());
  if (count_ == 0) {
    base_timestamp_ms_ = options_.delete_horizon_ms.value_or(timestamp_ms);
    max_timestamp_ms_ = timestamp_ms;
  }
  max_timestamp_ms_ = std::max(max_timestamp_ms_, timestamp_ms);
  const int64_t timestamp_delta = timestamp_ms - base_timestamp_ms_;
  SizeCounter size;
  WriteBody(size, timestamp_delta, static_cast<int32_t>(delta), key, value, headers);
  Appender out(&records_);
  out.Varint(static_cast<int32_t>(size.size()));
  WriteBody(out, timestamp_delta, static_cast<int32_t>(delta), key, value, headers);
  last_delta_ = delta;
  ++count_;
}

void RecordBatchBuilder::ExtendTo(Offset last_offset) {
  const int64_t delta = last_offset - options_.base_offset;
  DOHLE_CHECK(delta >= last_delta_ && delta <= std::numeric_limits<int32_t>::max());
  last_delta_ = delta;
}

StatusOr<std::string> RecordBatchBuilder::Build() {
  std::string payload = std::move(records_);
  if (options_.codec != Codec::kNone) {
    DOHLE_ASSIGN_OR_RETURN(payload, Compress(options_.codec, payload, options_.compression_level));
  }
  int attributes = static_cast<int>(options_.codec);
  if (options_.log_append_time_ms.has_value()) attributes |= kLogAppendTimeBit;
  if (options_.transactional) attributes |= kTransactionalBit;
  if (options_.control) attributes |= kControlBit;
  if (options_.delete_horizon_ms.has_value()) attributes |= kDeleteHorizonBit;

  std::string batch;
  batch.reserve(kBatchHeaderSize + payload.size());
  Appender out(&batch);
  out.Int64(options_.base_offset.value());
  out.Int32(static_cast<int32_t>(kBatchHeaderSize - kBatchPrefixSize + payload.size()));
  out.Int32(options_.partition_leader_epoch.value());
  out.Int8(kBatchMagic);
  out.Uint32(0);  // the CRC, below
  out.Int16(static_cast<int16_t>(attributes));
  out.Int32(static_cast<int32_t>(std::max<int64_t>(last_delta_, 0)));
  out.Int64(base_timestamp_ms_);
  out.Int64(options_.log_append_time_ms.value_or(max_timestamp_ms_));
  out.Int64(options_.producer_id.value());
  out.Int16(options_.producer_epoch.value());
  out.Int32(options_.base_sequence);
  out.Int32(count_);
  out.Raw(payload);
  constexpr size_t kCrcAt = 17;
  StoreBigEndian(batch.data() + kCrcAt, RecordBatchView(batch).ComputeCrc());
  return batch;
}

size_t MaxRecordSize(std::optional<std::string_view> key, std::optional<std::string_view> value,
                     std::span<const RecordHeader> headers) {
  SizeCounter size;
  WriteBody(size, std::numeric_limits<int64_t>::min(), std::numeric_limits<int32_t>::max(), key, value,
            headers);
  size.Varint(static_cast<int32_t>(size.size()));
  return size.size();
}

}  // namespace dohle::kafka
