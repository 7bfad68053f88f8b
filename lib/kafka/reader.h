// Reader: takes the primitives of Kafka's protocol from a buffer (KIP-482 for the flexible forms).
//
// Sticky: the first malformed or missing byte fails the reader, and every later read gives zeros. So decoders
// read on without looking and ask status() once. Never reads past its end; every length is held against the
// bytes that remain before anything is allocated. What it returns borrows from the buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "lib/base/uuid.h"
#include "lib/kafka/endian.h"
#include "lib/kafka/records.h"
#include "lib/kafka/text.h"

namespace dohle::kafka {

class Reader {
 public:
  explicit Reader(std::string_view buffer)
      : begin_(buffer.data()), cursor_(begin_), end_(begin_ + buffer.size()) {}

  bool ok() const { return error_ == nullptr; }
  // kInvalidArgument with what was wrong and where, once a read has failed.
  absl::Status status() const;
  // `error` must be a literal. The first failure stays.
  void Fail(const char* error);

  bool empty() const { return cursor_ == end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - cursor_); }
  size_t position() const { return static_cast<size_t>(cursor_ - begin_); }

  bool Bool() { return Int8() != 0; }
  int8_t Int8() { return static_cast<int8_t>(BigEndian<uint8_t>()); }
  int16_t Int16() { return static_cast<int16_t>(BigEndian<uint16_t>()); }
  uint16_t Uint16() { return BigEndian<uint16_t>(); }
  int32_t Int32() { return static_cast<int32_t>(BigEndian<uint32_t>()); }
  uint32_t Uint32() { return BigEndian<uint32_t>(); }
  int64_t Int64() { return static_cast<int64_t>(BigEndian<uint64_t>()); }
  double Float64();
  Uuid ReadUuid();

  uint32_t UnsignedVarint();  // at most 5 bytes
  int32_t Varint();           // zigzag, at most 5 bytes
  int64_t Varlong();          // zigzag, at most 10 bytes
  // The next `size` bytes; fails if there are fewer.
  std::string_view Raw(size_t size);
  void Skip(size_t size) { Raw(size); }

  // Lengths are compact (KIP-482) if `flexible`. Those without «Optional» fail on null; those with it fail on
  // null unless `nullable`.
  Text String(bool flexible) { return Sized(StringLength(flexible, false)); }
  std::optional<Text> OptionalString(bool flexible, bool nullable);
  Text Bytes(bool flexible) { return Sized(BytesLength(flexible, false)); }
  std::optional<Text> OptionalBytes(bool flexible, bool nullable);
  Records ReadRecords(bool flexible) { return Records(Sized(BytesLength(flexible, false)).view()); }
  std::optional<Records> OptionalRecords(bool flexible, bool nullable);

  // The number of elements, each of which takes at least `min_element_size` (> 0) bytes; -1 is null.
  int64_t ArrayLength(bool flexible, bool nullable, size_t min_element_size);
  // Whether a nullable struct is there: a byte, negative for null.
  bool Present(bool nullable);

  // Tagged fields: calls `known(tag, field)` for each; `field` reads the value and nothing else. If `known`
  // returns false the field is skipped, otherwise it must have been read to its end.
  template <typename Known>
  void TaggedFields(Known&& known) {
    const uint32_t count = UnsignedVarint();
    for (uint32_t i = 0; i < count && ok(); ++i) {
      const uint32_t tag = UnsignedVarint();
      const uint32_t size = UnsignedVarint();
      Reader field(Raw(size));
      if (!ok()) return;
      if (!known(tag, field)) continue;
      if (!field.ok()) {
        Fail(field.error_);
      } else if (!field.empty()) {
        Fail("tagged field is longer than its value");
      }
    }
  }
  void SkipTaggedFields() {
    TaggedFields([](uint32_t, Reader&) { return false; });
  }

 private:
  template <typename T>
  T BigEndian() {
    if (remaining() < sizeof(T)) [[unlikely]] {
      Fail("ends within a number");
      return 0;
    }
    const T value = LoadBigEndian<T>(cursor_);
    cursor_ += sizeof(T);
    return value;
  }
  uint64_t VarintBits(int max_bytes);
  int64_t StringLength(bool flexible, bool nullable);  // -1: null, or failed
  int64_t BytesLength(bool flexible, bool nullable);
  int64_t CheckedLength(int64_t length, bool nullable);
  Text Sized(int64_t length) { return length <= 0 ? Text() : Text(Raw(static_cast<size_t>(length))); }

  const char* begin_;
  const char* cursor_;
  const char* end_;
  const char* error_ = nullptr;
  size_t error_position_ = 0;
};

}  // namespace dohle::kafka
