#include "broker/storage/offset_map.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace dohle::storage {
namespace {

constexpr size_t kFirstSlots = 64;

class SipState {
 public:
  explicit SipState(const HashKey& key)
      : v0_(key.first ^ 0x736f6d6570736575u),
        v1_(key.second ^ 0x646f72616e646f6du ^ 0xee),
        v2_(key.first ^ 0x6c7967656e657261u),
        v3_(key.second ^ 0x7465646279746573u) {}

  void Word(uint64_t word) {
    v3_ ^= word;
    Rounds(2);
    v0_ ^= word;
  }
  KeyHash Finish() {
    KeyHash hash;
    v2_ ^= 0xee;
    Rounds(4);
    hash.low = v0_ ^ v1_ ^ v2_ ^ v3_;
    v1_ ^= 0xdd;
    Rounds(4);
    hash.high = v0_ ^ v1_ ^ v2_ ^ v3_;
    return hash;
  }

 private:
  void Rounds(int count) {
    for (; count > 0; --count) {
      v0_ += v1_;
      v1_ = std::rotl(v1_, 13) ^ v0_;
      v0_ = std::rotl(v0_, 32);
      v2_ += v3_;
      v3_ = std::rotl(v3_, 16) ^ v2_;
      v0_ += v3_;
      v3_ = std::rotl(v3_, 21) ^ v0_;
      v2_ += v1_;
      v1_ = std::rotl(v1_, 17) ^ v2_;
      v2_ = std::rotl(v2_, 32);
    }
  }

  uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace

KeyHash HashOf(std::string_view bytes, const HashKey& key) {
  SipState state(key);
  const uint64_t length = bytes.size();
  while (bytes.size() >= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof(word));
    state.Word(word);
    bytes.remove_prefix(sizeof(word));
  }
  uint64_t last = length << 56;
  for (size_t i = 0; i < bytes.size(); ++i)
    last |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  state.Word(last);
  return state.Finish();
}

OffsetMap::OffsetMap(uint64_t max_bytes, const HashKey& key)
    : max_slots_(static_cast<size_t>(std::max<uint64_t>(max_bytes / kSlotBytes, 2))),
      key_(key),
      slots_(std::min(kFirstSlots, max_slots_)) {}

OffsetMap::Slot& OffsetMap::FindIn(std::vector<Slot>& slots, const KeyHash& hash) const {
  size_t i = hash.low % slots.size();
  while (slots[i].offset >= Offset(0) && slots[i].hash != hash) i = i + 1 == slots.size() ? 0 : i + 1;
  return slots[i];
}

bool OffsetMap::Grow() {
  // Both tables are there for a moment, and count.
  if (slots_.size() >= max_slots_) return false;
  const size_t slots = std::min(slots_.size() * 2, max_slots_ - slots_.size());
  if (slots <= slots_.size()) return false;
  std::vector<Slot> grown(slots);
  for (const Slot& slot : slots_) {
    if (slot.offset >= Offset(0)) FindIn(grown, slot.hash) = slot;
  }
  slots_ = std::move(grown);
  return true;
}

bool OffsetMap::Put(std::string_view key, Offset offset) {
  const KeyHash hash = HashOf(key, key_);
  Slot* slot = &FindIn(slots_, hash);
  if (slot->offset < Offset(0)) {
    const auto over = [&](size_t tenths) { return (used_ + 1) * 10 > slots_.size() * tenths; };
    // Probes stay short at three quarters; where nothing can grow any more nine tenths must do, as in Kafka
    // (log.cleaner.io.buffer.load.factor).
    if (over(7) && Grow()) slot = &FindIn(slots_, hash);
    if (over(9)) return false;
    slot->hash = hash;
    ++used_;
  }
  slot->offset = std::max(slot->offset, offset);
  return true;
}

Offset OffsetMap::Get(std::string_view key) const {
  return FindIn(const_cast<std::vector<Slot>&>(slots_), HashOf(key, key_)).offset;
}

}  // namespace dohle::storage
