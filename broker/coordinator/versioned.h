// A value with the versions that are written but not yet committed. The newest version is what operations
// decide on; the committed one is what readers may see; a failed write takes back the newest ones.
//
// Positions order the writes of a shard. A version at a position that is committed (or 0, from loading) is
// committed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace dohle::coordinator {

using WritePosition = uint64_t;
inline constexpr WritePosition kLoaded = 0;

template <typename V>
class Versioned {
 public:
  // The newest version; null if there is none or it is an erasure.
  V* Latest() { return newest_.value ? &*newest_.value : nullptr; }
  const V* Latest() const { return newest_.value ? &*newest_.value : nullptr; }

  // The newest version that is no later than `committed`; null as above.
  const V* Committed(WritePosition committed) const {
    for (const Version* version = &newest_; version != nullptr; version = version->older.get()) {
      if (version->position <= committed) return version->value ? &*version->value : nullptr;
    }
    return nullptr;
  }

  // Makes `value`, or nothing, the version of `position`, which is no earlier than any before.
  void Set(std::optional<V> value, WritePosition position) {
    if (position != kLoaded && position != newest_.position) {
      newest_.older = std::make_unique<Version>(std::move(newest_));
    }
    newest_.value = std::move(value);
    newest_.position = position;
  }

  // Forgets what is older than the newest version at or before `committed`.
  void Commit(WritePosition committed) {
    for (Version* version = &newest_; version != nullptr; version = version->older.get()) {
      if (version->position > committed) continue;
      version->older.reset();
      version->position = kLoaded;
      return;
    }
  }

  // Takes back every version after `committed`; `dropped` is given their values.
  template <typename Dropped>
  void Revert(WritePosition committed, Dropped&& dropped) {
    while (newest_.position > committed && newest_.older != nullptr) {
      if (newest_.value) dropped(*newest_.value);
      Version older = std::move(*newest_.older);
      newest_ = std::move(older);
    }
  }

  bool HasUncommitted(WritePosition committed) const { return newest_.position > committed; }
  // Nothing to keep: the newest version is an erasure and nothing is older.
  bool vacant() const { return !newest_.value && newest_.older == nullptr; }

 private:
  struct Version {
    std::optional<V> value;
    WritePosition position = kLoaded;
    std::unique_ptr<Version> older;
  };
  Version newest_;
};

}  // namespace dohle::coordinator
