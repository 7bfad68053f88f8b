// An integer that carries its meaning in its type: an Offset is no PartitionIndex and neither is a plain
// number. Costs nothing at run time. Conversion is explicit both ways; same-typed values compare, and a plain
// integer can be added or subtracted.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace dohle {

template <typename Tag, typename Rep>
class StrongInt {
 public:
  using rep = Rep;

  constexpr StrongInt() = default;
  constexpr explicit StrongInt(Rep value) : value_(value) {}

  constexpr Rep value() const { return value_; }

  friend constexpr auto operator<=>(StrongInt, StrongInt) = default;
  friend constexpr StrongInt operator+(StrongInt a, Rep b) {
    return StrongInt(static_cast<Rep>(a.value_ + b));
  }
  friend constexpr StrongInt operator-(StrongInt a, Rep b) {
    return StrongInt(static_cast<Rep>(a.value_ - b));
  }
  friend constexpr Rep operator-(StrongInt a, StrongInt b) { return static_cast<Rep>(a.value_ - b.value_); }
  constexpr StrongInt& operator++() {
    ++value_;
    return *this;
  }
  constexpr StrongInt& operator+=(Rep b) {
    value_ = static_cast<Rep>(value_ + b);
    return *this;
  }

  template <typename H>
  friend H AbslHashValue(H h, StrongInt v) {
    return H::combine(std::move(h), v.value_);
  }
  // fmt finds this by argument-dependent look-up, so a strong integer prints as its number.
  friend constexpr Rep format_as(StrongInt v) { return v.value_; }
  friend std::string ToString(StrongInt v) { return std::to_string(v.value_); }

 private:
  Rep value_ = 0;
};

}  // namespace dohle

template <typename Tag, typename Rep>
struct std::hash<dohle::StrongInt<Tag, Rep>> {
  size_t operator()(dohle::StrongInt<Tag, Rep> v) const noexcept { return std::hash<Rep>()(v.value()); }
};
