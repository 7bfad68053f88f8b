// Numbers in network order, as everything of Kafka's is, at any alignment.
#pragma once

#include <cstdint>
#include <cstring>

namespace dohle::kafka {

template <typename T>
constexpr T SwapBytes(T value) {
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
}

template <typename T>
T LoadBigEndian(const char* from) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return SwapBytes(value);
}

template <typename T>
void StoreBigEndian(char* to, T value) {
  value = SwapBytes(value);
  std::memcpy(to, &value, sizeof(T));
}

}  // namespace dohle::kafka
