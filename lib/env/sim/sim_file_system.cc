#include "lib/env/sim/sim_file_system.h"

#include <utility>

#include "lib/env/sim/sim_inode.h"

namespace dohle::env {
namespace {

using Life = SimFileSystem::Life;

Status Allowed(Life& life, DiskOp op, const std::string& path) {
  if (!life.alive) return MakeStatus(StatusCode::kFailedPrecondition, "{}: the simulated node is down", path);
  return life.disk.Check(op, path);
}

class SimFile : public File {
 public:
  SimFile(std::shared_ptr<Life> life, std::shared_ptr<SimInode> inode, std::string path, bool writable)
      : life_(std::move(life)), inode_(std::move(inode)), path_(std::move(path)), writable_(writable) {
    inode_->AddUser();
  }
  ~SimFile() override { inode_->RemoveUser(); }

  StatusOr<size_t> ReadAt(uint64_t position, char* buffer, size_t n) const override {
    DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kRead, path_));
    const std::string& content = inode_->content();
    return position < content.size() ? content.copy(buffer, n, position) : 0;
  }
  StatusOr<size_t> ReadAtIfCached(uint64_t position, char* buffer, size_t n) const override {
    if (life_->alive && life_->disk.ReadIsCold())
      return MakeStatus(StatusCode::kUnavailable, "{} at {} is not cached", path_, position);
    return ReadAt(position, buffer, n);
  }
  using File::WriteAt;
  Status WriteAt(uint64_t position, std::span<const std::string_view> parts) override {
    DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kWrite, path_));
    DOHLE_RETURN_IF_ERROR(Writable());
    std::string data;
    for (const std::string_view part : parts) data += part;
    if (data.empty()) return OkStatus();
    inode_->modified_ms = life_->clock.WallTimeMs();
    return life_->disk.Write(*inode_, position, data, path_);
  }
  Status Truncate(uint64_t size) override {
    DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kTruncate, path_));
    DOHLE_RETURN_IF_ERROR(Writable());
    inode_->modified_ms = life_->clock.WallTimeMs();
    return life_->disk.Truncate(*inode_, size, path_);
  }
  StatusOr<uint64_t> Size() const override {
    if (!life_->alive) return Allowed(*life_, DiskOp::kRead, path_);
    return inode_->content().size();
  }
  Status Sync() override {
    DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kSync, path_));
    inode_->Sync();
    return OkStatus();
  }

 private:
  Status Writable() const {
    if (writable_) return OkStatus();
    return MakeStatus(StatusCode::kFailedPrecondition, "{} is open for reading only", path_);
  }

  const std::shared_ptr<Life> life_;
  const std::shared_ptr<SimInode> inode_;
  const std::string path_;
  const bool writable_;
};

class SimFileLock : public FileLock {
 public:
  SimFileLock(std::shared_ptr<Life> life, std::string path)
      : life_(std::move(life)), path_(std::move(path)) {}
  ~SimFileLock() override { life_->locks.erase(path_); }

 private:
  const std::shared_ptr<Life> life_;
  const std::string path_;
};

class SimWholeFileSystem : public WholeFileSystem {
 public:
  SimWholeFileSystem(std::shared_ptr<SimFileSystem::Life> life, std::string path)
      : life_(std::move(life)), path_(std::move(path)) {}
  Status Sync() override {
    DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kSync, path_));
    life_->disk.SyncAll();
    return OkStatus();
  }

 private:
  const std::shared_ptr<SimFileSystem::Life> life_;
  const std::string path_;
};

}  // namespace

StatusOr<std::unique_ptr<File>> SimFileSystem::Open(const std::string& path, OpenMode mode) {
  DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kOpen, path));
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<SimInode> inode,
                         life_->disk.Open(path, mode, life_->clock.WallTimeMs()));
  return std::make_unique<SimFile>(life_, std::move(inode), path, mode != OpenMode::kReadOnly);
}

StatusOr<std::vector<DirectoryEntry>> SimFileSystem::List(const std::string& path) {
  DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kList, path));
  DOHLE_ASSIGN_OR_RETURN(const std::shared_ptr<SimInode> inode, life_->disk.Find(path));
  if (!inode->is_directory())
    return MakeStatus(StatusCode::kFailedPrecondition, "{} is not a directory", path);
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, child] : inode->entries()) entries.push_back({name, child->is_directory()});
  return entries;
}

bool SimFileSystem::Exists(const std::string& path) { return life_->alive && life_->disk.Find(path).ok(); }

StatusOr<int64_t> SimFileSystem::ModifiedTimeMs(const std::string& path) {
  DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kRead, path));
  DOHLE_ASSIGN_OR_RETURN(const std::shared_ptr<SimInode> inode, life_->disk.Find(path));
  return inode->modified_ms;
}

Status SimFileSystem::CreateDirectories(const std::string& path) {
  DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kCreateDirectory, path));
  return life_->disk.CreateDirectories(path, life_->clock.WallTimeMs());
}

Status SimFileSystem::Rename(const std::string& from, const std::string& to) {
  DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kRename, from));
  return life_->disk.Rename(from, to);
}

Status SimFileSystem::Remove(const std::string& path) {
  DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kRemove, path));
  return life_->disk.Remove(path, false);
}

Status SimFileSystem::RemoveRecursively(const std::string& path) {
  DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kRemove, path));
  return life_->disk.Remove(path, true);
}

Status SimFileSystem::MakeReadOnly(const std::string& path) {
  DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kOpen, path));
  return life_->disk.Find(path).status();
}

Status SimFileSystem::SyncDirectory(const std::string& path) {
  DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kSync, path));
  DOHLE_ASSIGN_OR_RETURN(const std::shared_ptr<SimInode> inode, life_->disk.Find(path));
  if (!inode->is_directory())
    return MakeStatus(StatusCode::kFailedPrecondition, "{} is not a directory", path);
  inode->Sync();
  return OkStatus();
}

StatusOr<std::unique_ptr<WholeFileSystem>> SimFileSystem::OpenWhole(const std::string& path) {
  DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kOpen, path));
  return std::make_unique<SimWholeFileSystem>(life_, path);
}

StatusOr<std::unique_ptr<FileLock>> SimFileSystem::Lock(const std::string& path) {
  DOHLE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, Open(path, OpenMode::kCreate));
  if (!life_->locks.insert(path).second)
    return MakeStatus(StatusCode::kFailedPrecondition, "{} is held already", path);
  return std::make_unique<SimFileLock>(life_, path);
}

StatusOr<SpaceInfo> SimFileSystem::Space(const std::string& path) {
  DOHLE_RETURN_IF_ERROR(Allowed(*life_, DiskOp::kRead, path));
  DOHLE_RETURN_IF_ERROR(life_->disk.Find(path).status());
  return life_->disk.Space();
}

}  // namespace dohle::env
