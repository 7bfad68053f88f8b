#include "lib/kafka/record.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/kafka/reader.h"

namespace dohle::kafka {
namespace {

constexpr size_t kPiece = 16 * 1024;
constexpr size_t kMaxVarintSize = 5;
constexpr size_t kMinHeaderSize = 2;

std::optional<std::string_view> OptionalBytes(Reader& reader) {
  const int32_t length = reader.Varint();
  if (length < 0) return std::nullopt;
  return reader.Raw(static_cast<size_t>(length));
}

}  // namespace

StatusOr<RecordReader> RecordReader::Open(const RecordBatchView& batch, size_t max_size) {
  const std::optional<Codec> codec = batch.codec();
  if (!codec.has_value())
    return MakeStatus(StatusCode::kInvalidArgument, "unknown codec {}", batch.attributes() & kCodecMask);
  if (batch.record_count() < 0)
    return MakeStatus(StatusCode::kInvalidArgument, "record count {}", batch.record_count());
  RecordReader reader(batch, max_size);
  if (*codec == Codec::kNone) {
    reader.available_ = batch.payload();
  } else {
    DOHLE_ASSIGN_OR_RETURN(reader.stream_, Decompressor::Open(*codec, batch.payload(), max_size));
  }
  return reader;
}

bool RecordReader::Fail(std::string_view what) {
  if (status_.ok()) {
    status_ = MakeStatus(StatusCode::kInvalidArgument, "record {} of the batch at offset {}: {}", index_,
                         batch_.base_offset().value(), what);
  }
  return false;
}

bool RecordReader::Fill(size_t size) {
  while (available_.size() < size) {
    if (stream_ == nullptr) return false;
    // What is left moves to the front; the buffer grows only as the data really come, whatever a length
    // claims.
    const size_t kept = available_.size();
    if (kept != 0) std::memmove(buffer_.data(), available_.data(), kept);
    buffer_.resize(std::max(buffer_.size(), kept + std::max(kPiece, kept)));
    available_ = {buffer_.data(), kept};
    const StatusOr<size_t> n = stream_->Read(buffer_.data() + kept, buffer_.size() - kept);
    if (!n.ok()) {
      decompression_failed_ = true;
      status_ = n.status();
      return false;
    }
    if (*n == 0) return false;
    decompressed_ += *n;
    if (decompressed_ > max_size_) {
      status_ = MakeStatus(StatusCode::kResourceExhausted, "the records of a batch have more than {} bytes",
                           max_size_);
      return false;
    }
    available_ = {buffer_.data(), kept + *n};
  }
  return true;
}

bool RecordReader::ReadLength(size_t* length) {
  Fill(kMaxVarintSize);
  if (!status_.ok()) return false;
  Reader reader(available_);
  const int32_t value = reader.Varint();
  if (!reader.ok() || value < 0) return Fail("length");
  available_.remove_prefix(reader.position());
  *length = static_cast<size_t>(value);
  return true;
}

bool RecordReader::Next(Record* record) {
  if (!status_.ok()) return false;
  if (index_ == batch_.record_count()) {
    if (Fill(1)) Fail("bytes behind the last record");
    return false;
  }
  size_t length = 0;
  if (!ReadLength(&length)) return false;
  if (!Fill(length)) return Fail("is cut off");
  if (!Parse(available_.substr(0, length), record)) return false;
  available_.remove_prefix(length);
  ++index_;
  return true;
}

bool RecordReader::Parse(std::string_view body, Record* record) {
  Reader reader(body);
  reader.Int8();  // attributes, of which none is defined
  const int64_t timestamp_delta = reader.Varlong();
  const int32_t offset_delta = reader.Varint();
  record->key = OptionalBytes(reader);
  record->value = OptionalBytes(reader);
  const int32_t headers = reader.Varint();
  if (!reader.ok()) return Fail("fields exceed its length");
  if (headers < 0 || static_cast<size_t>(headers) > reader.remaining() / kMinHeaderSize)
    return Fail("header count");
  record->headers.clear();
  record->headers.reserve(static_cast<size_t>(headers));
  for (int32_t i = 0; i < headers; ++i) {
    const std::optional<std::string_view> key = OptionalBytes(reader);
    if (!key.has_value()) return Fail("header without key");
    record->headers.push_back({*key, OptionalBytes(reader)});
  }
  if (!reader.ok() || !reader.empty()) return Fail("fields don't fill its length");
  if (offset_delta <= last_delta_ || offset_delta > batch_.last_offset_delta()) return Fail("offset");
  last_delta_ = offset_delta;
  record->offset = batch_.base_offset() + offset_delta;
  // Unsigned, so that a foreign delta can't overflow.
  record->timestamp_ms = batch_.timestamp_type() == TimestampType::kLogAppendTime
                             ? batch_.max_timestamp()
                             : static_cast<int64_t>(static_cast<uint64_t>(batch_.base_timestamp()) +
                                                    static_cast<uint64_t>(timestamp_delta));
  return true;
}

}  // namespace dohle::kafka
