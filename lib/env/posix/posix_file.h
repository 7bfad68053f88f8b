// env::File on a descriptor. Other parts of env/posix send from it with sendfile.
#pragma once

#include <string>

#include "lib/env/file_system.h"
#include "lib/env/posix/unique_fd.h"

namespace dohle::env {

class PosixFile : public File {
 public:
  PosixFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  StatusOr<size_t> ReadAt(uint64_t position, char* buffer, size_t n) const override;
  StatusOr<size_t> ReadAtIfCached(uint64_t position, char* buffer, size_t n) const override;
  using File::WriteAt;
  Status WriteAt(uint64_t position, std::span<const std::string_view> parts) override;
  Status Truncate(uint64_t size) override;
  StatusOr<uint64_t> Size() const override;
  Status Sync() override;

  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string path_;
};

}  // namespace dohle::env
