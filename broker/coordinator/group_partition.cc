#include "broker/coordinator/group_partition.h"

namespace dohle::coordinator {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

// Takes one code point off the front of `text`, which isn't empty.
uint32_t TakeCodePoint(std::string_view& text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  size_t length = 1;
  uint32_t point = lead;
  if (lead >= 0xF0 && lead < 0xF8) {
    length = 4;
    point = lead & 0x07u;
  } else if (lead >= 0xE0 && lead < 0xF0) {
    length = 3;
    point = lead & 0x0Fu;
  } else if (lead >= 0xC0 && lead < 0xE0) {
    length = 2;
    point = lead & 0x1Fu;
  } else if (lead >= 0x80) {
    text.remove_prefix(1);
    return kReplacement;
  }
  for (size_t i = 1; i < length; ++i) {
    if (i >= text.size() || (static_cast<uint8_t>(text[i]) & 0xC0u) != 0x80) {
      text.remove_prefix(i);
      return kReplacement;
    }
    point = (point << 6) | (static_cast<uint8_t>(text[i]) & 0x3Fu);
  }
  text.remove_prefix(length);
  return point > 0x10FFFF ? kReplacement : point;
}

}  // namespace

int32_t JavaHash(std::string_view utf8) {
  uint32_t hash = 0;
  while (!utf8.empty()) {
    const uint32_t point = TakeCodePoint(utf8);
    if (point < 0x10000) {
      hash = hash * 31 + point;
    } else {
      hash = hash * 31 + (0xD800 + ((point - 0x10000) >> 10));
      hash = hash * 31 + (0xDC00 + ((point - 0x10000) & 0x3FF));
    }
  }
  return static_cast<int32_t>(hash);
}

PartitionIndex PartitionForGroup(std::string_view group_id, int32_t partitions) {
  const int32_t hash = JavaHash(group_id);
  const int32_t positive = hash == INT32_MIN ? 0 : (hash < 0 ? -hash : hash);
  return PartitionIndex(positive % partitions);
}

}  // namespace dohle::coordinator
