// env::FileSystem on system calls.
#pragma once

#include "lib/env/file_system.h"

namespace dohle::env {

// Has no state of its own: several may live side by side, and they share the table of locks.
class PosixFileSystem : public FileSystem {
 public:
  StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  StatusOr<std::vector<DirectoryEntry>> List(const std::string& path) override;
  bool Exists(const std::string& path) override;
  StatusOr<int64_t> ModifiedTimeMs(const std::string& path) override;
  Status CreateDirectories(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status RemoveRecursively(const std::string& path) override;
  Status MakeReadOnly(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;
  // On Linux 5.8 and newer: before, syncfs keeps failures to itself.
  StatusOr<std::unique_ptr<WholeFileSystem>> OpenWhole(const std::string& path) override;
  // A POSIX record lock over the whole file, which is what Java's FileChannel.tryLock takes: Apache Kafka and
  // Dohle keep each other out of a log directory.
  StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  StatusOr<SpaceInfo> Space(const std::string& path) override;
};

}  // namespace dohle::env
