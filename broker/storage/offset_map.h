// From keys to the last offset at which each was written, as the log cleaner needs it: keys are kept as
// hashes of 128 bits (SipHash, keyed so that nobody can aim for a collision, which would lose a record), 24
// bytes a slot. Kafka's SkimpyOffsetMap, but it grows as needed in place of taking the whole budget at once.
//
// No lock. A table of open addressing; nothing is ever removed.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/base/ids.h"

namespace dohle::storage {

struct KeyHash {
  uint64_t low = 0;
  uint64_t high = 0;

  friend bool operator==(const KeyHash&, const KeyHash&) = default;
};

// The key of the hash function; chance gives it.
struct HashKey {
  uint64_t first = 0;
  uint64_t second = 0;
};

// SipHash-2-4 with 128 bits of output.
KeyHash HashOf(std::string_view bytes, const HashKey& key);

class OffsetMap {
 public:
  static constexpr size_t kSlotBytes = 24;

  // Never holds more than `max_bytes`, not even while it grows.
  OffsetMap(uint64_t max_bytes, const HashKey& key);

  // False: there is no place for another key. A later offset replaces an earlier one.
  bool Put(std::string_view key, Offset offset);
  // kNoOffset if the key isn't there.
  Offset Get(std::string_view key) const;
  size_t size() const { return used_; }
  uint64_t bytes() const { return slots_.size() * kSlotBytes; }

 private:
  struct Slot {
    KeyHash hash;
    Offset offset{-1};  // -1: free
  };
  static_assert(sizeof(Slot) == kSlotBytes);
  Slot& FindIn(std::vector<Slot>& slots, const KeyHash& hash) const;
  bool Grow();

  const size_t max_slots_;
  const HashKey key_;
  std::vector<Slot> slots_;
  size_t used_ = 0;
};

}  // namespace dohle::storage
