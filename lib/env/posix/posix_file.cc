#include "lib/env/posix/posix_file.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/env/posix/errno_status.h"

namespace dohle::env {
namespace {

constexpr size_t kPartsPerCall = 64;

bool LivesInMemory(int fd) {
  struct statfs info{};
  return ::fstatfs(fd, &info) == 0 && (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC);
}

}  // namespace

StatusOr<size_t> PosixFile::ReadAt(uint64_t position, char* buffer, size_t n) const {
  size_t done = 0;
  while (done < n) {
    const ssize_t got = ::pread(fd_.get(), buffer + done, n - done, static_cast<off_t>(position + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "read", path_);
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

StatusOr<size_t> PosixFile::ReadAtIfCached(uint64_t position, char* buffer, size_t n) const {
  const iovec part{buffer, n};
  for (;;) {
    const ssize_t got = ::preadv2(fd_.get(), &part, 1, static_cast<off_t>(position), RWF_NOWAIT);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EOPNOTSUPP && errno != ENOSYS) return ErrnoStatus(errno, "read", path_);
    // tmpfs of older kernels doesn't know the flag, but never waits for a device either. Where others don't
    // know it, every read takes the way over the I/O threads: slower, never stalling.
    if (errno != EAGAIN && LivesInMemory(fd_.get())) return ReadAt(position, buffer, n);
    return MakeStatus(StatusCode::kUnavailable, "{} at {} is not cached", path_, position);
  }
}

Status PosixFile::WriteAt(uint64_t position, std::span<const std::string_view> parts) {
  size_t skip = 0;  // bytes of the first part that are written already
  while (!parts.empty()) {
    if (skip == parts.front().size()) {
      parts = parts.subspan(1);
      skip = 0;
      continue;
    }
    std::array<iovec, kPartsPerCall> vector;
    const size_t count = std::min(parts.size(), kPartsPerCall);
    for (size_t i = 0; i < count; ++i) {
      const std::string_view part = i == 0 ? parts[i].substr(skip) : parts[i];
      vector[i] = {const_cast<char*>(part.data()), part.size()};
    }
    const ssize_t put =
        ::pwritev(fd_.get(), vector.data(), static_cast<int>(count), static_cast<off_t>(position));
    if (put < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "write", path_);
    }
    position += static_cast<uint64_t>(put);
    for (skip += static_cast<size_t>(put); !parts.empty() && skip >= parts.front().size();
         parts = parts.subspan(1)) {
      skip -= parts.front().size();
    }
  }
  return OkStatus();
}

Status PosixFile::Truncate(uint64_t size) {
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return ErrnoStatus(errno, "truncate", path_);
  return OkStatus();
}

StatusOr<uint64_t> PosixFile::Size() const {
  struct stat info{};
  if (::fstat(fd_.get(), &info) != 0) return ErrnoStatus(errno, "stat", path_);
  return static_cast<uint64_t>(info.st_size);
}

Status PosixFile::Sync() {
  if (::fdatasync(fd_.get()) != 0) return ErrnoStatus(errno, "sync", path_);
  return OkStatus();
}

}  // namespace dohle::env
