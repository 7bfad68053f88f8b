#include "lib/env/posix/posix_file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

namespace dohle::env {
namespace {

class PosixFileSystemTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/dohle-fs-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::string Path(std::string_view name) { return JoinPath(root_, name); }
  std::unique_ptr<File> MustOpen(std::string_view name, OpenMode mode) {
    auto file = fs_.Open(Path(name), mode);
    EXPECT_TRUE(file.ok()) << file.status();
    return std::move(file).value();
  }

  PosixFileSystem fs_;
  std::string root_;
};

TEST_F(PosixFileSystemTest, WritesGatheredAndReadsBack) {
  auto file = MustOpen("a", OpenMode::kCreateExclusive);
  const std::vector<std::string_view> parts = {"one", "", "two", "three"};
  ASSERT_TRUE(file->WriteAt(2, parts).ok());
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(*file->Size(), 13u);
  std::string buffer(64, 'x');
  EXPECT_EQ(*file->ReadAt(2, buffer.data(), buffer.size()), 11u);
  EXPECT_EQ(buffer.substr(0, 11), "onetwothree");
  EXPECT_EQ(*file->ReadAt(13, buffer.data(), buffer.size()), 0u);
  auto cached = file->ReadAtIfCached(2, buffer.data(), 3);
  ASSERT_TRUE(cached.ok()) << cached.status();  // just written, so in the page cache
  EXPECT_EQ(buffer.substr(0, 3), "one");
  ASSERT_TRUE(file->Truncate(5).ok());
  EXPECT_EQ(*file->Size(), 5u);
}

TEST_F(PosixFileSystemTest, WritesMorePartsThanOneCallTakes) {
  auto file = MustOpen("a", OpenMode::kCreate);
  std::vector<std::string> numbers;
  std::string expected;
  for (int i = 0; i < 3000; ++i) numbers.push_back(i % 7 == 0 ? "" : std::to_string(i));
  std::vector<std::string_view> parts(numbers.begin(), numbers.end());
  for (const std::string& number : numbers) expected += number;
  ASSERT_TRUE(file->WriteAt(0, parts).ok());
  std::string buffer(expected.size() + 1, '\0');
  ASSERT_EQ(*file->ReadAt(0, buffer.data(), buffer.size()), expected.size());
  EXPECT_EQ(buffer.substr(0, expected.size()), expected);
  EXPECT_TRUE(file->WriteAt(0, std::span<const std::string_view>()).ok());
}

TEST_F(PosixFileSystemTest, OpenModes) {
  EXPECT_EQ(fs_.Open(Path("a"), OpenMode::kReadWrite).status().code(), StatusCode::kNotFound);
  MustOpen("a", OpenMode::kCreateExclusive);
  EXPECT_EQ(fs_.Open(Path("a"), OpenMode::kCreateExclusive).status().code(), StatusCode::kAlreadyExists);
  MustOpen("a", OpenMode::kCreate);
  auto file = MustOpen("a", OpenMode::kReadOnly);
  const Status written = file->WriteAt(0, "x");
  EXPECT_FALSE(written.ok());
  EXPECT_NE(Message(written).find(Path("a")), std::string_view::npos) << written;
}

TEST_F(PosixFileSystemTest, ReadOnlyFilesAreReplacedWhole) {
  ASSERT_TRUE(fs_.WriteWhole(Path("a"), "one").ok());
  ASSERT_TRUE(fs_.MakeReadOnly(Path("a")).ok());
  EXPECT_EQ(std::filesystem::status(Path("a")).permissions(), std::filesystem::perms::owner_read);
  EXPECT_EQ(*fs_.ReadWhole(Path("a")), "one");
  ASSERT_TRUE(fs_.WriteWhole(Path("a"), "two").ok());
  EXPECT_EQ(*fs_.ReadWhole(Path("a")), "two");
  EXPECT_EQ(fs_.MakeReadOnly(Path("b")).code(), StatusCode::kNotFound);
}

TEST_F(PosixFileSystemTest, DirectoriesAndNames) {
  ASSERT_TRUE(fs_.CreateDirectories(Path("t-0/deep")).ok());
  ASSERT_TRUE(fs_.CreateDirectories(Path("t-0/deep")).ok());
  ASSERT_TRUE(fs_.WriteWhole(Path("t-0/b"), "content").ok());
  ASSERT_TRUE(fs_.WriteWhole(Path("t-0/a"), "").ok());
  auto entries = fs_.List(Path("t-0"));
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ((*entries)[1].name, "b");
  EXPECT_EQ((*entries)[2].name, "deep");
  EXPECT_FALSE((*entries)[1].is_directory);
  EXPECT_TRUE((*entries)[2].is_directory);
  EXPECT_EQ(*fs_.ReadWhole(Path("t-0/b")), "content");
  EXPECT_EQ(fs_.ReadWhole(Path("t-0/b"), 3).status().code(), StatusCode::kOutOfRange);
  EXPECT_TRUE(fs_.Rename(Path("t-0/b"), Path("t-0/a")).ok());
  EXPECT_EQ(*fs_.ReadWhole(Path("t-0/a")), "content");
  EXPECT_EQ(fs_.Remove(Path("t-0")).code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(fs_.Remove(Path("t-0/a")).ok());
  EXPECT_TRUE(fs_.Remove(Path("t-0/a")).ok());
  EXPECT_TRUE(fs_.Remove(Path("t-0/deep")).ok());
  EXPECT_TRUE(fs_.RemoveRecursively(Path("t-0")).ok());
  EXPECT_TRUE(fs_.RemoveRecursively(Path("t-0")).ok());
  EXPECT_FALSE(fs_.Exists(Path("t-0")));
  EXPECT_EQ(fs_.List(Path("t-0")).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(fs_.SyncDirectory(root_).ok());
  EXPECT_GT(*fs_.ModifiedTimeMs(root_), 1'600'000'000'000);
  const auto space = fs_.Space(root_);
  ASSERT_TRUE(space.ok());
  EXPECT_GT(space->free_bytes, 0u);
  EXPECT_GE(space->total_bytes, space->free_bytes);
}

TEST_F(PosixFileSystemTest, LockKeepsThisProcessOut) {
  auto lock = fs_.Lock(Path(".lock"));
  ASSERT_TRUE(lock.ok()) << lock.status();
  PosixFileSystem other;
  EXPECT_EQ(other.Lock(Path(".lock")).status().code(), StatusCode::kFailedPrecondition);
  lock->reset();
  EXPECT_TRUE(other.Lock(Path(".lock")).ok());
}

// What another program sees of the lock, as Java's FileChannel.tryLock asks for it.
bool AnotherProcessCanLock(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::open(path.c_str(), O_RDWR);
    struct flock range{};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    ::_exit(::fcntl(fd, F_SETLK, &range) == 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(PosixFileSystemTest, LockKeepsOtherProcessesOut) {
  auto lock = fs_.Lock(Path(".lock"));
  ASSERT_TRUE(lock.ok());
  EXPECT_FALSE(AnotherProcessCanLock(Path(".lock")));
  // A refused attempt must not give the lock up, as closing a descriptor of the file would.
  EXPECT_FALSE(fs_.Lock(Path(".lock")).ok());
  EXPECT_FALSE(AnotherProcessCanLock(Path(".lock")));
  lock->reset();
  EXPECT_TRUE(AnotherProcessCanLock(Path(".lock")));
}

TEST_F(PosixFileSystemTest, OutOfDescriptorsIsResourceExhausted) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  auto first = MustOpen("a", OpenMode::kCreate);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Status status = fs_.Open(Path("b"), OpenMode::kCreate).status();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_NE(Message(status).find("ulimit"), std::string_view::npos) << status;
}

TEST_F(PosixFileSystemTest, FullDiskIsResourceExhausted) {
  auto file = fs_.Open("/dev/full", OpenMode::kReadWrite);
  if (!file.ok()) GTEST_SKIP() << file.status();
  EXPECT_EQ((*file)->WriteAt(0, "x").code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace dohle::env
