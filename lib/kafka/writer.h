// Writer and SizeCounter: the two sinks of the generated encoders. They take the same calls; the first writes
// the bytes, the second only counts them, so that a size and its message can't disagree.
//
// Lengths are compact (KIP-482) if `flexible`. Values that a version can't carry are bent, never refused:
// null where it is not `nullable` is written as empty, a string over 32767 bytes is cut.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/uuid.h"
#include "lib/env/file_system.h"
#include "lib/kafka/endian.h"
#include "lib/kafka/records.h"
#include "lib/kafka/text.h"

namespace dohle::kafka {

// Bytes that go out between bytes[position - 1] and bytes[position] without having been copied.
struct Splice {
  size_t position = 0;
  std::variant<std::string_view, env::FileSlice> what;  // a view must outlive the message
};

struct EncodedMessage {
  std::string bytes;
  std::vector<Splice> splices;  // by position, ascending; equal positions in order

  uint64_t size() const;  // with the splices
};

// The whole message in memory, file slices read. For tests and small messages.
absl::StatusOr<std::string> Flatten(const EncodedMessage& message);

// What both sinks derive from primitives. Derived supplies Raw(data, size), Number(T), Uvarint(uint64) and
// Part(part).
template <typename Derived>
class Sink {
 public:
  void Bool(bool value) { self().Number(static_cast<uint8_t>(value)); }
  void Int8(int8_t value) { self().Number(value); }
  void Int16(int16_t value) { self().Number(value); }
  void Uint16(uint16_t value) { self().Number(value); }
  void Int32(int32_t value) { self().Number(value); }
  void Uint32(uint32_t value) { self().Number(value); }
  void Int64(int64_t value) { self().Number(value); }
  void Float64(double value) { self().Number(std::bit_cast<uint64_t>(value)); }
  void WriteUuid(const Uuid& id) {
    self().Raw(reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size());
  }

  void UnsignedVarint(uint32_t value) { self().Uvarint(value); }
  void Varint(int32_t value) {
    self().Uvarint((static_cast<uint32_t>(value) << 1) ^ static_cast<uint32_t>(value >> 31));
  }
  void Varlong(int64_t value) {
    self().Uvarint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void Raw(std::string_view bytes) { self().Raw(bytes.data(), bytes.size()); }

  void String(std::string_view text, bool flexible) {
    text = text.substr(0, std::numeric_limits<int16_t>::max());
    StringLength(static_cast<int32_t>(text.size()), flexible);
    Raw(text);
  }
  void OptionalString(const std::optional<Text>& text, bool flexible, bool nullable) {
    if (text.has_value()) {
      String(*text, flexible);
    } else {
      StringLength(nullable ? -1 : 0, flexible);
    }
  }
  void Bytes(std::string_view bytes, bool flexible) {
    Length(static_cast<int64_t>(bytes.size()), flexible);
    Raw(bytes);
  }
  void OptionalBytes(const std::optional<Text>& bytes, bool flexible, bool nullable) {
    if (bytes.has_value()) {
      Bytes(*bytes, flexible);
    } else {
      Length(nullable ? -1 : 0, flexible);
    }
  }
  void WriteRecords(const Records& records, bool flexible) {
    Length(static_cast<int64_t>(records.size()), flexible);
    for (const Records::Part& part : records.parts()) self().Part(part);
  }
  void OptionalRecords(const std::optional<Records>& records, bool flexible, bool nullable) {
    if (records.has_value()) {
      WriteRecords(*records, flexible);
    } else {
      Length(nullable ? -1 : 0, flexible);
    }
  }

  void ArrayLength(size_t size, bool flexible) { Length(static_cast<int64_t>(size), flexible); }
  void NullArray(bool flexible, bool nullable) { Length(nullable ? -1 : 0, flexible); }
  // In front of a nullable struct.
  void Present(bool present) { Int8(present ? 1 : -1); }

  // One tagged field, whose value `write(sink)` puts into either sink.
  template <typename Write>
  void Tagged(uint32_t tag, Write&& write);

 private:
  Derived& self() { return static_cast<Derived&>(*this); }
  void StringLength(int32_t length, bool flexible) {
    if (flexible) {
      self().Uvarint(static_cast<uint32_t>(length + 1));
    } else {
      Int16(static_cast<int16_t>(length));
    }
  }
  void Length(int64_t length, bool flexible) {
    DOHLE_CHECK(length <= std::numeric_limits<int32_t>::max());
    if (flexible) {
      self().Uvarint(static_cast<uint32_t>(length + 1));
    } else {
      Int32(static_cast<int32_t>(length));
    }
  }
};

class SizeCounter : public Sink<SizeCounter> {
 public:
  using Sink::Raw;
  size_t size() const { return size_; }

  template <typename T>
  void Number(T) {
    size_ += sizeof(T);
  }
  void Uvarint(uint64_t value) { size_ += static_cast<size_t>((std::bit_width(value | 1) + 6) / 7); }
  void Raw(const char*, size_t size) { size_ += size; }
  void Part(const Records::Part& part) { size_ += PartSize(part); }

 private:
  size_t size_ = 0;
};

class Writer : public Sink<Writer> {
 public:
  // Borrowed records of at least this size are spliced in place of copied.
  static constexpr size_t kMinSpliceSize = 4096;

  Writer() = default;
  // Makes room for `expected` bytes at once (EncodedSize without what will be spliced). It grows beyond that
  // if need be.
  explicit Writer(size_t expected) { Grow(expected); }

  using Sink::Raw;
  size_t size() const { return used_; }  // of the buffer, without splices

  // Leaves the Writer empty.
  EncodedMessage Finish();

  template <typename T>
  void Number(T value) {
    Reserve(sizeof(T));
    StoreBigEndian(buffer_.data() + used_, value);
    used_ += sizeof(T);
  }
  void Uvarint(uint64_t value) {
    Reserve(10);
    while (value >= 0x80) {
      buffer_[used_++] = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    buffer_[used_++] = static_cast<char>(value);
  }
  void Raw(const char* data, size_t size) {
    if (size == 0) return;
    Reserve(size);
    std::memcpy(buffer_.data() + used_, data, size);
    used_ += size;
  }
  void Part(const Records::Part& part);

 private:
  void Reserve(size_t size) {
    if (buffer_.size() - used_ < size) [[unlikely]]
      Grow(size);
  }
  void Grow(size_t size);

  std::string buffer_;  // of which the first used_ bytes are written
  size_t used_ = 0;
  std::vector<Splice> splices_;
};

template <typename Derived>
template <typename Write>
void Sink<Derived>::Tagged(uint32_t tag, Write&& write) {
  SizeCounter size;
  write(size);
  UnsignedVarint(tag);
  UnsignedVarint(static_cast<uint32_t>(size.size()));
  write(self());
}

}  // namespace dohle::kafka
