#include "broker/storage/leader_epoch_cache.h"

#include <algorithm>

#include "broker/storage/file_names.h"

namespace dohle::storage {

StatusOr<LeaderEpochCache> LeaderEpochCache::Load(env::FileSystem& file_system,
                                                  const std::string& directory) {
  const std::string path = env::JoinPath(directory, kLeaderEpochFile);
  LeaderEpochCache cache;
  auto text = file_system.ReadWhole(path);
  if (text.status().code() == StatusCode::kNotFound) return cache;
  if (!text.ok()) return text.status();
  auto entries = ParseEpochCheckpoint(*text);
  if (!entries.ok()) return MakeStatus(StatusCode::kDataLoss, "{}: {}", path, Message(entries.status()));
  for (const EpochStart& entry : *entries) cache.Assign(entry.epoch, entry.start_offset);
  return cache;
}

bool LeaderEpochCache::Assign(LeaderEpoch epoch, Offset start_offset) {
  if (epoch.value() < 0 || start_offset.value() < 0) return false;
  const EpochStart entry{epoch, start_offset};
  if (!entries_.empty() && entries_.back().epoch == epoch && entries_.back().start_offset <= start_offset)
    return false;
  const auto contradicted = std::find_if(entries_.begin(), entries_.end(), [&](const EpochStart& old) {
    return old.epoch >= epoch || old.start_offset >= start_offset;
  });
  entries_.erase(contradicted, entries_.end());
  entries_.push_back(entry);
  return true;
}

bool LeaderEpochCache::TruncateFromEnd(Offset end_offset) {
  const size_t before = entries_.size();
  while (!entries_.empty() && entries_.back().start_offset >= end_offset) entries_.pop_back();
  return entries_.size() != before;
}

bool LeaderEpochCache::TruncateFromStart(Offset start_offset) {
  const auto above = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const EpochStart& entry) { return entry.start_offset > start_offset; });
  if (above == entries_.begin()) return false;
  const auto holder = above - 1;
  if (holder == entries_.begin() && holder->start_offset == start_offset) return false;
  holder->start_offset = start_offset;
  entries_.erase(entries_.begin(), holder);
  return true;
}

bool LeaderEpochCache::Clear() {
  const bool changed = !entries_.empty();
  entries_.clear();
  return changed;
}

LeaderEpoch LeaderEpochCache::EpochFor(Offset offset) const {
  const auto above = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const EpochStart& entry) { return entry.start_offset > offset; });
  return above == entries_.begin() ? kNoLeaderEpoch : (above - 1)->epoch;
}

std::pair<LeaderEpoch, Offset> LeaderEpochCache::EndOffsetFor(LeaderEpoch epoch,
                                                              Offset log_end_offset) const {
  if (epoch.value() < 0 || entries_.empty()) return {kNoLeaderEpoch, kNoOffset};
  // The latest epoch ends at the log end; so does one that begins later than all, which nobody knows.
  if (epoch == latest()) return {epoch, log_end_offset};
  const auto higher = std::find_if(entries_.begin(), entries_.end(),
                                   [&](const EpochStart& entry) { return entry.epoch > epoch; });
  if (higher == entries_.end()) return {kNoLeaderEpoch, kNoOffset};
  // An epoch before the first that is still known: it ended where that one begins.
  if (higher == entries_.begin()) return {epoch, higher->start_offset};
  return {(higher - 1)->epoch, higher->start_offset};
}

Status LeaderEpochCache::Save(env::FileSystem& file_system, const std::string& directory) const {
  return ReplaceFileUnsynced(file_system, env::JoinPath(directory, kLeaderEpochFile),
                             EncodeEpochCheckpoint(entries_));
}

}  // namespace dohle::storage
