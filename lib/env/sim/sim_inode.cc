#include "lib/env/sim/sim_inode.h"

#include <algorithm>

namespace dohle::env {
namespace {

void WriteInto(std::string& content, uint64_t position, std::string_view data) {
  if (content.size() < position + data.size()) content.resize(position + data.size());
  data.copy(content.data() + position, data.size());
}

}  // namespace

SimInode::~SimInode() {
  for (const auto& [name, inode] : entries_) inode->RemoveUser();
}

void SimInode::Write(uint64_t position, std::string_view data) {
  if (position + data.size() > content_.size()) SetContentSize(position + data.size());
  WriteInto(content_, position, data);
  file_changes_.push_back({false, position, std::string(data)});
}

void SimInode::SetContentSize(uint64_t size) {
  if (users_ > 0) *used_ += size - content_.size();  // unsigned: a smaller size takes away
  content_.resize(size);
}

void SimInode::Truncate(uint64_t size) {
  SetContentSize(size);
  file_changes_.push_back({true, size, {}});
}

void SimInode::Corrupt(uint64_t position, uint8_t mask) {
  for (std::string* content : {&content_, &synced_content_}) {
    if (position < content->size())
      (*content)[position] = static_cast<char>(static_cast<uint8_t>((*content)[position]) ^ mask);
  }
  for (FileChange& change : file_changes_) {
    if (change.truncate || position < change.position || position - change.position >= change.data.size())
      continue;
    char& byte = change.data[position - change.position];
    byte = static_cast<char>(static_cast<uint8_t>(byte) ^ mask);
  }
}

void SimInode::Overwrite(uint64_t position, std::string_view data) {
  for (size_t i = 0; i < data.size(); ++i) {
    const auto there = static_cast<uint8_t>(content_[position + i]);
    Corrupt(position + i, there ^ static_cast<uint8_t>(data[i]));
  }
}

void SimInode::Sync() {
  if (is_directory_) {
    SurviveUpTo(changes());
    return;
  }
  for (const FileChange& change : file_changes_) {
    if (change.truncate) {
      synced_content_.resize(change.position);
    } else {
      WriteInto(synced_content_, change.position, change.data);
    }
  }
  file_changes_.clear();
}

void SimInode::SetEntry(const std::string& name, std::shared_ptr<SimInode> inode) {
  if (inode != nullptr) inode->AddUser();
  std::shared_ptr<SimInode>& entry = entries_[name];
  if (entry != nullptr) entry->RemoveUser();
  entry = std::move(inode);
  if (entry == nullptr) entries_.erase(name);
}

void SimInode::Apply(Change change) {
  for (const auto& [name, inode] : change.names) SetEntry(name, inode);
  changes_.push_back(std::move(change));
}

void SimInode::SurviveUpTo(size_t changes) {
  while (first_change_ < changes && !changes_.empty()) {
    const Change change = std::move(changes_.front());
    changes_.pop_front();
    ++first_change_;
    for (const auto& [name, inode] : change.names) {
      if (inode == nullptr) {
        synced_entries_.erase(name);
      } else {
        synced_entries_[name] = inode;
      }
    }
    if (change.with != nullptr) change.with->SurviveUpTo(change.with_change);
  }
}

void SimInode::ChooseSurvivors(Xoshiro& random) {
  if (is_directory_) {
    SurviveUpTo(first_change_ + random.Below(changes_.size() + 1));
    return;
  }
  // Often everything or nothing has reached the platter; the mixed cases are the nasty ones.
  enum class Mode { kNothing, kPrefix, kMixed };
  const auto mode = static_cast<Mode>(random.Below(3));
  size_t left = mode == Mode::kPrefix ? random.Below(file_changes_.size() + 1) : 0;
  for (const FileChange& change : file_changes_) {
    const bool torn = mode == Mode::kMixed ? random.Below(3) == 0 : mode == Mode::kPrefix && left == 0;
    const bool kept = mode == Mode::kMixed ? random.Below(2) == 0 : left > 0;
    if (mode == Mode::kNothing) break;
    if (change.truncate) {
      if (kept) synced_content_.resize(change.position);
    } else if (torn) {
      WriteInto(synced_content_, change.position,
                std::string_view(change.data).substr(0, random.Below(change.data.size() + 1)));
    } else if (kept) {
      WriteInto(synced_content_, change.position, change.data);
    }
    if (mode == Mode::kPrefix && left-- == 0) break;
  }
}

void SimInode::BecomeSurvivors() {
  if (is_directory_) {
    for (const auto& [name, inode] : synced_entries_) inode->AddUser();
    for (const auto& [name, inode] : entries_) inode->RemoveUser();
    entries_ = synced_entries_;
    first_change_ += changes_.size();
    changes_.clear();
    return;
  }
  SetContentSize(synced_content_.size());
  content_ = synced_content_;
  file_changes_.clear();
}

}  // namespace dohle::env
