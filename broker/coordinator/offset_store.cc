#include "broker/coordinator/offset_store.h"

#include <utility>

namespace dohle::coordinator {
namespace {

// Looks up before it makes a string of the key: what is committed to mostly exists.
template <typename V>
V& FindOrCreate(StringMap<V>& map, std::string_view key) {
  const auto found = map.find(key);
  if (found != map.end()) return found->second;
  return map.try_emplace(std::string(key)).first->second;
}

}  // namespace

void OffsetStore::Put(std::string_view group, std::string_view topic, int32_t partition,
                      CommittedOffset offset, WritePosition position) {
  Versioned<CommittedOffset>& slot = FindOrCreate(FindOrCreate(groups_, group), topic)[partition];
  if (slot.Latest() == nullptr) ++size_;
  slot.Set(std::move(offset), position);
}

void OffsetStore::Erase(std::string_view group, std::string_view topic, int32_t partition,
                        WritePosition position) {
  const OffsetKey key{std::string(group), std::string(topic), partition};
  Versioned<CommittedOffset>* slot = FindSlot(key);
  if (slot != nullptr && slot->Latest() != nullptr) {
    --size_;
    slot->Set(std::nullopt, position);
  }
  if (position != kLoaded) return;
  DropIfVacant(key);
  ForgetOpen(key);
}

const OffsetStore::Topics* OffsetStore::Find(std::string_view group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

const CommittedOffset* OffsetStore::Latest(std::string_view group, std::string_view topic,
                                           int32_t partition) const {
  const Topics* topics = Find(group);
  if (topics == nullptr) return nullptr;
  const auto partitions = topics->find(topic);
  if (partitions == topics->end()) return nullptr;
  const auto slot = partitions->second.find(partition);
  return slot == partitions->second.end() ? nullptr : slot->second.Latest();
}

bool OffsetStore::HasAny(std::string_view group) const {
  const Topics* topics = Find(group);
  if (topics == nullptr) return false;
  for (const auto& [topic, partitions] : *topics) {
    for (const auto& [partition, slot] : partitions) {
      if (slot.Latest() != nullptr) return true;
    }
  }
  return false;
}

Versioned<CommittedOffset>* OffsetStore::FindSlot(const OffsetKey& key) {
  const auto topics = groups_.find(key.group);
  if (topics == groups_.end()) return nullptr;
  const auto partitions = topics->second.find(key.topic);
  if (partitions == topics->second.end()) return nullptr;
  const auto slot = partitions->second.find(key.partition);
  return slot == partitions->second.end() ? nullptr : &slot->second;
}

void OffsetStore::DropIfVacant(const OffsetKey& key) {
  const auto topics = groups_.find(key.group);
  if (topics == groups_.end()) return;
  const auto partitions = topics->second.find(key.topic);
  if (partitions == topics->second.end()) return;
  const auto slot = partitions->second.find(key.partition);
  if (slot == partitions->second.end() || !slot->second.vacant()) return;
  partitions->second.erase(slot);
  if (partitions->second.empty()) topics->second.erase(partitions);
  if (topics->second.empty()) groups_.erase(topics);
}

void OffsetStore::Commit(const OffsetKey& key, WritePosition committed, int64_t record_offset) {
  Versioned<CommittedOffset>* slot = FindSlot(key);
  if (slot == nullptr) {
    // The erasure of what only an open transaction had.
    ForgetOpen(key);
    return;
  }
  if (!slot->HasUncommitted(committed)) {
    if (CommittedOffset* offset = slot->Latest()) {
      offset->record_offset = record_offset;
    } else {
      ForgetOpen(key);
    }
  }
  slot->Commit(committed);
  DropIfVacant(key);
}

void OffsetStore::Revert(const OffsetKey& key, WritePosition committed) {
  Versioned<CommittedOffset>* slot = FindSlot(key);
  if (slot == nullptr) return;
  const bool was_there = slot->Latest() != nullptr;
  slot->Revert(committed, [](const CommittedOffset&) {});
  const bool is_there = slot->Latest() != nullptr;
  if (was_there && !is_there) --size_;
  if (!was_there && is_there) ++size_;
  DropIfVacant(key);
}

void OffsetStore::PutTransactional(ProducerId producer, OffsetKey key, CommittedOffset offset) {
  open_[key].insert(producer);
  transactional_[producer].insert_or_assign(std::move(key), std::move(offset));
}

void OffsetStore::EndTransaction(ProducerId producer, bool commit) {
  const auto found = transactional_.find(producer);
  if (found == transactional_.end()) return;
  const std::map<OffsetKey, CommittedOffset> commits = std::move(found->second);
  transactional_.erase(found);
  for (const auto& [key, offset] : commits) {
    if (const auto open = open_.find(key); open != open_.end()) {
      open->second.erase(producer);
      if (open->second.empty()) open_.erase(open);
    }
    if (!commit) continue;
    // Compaction may have moved the marker behind a later plain commit: the later record wins.
    const Versioned<CommittedOffset>* slot = FindSlot(key);
    if (slot != nullptr && slot->HasUncommitted(kLoaded)) continue;
    const CommittedOffset* existing = slot == nullptr ? nullptr : slot->Latest();
    if (existing != nullptr && existing->record_offset >= offset.record_offset) continue;
    Put(key.group, key.topic, key.partition, offset, kLoaded);
  }
}

void OffsetStore::ForgetOpen(const OffsetKey& key) {
  const auto open = open_.find(key);
  if (open == open_.end()) return;
  for (const ProducerId producer : open->second) {
    const auto commits = transactional_.find(producer);
    if (commits == transactional_.end()) continue;
    commits->second.erase(key);
    if (commits->second.empty()) transactional_.erase(commits);
  }
  open_.erase(open);
}

bool OffsetStore::HasOpenTransactions(std::string_view group) const {
  const auto first = open_.lower_bound(OffsetKey{std::string(group), "", INT32_MIN});
  return first != open_.end() && first->first.group == group;
}

bool OffsetStore::HasOpenTransaction(std::string_view group, std::string_view topic,
                                     int32_t partition) const {
  if (open_.empty()) return false;
  return open_.contains(OffsetKey{std::string(group), std::string(topic), partition});
}

std::vector<OffsetKey> OffsetStore::OpenPartitions(std::string_view group) const {
  std::vector<OffsetKey> keys;
  for (auto it = open_.lower_bound(OffsetKey{std::string(group), "", INT32_MIN});
       it != open_.end() && it->first.group == group; ++it) {
    keys.push_back(it->first);
  }
  return keys;
}

std::vector<std::pair<OffsetKey, Uuid>> OffsetStore::OpenCommits() const {
  std::vector<std::pair<OffsetKey, Uuid>> commits;
  for (const auto& [producer, offsets] : transactional_) {
    for (const auto& [key, offset] : offsets) commits.emplace_back(key, offset.topic_id);
  }
  return commits;
}

}  // namespace dohle::coordinator
