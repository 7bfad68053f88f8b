// The second seam: the disk. Synchronous on purpose: what is fast (an append into the page cache, a read that
// hits it) is called where the thread stands; what may block (Sync, cold reads, recovery, deletion) is run on
// an I/O thread through env::BlockingPool. Any thread; positional I/O on one File needs no lock.
//
// Failures: kNotFound; kResourceExhausted = disk full or no file descriptors left (the message says which and
// what to do); kPermissionDenied = read-only or not ours; kDataLoss = an I/O error of the device;
// kUnavailable only where stated. Every message names the path.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/status.h"

namespace dohle::env {

// Tells an I/O error of the device from bytes that it read well and that make no sense: both are kDataLoss,
// but only the first says something of the other files there. Every FileSystem marks its I/O errors so.
Status MarkDeviceFailure(Status status);
bool IsDeviceFailure(const Status& status);

class File {
 public:
  virtual ~File() = default;

  // Reads up to `n` bytes at `position`; fewer only at the end of the file.
  virtual StatusOr<size_t> ReadAt(uint64_t position, char* buffer, size_t n) const = 0;
  // Like ReadAt, but kUnavailable in place of waiting for the device. May return fewer bytes than are there.
  virtual StatusOr<size_t> ReadAtIfCached(uint64_t position, char* buffer, size_t n) const = 0;
  // Writes the parts one after the other at `position` with one gathered write. On failure what was written
  // is unspecified: the caller truncates.
  virtual Status WriteAt(uint64_t position, std::span<const std::string_view> parts) = 0;
  virtual Status Truncate(uint64_t size) = 0;
  virtual StatusOr<uint64_t> Size() const = 0;
  // fdatasync. Blocks: I/O threads only.
  virtual Status Sync() = 0;

  Status WriteAt(uint64_t position, std::string_view data) { return WriteAt(position, {&data, 1}); }
};

// A piece of a file to be sent, typically by sendfile. The file stays open as long as a slice of it lives.
struct FileSlice {
  std::shared_ptr<const File> file;
  uint64_t position = 0;
  uint64_t length = 0;
};

enum class OpenMode {
  kReadOnly,
  kReadWrite,        // must exist
  kCreate,           // read and write, made if absent
  kCreateExclusive,  // read and write, kAlreadyExists if present
};

// Everything on a file system, for one Sync in place of thousands.
class WholeFileSystem {
 public:
  virtual ~WholeFileSystem() = default;
  // syncfs: all that was written before the call, names too. Blocks: I/O threads only. Fails if anything
  // since OpenWhole couldn't be written back, by whomever.
  virtual Status Sync() = 0;
};

// Holds a lock file (".lock") until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};

struct SpaceInfo {
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;  // available to us, not to root
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  virtual StatusOr<std::vector<DirectoryEntry>> List(const std::string& path) = 0;  // sorted by name
  virtual bool Exists(const std::string& path) = 0;
  virtual StatusOr<int64_t> ModifiedTimeMs(const std::string& path) = 0;
  virtual Status CreateDirectories(const std::string& path) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  virtual Status Remove(const std::string& path) = 0;  // a file or an empty directory; OK if absent
  virtual Status RemoveRecursively(const std::string& path) = 0;  // OK if absent
  // From now on only the owner may read the file, and nobody may write it.
  virtual Status MakeReadOnly(const std::string& path) = 0;
  virtual Status SyncDirectory(const std::string& path) = 0;
  // What holds the directory `path`. kUnimplemented where a Sync wouldn't tell of failures.
  virtual StatusOr<std::unique_ptr<WholeFileSystem>> OpenWhole(const std::string& path);
  virtual StatusOr<std::unique_ptr<FileLock>> Lock(
      const std::string& path) = 0;  // kFailedPrecondition if held
  virtual StatusOr<SpaceInfo> Space(const std::string& path) = 0;

  // The whole of a small file. kOutOfRange if it has more than `max_bytes`.
  StatusOr<std::string> ReadWhole(const std::string& path, uint64_t max_bytes = uint64_t{64} << 20);
  // Writes `path`.tmp, syncs it, renames it to `path` and syncs the directory: after a crash the old or the
  // new content is there, whole.
  Status WriteWhole(const std::string& path, std::string_view content);
};

// "dir/name"
std::string JoinPath(std::string_view directory, std::string_view name);
// The directory that holds `path`, "." if it names none.
std::string ParentPath(std::string_view path);

}  // namespace dohle::env
