// What one life of a simulated node sees of its disk. After the node's crash every call, on open files too,
// fails with kFailedPrecondition and changes nothing.
#pragma once

#include <set>

#include "lib/env/clock.h"
#include "lib/env/file_system.h"
#include "lib/env/sim/sim_disk.h"

namespace dohle::env {

class SimFileSystem : public FileSystem {
 public:
  // What the file system and the files that it opened share.
  struct Life {
    SimDisk& disk;
    const Clock& clock;
    bool alive = true;
    std::set<std::string> locks;
  };

  SimFileSystem(SimDisk& disk, const Clock& clock)
      : life_(std::make_shared<Life>(Life{disk, clock, true, {}})) {}
  ~SimFileSystem() override { Kill(); }
  void Kill() { life_->alive = false; }

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
  StatusOr<std::unique_ptr<WholeFileSystem>> OpenWhole(const std::string& path) override;
  StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  StatusOr<SpaceInfo> Space(const std::string& path) override;

 private:
  const std::shared_ptr<Life> life_;
};

}  // namespace dohle::env
