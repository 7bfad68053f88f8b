#include <gtest/gtest.h>

#include <set>

#include "lib/env/posix/test_seed.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::env {
namespace {

using Death = SimNode::Death;

class SimFileSystemTest : public testing::Test {
 protected:
  SimFileSystemTest()
      : seed_(TestSeed()), trace_(__FILE__, __LINE__, testing::Message() << "DOHLE_SEED=" << seed_) {}

  static std::string Whole(SimNode& node, const std::string& path) {
    auto content = node.env().file_system.ReadWhole(path);
    return content.ok() ? *content : std::string(Message(content.status()));
  }
  static std::unique_ptr<File> MustOpen(SimNode& node, const std::string& path) {
    auto file = node.env().file_system.Open(path, OpenMode::kCreate);
    EXPECT_TRUE(file.ok()) << file.status();
    return std::move(file).value();
  }
  static void CrashAndRestart(SimNode& node, Death death) {
    node.Crash(death);
    node.Restart();
  }

  const uint64_t seed_;
  const testing::ScopedTrace trace_;
};

TEST_F(SimFileSystemTest, BehavesLikeAFileSystem) {
  SimWorld world(seed_);
  FileSystem& fs = world.AddNode("a").env().file_system;
  EXPECT_EQ(fs.Open("/data/x", OpenMode::kCreate).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(fs.CreateDirectories("/data/t-0").ok());
  EXPECT_EQ(fs.Open("/data/t-0/x", OpenMode::kReadWrite).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(fs.WriteWhole("/data/t-0/x", "0123456789").ok());
  EXPECT_EQ(fs.Open("/data/t-0/x", OpenMode::kCreateExclusive).status().code(), StatusCode::kAlreadyExists);
  auto file = *fs.Open("/data/t-0/x", OpenMode::kReadWrite);
  const std::vector<std::string_view> parts = {"ab", "", "cd"};
  ASSERT_TRUE(file->WriteAt(8, parts).ok());
  EXPECT_EQ(*file->Size(), 12u);
  EXPECT_EQ(*fs.ReadWhole("/data/t-0/x"), "01234567abcd");
  ASSERT_TRUE(file->Truncate(3).ok());
  EXPECT_EQ(*fs.ReadWhole("/data/t-0/x"), "012");
  EXPECT_EQ(fs.Remove("/data/t-0").code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(fs.Rename("/data/t-0", "/data/t-0.deleted").ok());
  EXPECT_FALSE(fs.Exists("/data/t-0/x"));
  EXPECT_TRUE(fs.Exists("/data/t-0.deleted/x"));
  EXPECT_EQ(fs.List("/data")->size(), 1u);
  EXPECT_FALSE((*fs.Open("/data/t-0.deleted/x", OpenMode::kReadOnly))->WriteAt(0, "x").ok());
  auto lock = fs.Lock("/data/.lock");
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(fs.Lock("/data/.lock").status().code(), StatusCode::kFailedPrecondition);
  lock->reset();
  EXPECT_TRUE(fs.Lock("/data/.lock").ok());
  EXPECT_TRUE(fs.RemoveRecursively("/data").ok());
  EXPECT_TRUE(fs.RemoveRecursively("/data").ok());
  EXPECT_FALSE(fs.Exists("/data"));
}

TEST_F(SimFileSystemTest, PowerCutLosesWhatWasNotSyncedAndNothingElse) {
  std::set<std::string> seen;
  for (uint64_t i = 0; i < 200; ++i) {
    SimWorld world(seed_ + i);
    SimNode& node = world.AddNode("a");
    ASSERT_TRUE(node.env().file_system.WriteWhole("/f", "synced").ok());
    auto file = MustOpen(node, "/f");
    ASSERT_TRUE(file->WriteAt(6, "AAAA").ok());
    ASSERT_TRUE(file->WriteAt(10, "BBBB").ok());
    CrashAndRestart(node, Death::kPower);
    EXPECT_EQ(file->WriteAt(0, "from the grave").code(), StatusCode::kFailedPrecondition);
    const std::string after = Whole(node, "/f");
    EXPECT_EQ(after.substr(0, 6), "synced");
    seen.insert(after);
  }
  EXPECT_TRUE(seen.contains("synced"));
  EXPECT_TRUE(seen.contains("syncedAAAABBBB"));
  EXPECT_TRUE(seen.contains("syncedAAAAB")) << "torn";
  EXPECT_TRUE(seen.contains(std::string("synced\0\0\0\0BBBB", 14))) << "reordered";
}

TEST_F(SimFileSystemTest, KilledProcessLosesNothingThatWasWritten) {
  SimWorld world(seed_);
  SimNode& node = world.AddNode("a");
  auto file = MustOpen(node, "/f");
  ASSERT_TRUE(file->WriteAt(0, "written").ok());
  CrashAndRestart(node, Death::kProcess);
  EXPECT_EQ(Whole(node, "/f"), "written");
}

TEST_F(SimFileSystemTest, PowerCutMayUndoNamesUntilTheDirectoryIsSynced) {
  int lost = 0;
  constexpr int kRuns = 100;
  for (uint64_t i = 0; i < kRuns; ++i) {
    SimWorld world(seed_ + i);
    SimNode& node = world.AddNode("a");
    ASSERT_TRUE(node.env().file_system.WriteWhole("/kept", "old").ok());
    auto file = MustOpen(node, "/new");
    ASSERT_TRUE(file->WriteAt(0, "content").ok());
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_TRUE(node.env().file_system.Rename("/new", "/kept").ok());
    CrashAndRestart(node, Death::kPower);
    const std::string kept = Whole(node, "/kept");
    EXPECT_TRUE(kept == "old" || kept == "content") << kept;
    if (kept == "old") ++lost;
  }
  EXPECT_GT(lost, 0);
  EXPECT_LT(lost, kRuns);
}

TEST_F(SimFileSystemTest, RenameBetweenDirectoriesHappensWholeOrNotAtAll) {
  for (uint64_t i = 0; i < 100; ++i) {
    SimWorld world(seed_ + i);
    SimNode& node = world.AddNode("a");
    FileSystem& fs = node.env().file_system;
    ASSERT_TRUE(fs.CreateDirectories("/x/y").ok());
    ASSERT_TRUE(fs.WriteWhole("/x/y/f", "content").ok());
    node.disk().SyncAll();
    ASSERT_TRUE(fs.Rename("/x/y/f", "/x/f").ok());
    CrashAndRestart(node, Death::kPower);
    FileSystem& after = node.env().file_system;
    EXPECT_NE(after.Exists("/x/f"), after.Exists("/x/y/f"));
  }
}

TEST_F(SimFileSystemTest, WriteWholeIsAllOrNothing) {
  for (uint64_t i = 0; i < 100; ++i) {
    SimWorld world(seed_ + i);
    SimNode& node = world.AddNode("a");
    ASSERT_TRUE(node.env().file_system.WriteWhole("/f", "old").ok());
    node.disk().AddFault(
        {.op = i % 2 == 0 ? DiskOp::kSync : DiskOp::kRename, .skip = static_cast<int64_t>(i % 3)});
    const Status written = node.env().file_system.WriteWhole("/f", "the new one");
    CrashAndRestart(node, Death::kPower);
    node.disk().ClearFaults();
    const std::string after = Whole(node, "/f");
    EXPECT_TRUE(after == "the new one" || (!written.ok() && after == "old")) << after;
  }
}

TEST_F(SimFileSystemTest, FullDiskRefusesAndFreesAgain) {
  SimWorld world(seed_);
  SimNode& node = world.AddNode("a");
  node.disk().set_capacity(100);
  auto file = MustOpen(node, "/f");
  ASSERT_TRUE(file->WriteAt(0, std::string(90, 'x')).ok());
  EXPECT_EQ(node.env().file_system.Space("/")->free_bytes, 10u);
  EXPECT_TRUE(file->WriteAt(80, std::string(20, 'x')).ok());
  EXPECT_EQ(file->WriteAt(100, "x").code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(file->WriteAt(0, "overwriting needs no space").ok());
  ASSERT_TRUE(file->Truncate(90).ok());
  EXPECT_TRUE(file->WriteAt(90, "0123456789").ok());
  ASSERT_TRUE(node.env().file_system.Remove("/f").ok());
  EXPECT_EQ(node.env().file_system.Space("/")->free_bytes, 0u) << "an open file keeps its space";
  file.reset();
  EXPECT_EQ(node.env().file_system.Space("/")->free_bytes, 100u);
}

TEST_F(SimFileSystemTest, UsedSpaceIsThatOfTheFilesThatAreThereAfterAnyCrash) {
  for (uint64_t i = 0; i < 50; ++i) {
    SimWorld world(seed_ + i);
    SimNode& node = world.AddNode("a");
    for (int life = 0; life < 4; ++life) {
      FileSystem& fs = node.env().file_system;
      ASSERT_TRUE(fs.CreateDirectories("/d/e").ok());
      for (int step = 0; step < 20; ++step) {
        const std::string path = (world.random().Below(2) == 0 ? "/d/" : "/d/e/") + std::to_string(step % 5);
        const std::string other = "/d/" + std::to_string(world.random().Below(5));
        if (world.random().Below(4) == 0) fs.Remove(path).IgnoreError();
        if (world.random().Below(4) == 0) fs.Rename(path, other).IgnoreError();
        MustOpen(node, path)->WriteAt(world.random().Below(50), "some bytes").IgnoreError();
        if (world.random().Below(3) == 0)
          MustOpen(node, path)->Truncate(world.random().Below(9)).IgnoreError();
        if (world.random().Below(9) == 0) fs.SyncDirectory("/d").IgnoreError();
      }
      CrashAndRestart(node, Death::kPower);
      uint64_t sum = 0;
      for (const std::string directory : {"/d", "/d/e"}) {
        const auto entries = node.env().file_system.List(directory);
        if (!entries.ok()) continue;
        for (const DirectoryEntry& entry : *entries) {
          if (!entry.is_directory) sum += *MustOpen(node, JoinPath(directory, entry.name))->Size();
        }
      }
      EXPECT_EQ(node.disk().used_bytes(), sum);
    }
  }
}

TEST_F(SimFileSystemTest, FaultsHitWhatTheyName) {
  SimWorld world(seed_);
  SimNode& node = world.AddNode("a");
  auto log = MustOpen(node, "/t-0.log");
  auto index = MustOpen(node, "/t-0.index");
  const int fault = node.disk().AddFault({.pattern = "*.log", .op = DiskOp::kWrite, .skip = 1, .times = 2});
  EXPECT_TRUE(log->WriteAt(0, "x").ok());
  EXPECT_TRUE(index->WriteAt(0, "x").ok());
  EXPECT_EQ(log->WriteAt(0, "x").code(), StatusCode::kDataLoss);
  EXPECT_TRUE(log->Sync().ok());
  EXPECT_EQ(log->WriteAt(0, "x").code(), StatusCode::kDataLoss);
  EXPECT_TRUE(log->WriteAt(0, "x").ok());
  node.disk().RemoveFault(fault);
  node.disk().AddFault({.kind = DiskFaultKind::kReadOnly});
  EXPECT_EQ(log->WriteAt(0, "x").code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(Whole(node, "/t-0.log"), "x");
  node.disk().ClearFaults();
  node.disk().AddFault({.op = DiskOp::kOpen, .kind = DiskFaultKind::kTooManyFiles});
  EXPECT_EQ(node.env().file_system.Open("/z", OpenMode::kCreate).status().code(),
            StatusCode::kResourceExhausted);
  node.disk().ClearFaults();
  node.disk().set_cold_read_chance(1);
  char byte = 0;
  EXPECT_EQ(log->ReadAtIfCached(0, &byte, 1).status().code(), StatusCode::kUnavailable);
}

TEST_F(SimFileSystemTest, CorruptionSurvives) {
  SimWorld world(seed_);
  SimNode& node = world.AddNode("a");
  ASSERT_TRUE(node.env().file_system.WriteWhole("/f", "abc").ok());
  EXPECT_TRUE(node.disk().Corrupt("/f", 1, 0x20));
  EXPECT_FALSE(node.disk().Corrupt("/f", 3));
  EXPECT_EQ(Whole(node, "/f"), "aBc");
  CrashAndRestart(node, Death::kPower);
  EXPECT_EQ(Whole(node, "/f"), "aBc");
}

TEST_F(SimFileSystemTest, AWriteThatIsMisdirectedSucceedsAndLandsElsewhere) {
  SimWorld world(seed_);
  SimNode& node = world.AddNode("a");
  ASSERT_TRUE(node.env().file_system.WriteWhole("/victim", "....").ok());
  auto log = MustOpen(node, "/t-0.log");
  node.disk().AddFault({.pattern = "*.log", .kind = DiskFaultKind::kMisdirected, .skip = 1, .times = 1});
  EXPECT_TRUE(log->WriteAt(0, "abcd").ok());
  EXPECT_TRUE(log->WriteAt(4, "wxyz").ok());
  EXPECT_TRUE(log->WriteAt(4, "5678").ok());
  log.reset();
  CrashAndRestart(node, Death::kProcess);
  const std::string log_now = Whole(node, "/t-0.log");
  const std::string victim_now = Whole(node, "/victim");
  EXPECT_TRUE(log_now.ends_with("5678")) << log_now;
  EXPECT_NE(log_now.find('w') != std::string::npos, victim_now.find('w') != std::string::npos)
      << log_now << " " << victim_now;
}

TEST_F(SimFileSystemTest, AReplacedDiskIsEmpty) {
  SimWorld world(seed_);
  SimNode& node = world.AddNode("a");
  ASSERT_TRUE(node.env().file_system.CreateDirectories("/data/b").ok());
  ASSERT_TRUE(node.env().file_system.WriteWhole("/data/b/f", "abc").ok());
  node.disk().AddFault({});
  node.Crash(Death::kPower);
  node.disk().Replace();
  node.Restart();
  EXPECT_EQ(node.disk().used_bytes(), 0u);
  EXPECT_FALSE(node.env().file_system.Exists("/data"));
  EXPECT_TRUE(node.env().file_system.WriteWhole("/f", "new").ok());
}

}  // namespace
}  // namespace dohle::env
