// Zigzag varints inside records (format v2).
#pragma once

#include <cstdint>
#include <string_view>

namespace dohle::storage {

// Takes from the front of `bytes`; on failure `ok` is unset and stays so.
class VarintReader {
 public:
  explicit VarintReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  int32_t Varint() {
    const int64_t value = Read<5>();
    if (value < INT32_MIN || value > INT32_MAX) [[unlikely]]
      ok_ = false;
    return static_cast<int32_t>(value);
  }
  int64_t Varlong() { return Read<10>(); }
  std::string_view Raw(int64_t size) {
    if (size < 0 || size > end_ - at_) [[unlikely]] {
      ok_ = false;
      return {};
    }
    const std::string_view bytes(at_, static_cast<size_t>(size));
    at_ += size;
    return bytes;
  }
  bool ok() const { return ok_; }
  bool empty() const { return at_ == end_; }

 private:
  template <int kMaxBytes>
  int64_t Read() {
    // Most numbers in a record take one byte, nearly all others two.
    if (end_ - at_ >= 2) [[likely]] {
      const auto first = static_cast<uint8_t>(at_[0]);
      if (first < 0x80) {
        ++at_;
        return static_cast<int64_t>(first >> 1) ^ -static_cast<int64_t>(first & 1);
      }
      const auto second = static_cast<uint8_t>(at_[1]);
      if (second < 0x80) {
        at_ += 2;
        const uint64_t bits = (first & 0x7fu) | (uint64_t{second} << 7);
        return static_cast<int64_t>(bits >> 1) ^ -static_cast<int64_t>(bits & 1);
      }
    }
    return ReadSlow(kMaxBytes);
  }
  [[gnu::noinline]] int64_t ReadSlow(int max_bytes) {
    uint64_t bits = 0;
    for (int i = 0; i < max_bytes && at_ != end_; ++i) {
      const auto byte = static_cast<uint8_t>(*at_++);
      bits |= uint64_t{byte & 0x7fu} << (7 * i);
      if ((byte & 0x80) == 0) return static_cast<int64_t>(bits >> 1) ^ -static_cast<int64_t>(bits & 1);
    }
    ok_ = false;
    return 0;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace dohle::storage
