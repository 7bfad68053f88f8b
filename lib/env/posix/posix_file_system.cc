#include "lib/env/posix/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "lib/env/posix/errno_status.h"
#include "lib/env/posix/posix_file.h"
#include "lib/env/posix/unique_fd.h"

namespace dohle::env {
namespace {

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kReadOnly:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT;
    case OpenMode::kCreateExclusive:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

constexpr mode_t kFileMode = 0644;

using FileIdentity = std::pair<dev_t, ino_t>;

// The files that this process has locked. POSIX locks don't exclude their own process, and closing any
// descriptor of a locked file gives the lock up: so a locked file is never opened a second time for locking.
struct LockTable {
  std::mutex mutex;
  std::set<FileIdentity> held;
};
LockTable& Locks() {
  static LockTable table;
  return table;
}

std::optional<FileIdentity> IdentityOf(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return FileIdentity(info.st_dev, info.st_ino);
}

class PosixFileLock : public FileLock {
 public:
  PosixFileLock(UniqueFd fd, FileIdentity identity) : fd_(std::move(fd)), identity_(identity) {}
  ~PosixFileLock() override {
    LockTable& table = Locks();
    const std::lock_guard<std::mutex> guard(table.mutex);
    fd_.Reset();
    table.held.erase(identity_);
  }

 private:
  UniqueFd fd_;
  FileIdentity identity_;
};

class PosixWholeFileSystem : public WholeFileSystem {
 public:
  PosixWholeFileSystem(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Status Sync() override {
    if (::syncfs(fd_.get()) != 0) return ErrnoStatus(errno, "sync the file system of", path_);
    return OkStatus();
  }

 private:
  const UniqueFd fd_;  // open all the time: what fails in between is reported through it
  const std::string path_;
};

bool SyncfsTellsFailures() {
  struct utsname system{};
  int major = 0;
  int minor = 0;
  if (::uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &major, &minor) != 2) return false;
  return std::pair(major, minor) >= std::pair(5, 8);
}

bool IsDirectory(int directory, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN && entry.d_type != DT_LNK) return entry.d_type == DT_DIR;
  struct stat info{};
  return ::fstatat(directory, entry.d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

StatusOr<std::unique_ptr<File>> PosixFileSystem::Open(const std::string& path, OpenMode mode) {
  UniqueFd fd(::open(path.c_str(), FlagsOf(mode) | O_CLOEXEC, kFileMode));
  if (!fd.valid()) return ErrnoStatus(errno, "open", path);
  return std::make_unique<PosixFile>(std::move(fd), path);
}

StatusOr<std::vector<DirectoryEntry>> PosixFileSystem::List(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (directory == nullptr) return ErrnoStatus(errno, "list", path);
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) {
      if (errno != 0) return ErrnoStatus(errno, "list", path);
      break;
    }
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    entries.push_back({std::move(name), IsDirectory(::dirfd(directory.get()), *entry)});
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

bool PosixFileSystem::Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

StatusOr<int64_t> PosixFileSystem::ModifiedTimeMs(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "stat", path);
  return int64_t{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000;
}

Status PosixFileSystem::CreateDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return ErrnoStatus(error.value(), "create directory", path);
  return OkStatus();
}

Status PosixFileSystem::Rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return OkStatus();
  const int error = errno;
  return ErrnoStatus(error, "rename", fmt::format("{} to {}", from, to));
}

Status PosixFileSystem::Remove(const std::string& path) {
  if (std::remove(path.c_str()) == 0 || errno == ENOENT) return OkStatus();
  return ErrnoStatus(errno, "remove", path);
}

Status PosixFileSystem::MakeReadOnly(const std::string& path) {
  if (::chmod(path.c_str(), S_IRUSR) == 0) return OkStatus();
  return ErrnoStatus(errno, "change the mode of", path);
}

Status PosixFileSystem::RemoveRecursively(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error && error.value() != ENOENT) return ErrnoStatus(error.value(), "remove", path);
  return OkStatus();
}

Status PosixFileSystem::SyncDirectory(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, "open directory", path);
  if (::fsync(fd.get()) != 0) return ErrnoStatus(errno, "sync directory", path);
  return OkStatus();
}

StatusOr<std::unique_ptr<WholeFileSystem>> PosixFileSystem::OpenWhole(const std::string& path) {
  static const bool tells = SyncfsTellsFailures();
  if (!tells) return FileSystem::OpenWhole(path);
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, "open directory", path);
  return std::make_unique<PosixWholeFileSystem>(std::move(fd), path);
}

StatusOr<std::unique_ptr<FileLock>> PosixFileSystem::Lock(const std::string& path) {
  LockTable& table = Locks();
  const std::lock_guard<std::mutex> guard(table.mutex);
  const auto held = [&] {
    return MakeStatus(StatusCode::kFailedPrecondition,
                      "{} is held by another broker: stop it, or configure another directory", path);
  };
  if (const auto identity = IdentityOf(path); identity && table.held.contains(*identity)) return held();
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
  if (!fd.valid()) return ErrnoStatus(errno, "open", path);
  struct flock range{};  // from 0 to the end, however far
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  if (::fcntl(fd.get(), F_SETLK, &range) != 0) {
    if (errno == EAGAIN || errno == EACCES) return held();
    return ErrnoStatus(errno, "lock", path);
  }
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, "stat", path);
  const FileIdentity identity(info.st_dev, info.st_ino);
  table.held.insert(identity);
  return std::make_unique<PosixFileLock>(std::move(fd), identity);
}

StatusOr<SpaceInfo> PosixFileSystem::Space(const std::string& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return ErrnoStatus(errno, "look at the space of", path);
  return SpaceInfo{uint64_t{info.f_blocks} * info.f_frsize, uint64_t{info.f_bavail} * info.f_frsize};
}

}  // namespace dohle::env
