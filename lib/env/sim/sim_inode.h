// A file or directory of SimDisk: as it is seen now, and as it would be found after a power cut.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/xoshiro.h"

namespace dohle::env {

class SimInode {
 public:
  // `used`: the bytes of all files of the disk, kept up by each.
  SimInode(bool is_directory, std::shared_ptr<uint64_t> used)
      : is_directory_(is_directory), used_(std::move(used)) {}
  SimInode(const SimInode&) = delete;
  ~SimInode();

  bool is_directory() const { return is_directory_; }
  int64_t modified_ms = 0;
  // A directory names it or a handle is open: as long as one is so its bytes count as used.
  void AddUser() {
    if (users_++ == 0) *used_ += content_.size();
  }
  void RemoveUser() {
    if (--users_ == 0) *used_ -= content_.size();
  }

  // --- a file
  const std::string& content() const { return content_; }
  void Write(uint64_t position, std::string_view data);
  void Truncate(uint64_t size);
  void Corrupt(uint64_t position, uint8_t mask);
  // Within the content, and on the platter at once.
  void Overwrite(uint64_t position, std::string_view data);
  // Both kinds: what is seen now survives.
  void Sync();

  // --- a directory
  using Entries = std::map<std::string, std::shared_ptr<SimInode>>;
  const Entries& entries() const { return entries_; }
  // One change that survives whole or not at all: a null inode removes the name. `with`: it survives together
  // with that directory's changes up to the given one (a rename from one directory to the other).
  struct Change {
    std::vector<std::pair<std::string, std::shared_ptr<SimInode>>> names;
    std::shared_ptr<SimInode> with;
    size_t with_change = 0;
  };
  void Apply(Change change);
  size_t changes() const { return first_change_ + changes_.size(); }

  // The power is cut: draws what survives, and that is what is seen from now on.
  void ChooseSurvivors(Xoshiro& random);
  void BecomeSurvivors();

 private:
  struct FileChange {
    bool truncate = false;
    uint64_t position = 0;  // or the size
    std::string data;
  };
  void SetContentSize(uint64_t size);
  void SetEntry(const std::string& name, std::shared_ptr<SimInode> inode);
  void SurviveUpTo(size_t changes);

  const bool is_directory_;
  const std::shared_ptr<uint64_t> used_;
  int users_ = 0;

  std::string content_;
  std::string synced_content_;
  std::vector<FileChange> file_changes_;  // since the last sync

  Entries entries_;
  Entries synced_entries_;
  std::deque<Change> changes_;  // since the last sync
  size_t first_change_ = 0;     // the number of changes before them
};

}  // namespace dohle::env
