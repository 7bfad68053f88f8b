// For tests of this folder: a directory that goes with the test, and logs in it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "broker/storage/log.h"
#include "lib/env/posix/posix_file_system.h"

namespace dohle::storage::testing {

class TestDirectory {
 public:
  TestDirectory() {
    std::string name = ::testing::TempDir() + "/dohle-storage-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TestDirectory() { (void)file_system_.RemoveRecursively(path_); }

  const std::string& path() const { return path_; }
  env::FileSystem& file_system() { return file_system_; }

 private:
  env::PosixFileSystem file_system_;
  std::string path_;
};

inline std::string ReadSlice(const env::FileSlice& slice) {
  std::string bytes(slice.length, '\0');
  if (slice.length == 0) return bytes;
  auto read = slice.file->ReadAt(slice.position, bytes.data(), bytes.size());
  EXPECT_TRUE(read.ok() && *read == bytes.size());
  return bytes;
}

// One log that is opened, lost and opened again.
class LogFixture : public ::testing::Test {
 protected:
  std::string LogPath() const { return directory_.path() + "/t-0"; }

  // As if the process began: `recovery_point` is what the checkpoint says.
  Status TryOpen(bool clean, int64_t recovery_point = 0, int64_t log_start_offset = 0) {
    log_.reset();
    EXPECT_TRUE(directory_.file_system().CreateDirectories(LogPath()).ok());
    LogOpenOptions options;
    options.file_system = file_system_;
    options.directory = LogPath();
    options.partition = {"t", PartitionIndex(0)};
    options.config = std::make_shared<LogConfig>(config_);
    options.clean_shutdown = clean;
    options.recovery_point = Offset(recovery_point);
    options.log_start_offset = Offset(log_start_offset);
    options.now_ms = now_ms_;
    auto opened = Log::Open(options);
    if (!opened.ok()) return opened.status();
    log_ = *std::move(opened);
    return OkStatus();
  }
  void Open(bool clean = false, int64_t recovery_point = 0, int64_t log_start_offset = 0) {
    const Status opened = TryOpen(clean, recovery_point, log_start_offset);
    ASSERT_TRUE(opened.ok()) << opened;
  }
  // A crash of the process, as the page cache survives it.
  void Crash() { Open(false, log_->recovery_point().value(), log_->log_start_offset().value()); }
  void Restart() {
    ASSERT_TRUE(log_->Close().ok());
    Open(true, log_->recovery_point().value(), log_->log_start_offset().value());
  }

  StatusOr<AppendResult> TryAppend(std::string batch, AppendOrigin origin = AppendOrigin::kClient) {
    return log_->Append({batch.data(), batch.size()}, origin, LeaderEpoch(epoch_), now_ms_);
  }
  AppendResult Append(std::string batch, AppendOrigin origin = AppendOrigin::kClient) {
    auto result = TryAppend(std::move(batch), origin);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : AppendResult{};
  }
  StatusOr<ReadResult> TryRead(int64_t offset, uint64_t max_bytes = 1 << 20, int64_t upper = INT64_MAX) {
    ReadOptions options;
    options.offset = Offset(offset);
    options.max_bytes = max_bytes;
    options.upper_bound = Offset(upper);
    return log_->Read(options);
  }
  std::string Read(int64_t offset, uint64_t max_bytes = 1 << 20, int64_t upper = INT64_MAX) {
    auto result = TryRead(offset, max_bytes, upper);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return {};
    return ReadSlice(result->records);
  }
  void Flush() {
    auto plan = log_->PlanFlush();
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_TRUE(plan->Execute().ok());
    log_->MarkFlushed(*plan, now_ms_);
  }
  std::string File(std::string_view name) {
    auto content = directory_.file_system().ReadWhole(LogPath() + "/" + std::string(name));
    EXPECT_TRUE(content.ok()) << content.status();
    return content.ok() ? *content : "";
  }

  TestDirectory directory_;
  env::FileSystem* file_system_ = &directory_.file_system();
  LogConfig config_;
  int64_t now_ms_ = 1'000'000;
  int32_t epoch_ = 0;
  std::unique_ptr<Log> log_;
};

}  // namespace dohle::storage::testing
