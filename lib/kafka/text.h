// Text: bytes of a message, a string or opaque, that are either borrowed or owned. 16 bytes.
//
// Decoded messages borrow from the buffer that they were read from (nothing is copied), messages that we
// build may own what they carry. A Text made from a std::string_view, a literal or an lvalue std::string
// borrows: those must outlive it. A Text made from an rvalue std::string owns. Copying a borrower borrows
// again; copying an owner copies the bytes. Whoever keeps a decoded Text longer than its buffer takes
// Text::Copy(text) or std::string(text).
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/check.h"

namespace dohle::kafka {

class Text {
 public:
  Text() = default;
  // The implicit conversions are the purpose of the type: message fields are assigned like strings.
  Text(std::string_view view) : data_(view.data()), size_(CheckedSize(view.size())) {}  // NOLINT: borrows
  Text(const char* literal) : Text(std::string_view(literal)) {}                        // NOLINT: borrows
  Text(const std::string& string) : Text(std::string_view(string)) {}                   // NOLINT: borrows
  Text(std::string&& string) { Own(string); }                                           // NOLINT: owns
  Text(const Text& other) { Assign(other); }
  Text(Text&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        owned_(std::exchange(other.owned_, 0)) {}
  Text& operator=(const Text& other) {
    if (this != &other) {
      Free();
      Assign(other);
    }
    return *this;
  }
  Text& operator=(Text&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~Text() { Free(); }

  // Owns a copy of `bytes`.
  static Text Copy(std::string_view bytes) {
    Text text;
    text.Own(bytes);
    return text;
  }

  operator std::string_view() const { return view(); }  // NOLINT: see above
  std::string_view view() const { return {data_, size_}; }
  const char* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool owned() const { return owned_ != 0; }

  friend bool operator==(const Text& a, const Text& b) { return a.view() == b.view(); }
  friend std::strong_ordering operator<=>(const Text& a, const Text& b) { return a.view() <=> b.view(); }
  template <typename H>
  friend H AbslHashValue(H h, const Text& text) {
    return H::combine(H::combine_contiguous(std::move(h), text.data_, text.size_), text.size_);
  }
  friend std::ostream& operator<<(std::ostream& out, const Text& text) { return out << text.view(); }

 private:
  static uint32_t CheckedSize(size_t size) {
    DOHLE_CHECK(size <= std::numeric_limits<uint32_t>::max());
    return static_cast<uint32_t>(size);
  }
  void Own(std::string_view bytes) {
    size_ = CheckedSize(bytes.size());
    owned_ = size_ != 0;
    data_ = nullptr;
    if (owned_ == 0) return;
    char* copy = new char[size_];
    std::memcpy(copy, bytes.data(), size_);
    data_ = copy;
  }
  void Assign(const Text& other) {
    if (other.owned_ != 0) {
      Own(other.view());
    } else {
      data_ = other.data_;
      size_ = other.size_;
      owned_ = 0;
    }
  }
  void Free() {
    if (owned_ != 0) delete[] data_;
  }

  const char* data_ = nullptr;
  uint32_t size_ = 0;
  uint32_t owned_ = 0;
};
static_assert(sizeof(Text) == 16);

}  // namespace dohle::kafka
