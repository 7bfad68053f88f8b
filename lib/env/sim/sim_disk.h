// The disk of a simulated node: a tree of files in memory that knows what would survive a power cut. It
// outlives the node's crashes. Tests break it here; the node sees it through SimFileSystem.
//
// What survives: the bytes of a file up to its last Sync; of each later write and truncation the seed decides
// (kept, dropped, or for a write torn: a prefix of it). The entries of a directory (creations, renames,
// removals) up to its last SyncDirectory; of the later ones a prefix, cut where the seed says. A rename
// happens whole or not at all. Stricter than most real file systems, as POSIX allows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/status.h"
#include "lib/env/file_system.h"
#include "lib/env/xoshiro.h"

namespace dohle::env {

class SimInode;

enum class DiskOp { kAny, kOpen, kRead, kWrite, kSync, kTruncate, kRename, kRemove, kList, kCreateDirectory };
enum class DiskFaultKind {
  kIoError,
  kNoSpace,
  kReadOnly,
  kTooManyFiles,
  kMisdirected,  // a write succeeds and lands elsewhere: over the bytes of some file, on the platter too
};

// Makes operations fail. `pattern` covers the whole path; '*' stands for any run of characters.
struct DiskFault {
  std::string pattern = "*";
  DiskOp op = DiskOp::kAny;
  DiskFaultKind kind = DiskFaultKind::kIoError;
  int64_t skip = 0;           // so many matching operations succeed first
  int64_t times = INT64_MAX;  // then so many fail
};

class SimDisk {
 public:
  explicit SimDisk(uint64_t seed);
  ~SimDisk();

  // --- for tests
  void set_capacity(uint64_t bytes) { capacity_ = bytes; }
  uint64_t used_bytes() const { return *used_; }
  // The chance that a ReadAtIfCached finds its bytes cold.
  void set_cold_read_chance(double chance) { cold_read_chance_ = chance; }
  int AddFault(DiskFault fault);
  void RemoveFault(int fault);
  void ClearFaults() { faults_.clear(); }
  // Flips the bits of `mask` in a byte, on the platter too. False: there is no such byte.
  bool Corrupt(const std::string& path, uint64_t position, uint8_t mask = 0xff);
  // Forgets what was not synced, as a power cut does. Handles that are open keep the old file: use
  // SimNode::Crash, which kills them.
  void LoseUnsynced();
  // Everything written so far survives from here on.
  void SyncAll();
  // An empty disk in place of this one. Its node is down.
  void Replace();

  // --- for SimFileSystem. `op`'s failure, if a fault says so.
  Status Check(DiskOp op, const std::string& path);
  // Whether a write to `path` is to go astray.
  bool Misdirects(const std::string& path);
  bool ReadIsCold();
  StatusOr<std::shared_ptr<SimInode>> Find(const std::string& path);
  StatusOr<std::shared_ptr<SimInode>> Open(const std::string& path, OpenMode mode, int64_t now_ms);
  Status CreateDirectories(const std::string& path, int64_t now_ms);
  Status Rename(const std::string& from, const std::string& to);
  Status Remove(const std::string& path, bool recursively);
  Status Write(SimInode& file, uint64_t position, std::string_view data, const std::string& path);
  Status Truncate(SimInode& file, uint64_t size, const std::string& path);
  SpaceInfo Space() const;

 private:
  struct Place {
    std::shared_ptr<SimInode> directory;
    std::string name;
  };
  StatusOr<Place> Locate(const std::string& path);
  std::shared_ptr<SimInode> NewInode(bool is_directory, int64_t now_ms);
  std::vector<std::shared_ptr<SimInode>> AllInodes();
  static bool Takes(DiskFault& fault);
  void WriteAstray(std::string_view data);

  struct LiveFault {
    DiskFault fault;
    int id;
  };
  Xoshiro random_;
  std::shared_ptr<uint64_t> used_;
  std::shared_ptr<SimInode> root_;
  std::vector<std::weak_ptr<SimInode>> inodes_;  // in the order made
  static constexpr uint64_t kDefaultCapacity = uint64_t{1} << 40;
  uint64_t capacity_ = kDefaultCapacity;
  double cold_read_chance_ = 0;
  std::vector<LiveFault> faults_;
  int next_fault_ = 1;
};

}  // namespace dohle::env
