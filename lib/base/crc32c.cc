#include "lib/base/crc32c.h"

#include <isa-l/crc.h>

#include <cstring>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace dohle {
namespace {

// Below this length the plain instruction loop beats the set-up of ISA-L's folding.
constexpr size_t kShort = 512;

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t ExtendShort(uint32_t state, const char* p, size_t n) {
  uint64_t wide = state;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  auto narrow = static_cast<uint32_t>(wide);
  for (; n > 0; --n, ++p) narrow = _mm_crc32_u8(narrow, static_cast<uint8_t>(*p));
  return narrow;
}
const bool kHasCrcInstruction = __builtin_cpu_supports("sse4.2");
#else
uint32_t ExtendShort(uint32_t state, const char*, size_t) { return state; }
constexpr bool kHasCrcInstruction = false;
#endif

}  // namespace

uint32_t Crc32cExtend(uint32_t crc, std::string_view data) {
  uint32_t state = ~crc;
  if (data.size() < kShort && kHasCrcInstruction) return ~ExtendShort(state, data.data(), data.size());
  // ISA-L wants a mutable pointer and an int length but writes nothing.
  auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(data.data()));
  size_t left = data.size();
  constexpr size_t kMost = size_t{1} << 30;
  while (left > 0) {
    const size_t chunk = left < kMost ? left : kMost;
    state = crc32_iscsi(bytes, static_cast<int>(chunk), state);
    bytes += chunk;
    left -= chunk;
  }
  return ~state;
}

uint32_t Crc32c(std::string_view data) { return Crc32cExtend(0, data); }

}  // namespace dohle
