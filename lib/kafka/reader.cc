#include "lib/kafka/reader.h"

#include <bit>
#include <limits>

#include "lib/base/status.h"

namespace dohle::kafka {
namespace {

constexpr int64_t kNull = -1;
constexpr int64_t kMaxStringLength = std::numeric_limits<int16_t>::max();

}  // namespace

absl::Status Reader::status() const {
  if (ok()) return absl::OkStatus();
  return MakeStatus(StatusCode::kInvalidArgument, "malformed message: {} at byte {}", error_,
                    error_position_);
}

void Reader::Fail(const char* error) {
  if (error_ == nullptr) {
    error_ = error;
    error_position_ = position();
  }
  cursor_ = end_;
}

double Reader::Float64() { return std::bit_cast<double>(BigEndian<uint64_t>()); }

Uuid Reader::ReadUuid() {
  const std::string_view raw = Raw(16);
  if (!ok()) return Uuid();
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), raw.data(), bytes.size());
  return Uuid(bytes);
}

uint64_t Reader::VarintBits(int max_bytes) {
  uint64_t value = 0;
  for (int i = 0; i < max_bytes; ++i) {
    const auto byte = BigEndian<uint8_t>();
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) return value;
  }
  Fail("variable-length number is too long");
  return 0;
}

uint32_t Reader::UnsignedVarint() { return static_cast<uint32_t>(VarintBits(5)); }

int32_t Reader::Varint() {
  const auto bits = static_cast<uint32_t>(VarintBits(5));
  return static_cast<int32_t>((bits >> 1) ^ (~(bits & 1) + 1));
}

int64_t Reader::Varlong() {
  const uint64_t bits = VarintBits(10);
  return static_cast<int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
}

std::string_view Reader::Raw(size_t size) {
  if (size > remaining()) {
    Fail("length exceeds the remaining bytes");
    return {};
  }
  const std::string_view raw(cursor_, size);
  cursor_ += size;
  return raw;
}

int64_t Reader::CheckedLength(int64_t length, bool nullable) {
  if (!ok()) return kNull;
  if (length < 0) {
    if (!nullable) Fail("null where a value is required");
    return kNull;
  }
  if (static_cast<uint64_t>(length) > remaining()) {
    Fail("length exceeds the remaining bytes");
    return kNull;
  }
  return length;
}

int64_t Reader::StringLength(bool flexible, bool nullable) {
  const int64_t length = flexible ? int64_t{UnsignedVarint()} - 1 : int64_t{Int16()};
  if (length > kMaxStringLength) Fail("string is longer than 32767 bytes");
  return CheckedLength(length, nullable);
}

int64_t Reader::BytesLength(bool flexible, bool nullable) {
  return CheckedLength(flexible ? int64_t{UnsignedVarint()} - 1 : int64_t{Int32()}, nullable);
}

std::optional<Text> Reader::OptionalString(bool flexible, bool nullable) {
  const int64_t length = StringLength(flexible, nullable);
  if (length == kNull) return std::nullopt;
  return Sized(length);
}

std::optional<Text> Reader::OptionalBytes(bool flexible, bool nullable) {
  const int64_t length = BytesLength(flexible, nullable);
  if (length == kNull) return std::nullopt;
  return Sized(length);
}

std::optional<Records> Reader::OptionalRecords(bool flexible, bool nullable) {
  const int64_t length = BytesLength(flexible, nullable);
  if (length == kNull) return std::nullopt;
  return Records(Sized(length).view());
}

int64_t Reader::ArrayLength(bool flexible, bool nullable, size_t min_element_size) {
  const int64_t length = CheckedLength(flexible ? int64_t{UnsignedVarint()} - 1 : int64_t{Int32()}, nullable);
  if (length > 0 && static_cast<uint64_t>(length) > remaining() / min_element_size) {
    Fail("array has more elements than bytes remain for");
    return kNull;
  }
  return length;
}

bool Reader::Present(bool nullable) {
  const bool present = Int8() >= 0;
  if (!present && !nullable) Fail("null where a value is required");
  return present && ok();
}

}  // namespace dohle::kafka
