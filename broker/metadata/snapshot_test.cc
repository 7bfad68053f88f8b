#include "broker/metadata/snapshot.h"
#include "broker/storage/meta_properties.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "broker/metadata/format.h"
#include "broker/metadata/metadata_log.h"
#include "broker/metadata/record.h"
#include "lib/env/posix/posix_env.h"
#include "lib/env/posix/posix_file_system.h"

namespace dohle::metadata {
namespace {

class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() {
    std::string name = ::testing::TempDir() + "/dohle-metadata-XXXXXX";
    dir = mkdtemp(name.data());
  }
  ~SnapshotTest() override { (void)file_system.RemoveRecursively(dir); }

  StatusOr<std::vector<std::string>> Format(FormatOptions options = {}) {
    options.cluster_id = "4L6g3nShT-eMCtK--X86sw";
    options.node_id = NodeId(1);
    if (options.log_dirs.empty()) options.log_dirs = {dir};
    options.metadata_log_dir = dir;
    options.controller_endpoints = {{"CONTROLLER", "localhost", 19093}};
    return FormatStorage(file_system, posix.env().random, posix.env().clock, options);
  }

  env::PosixFileSystem file_system;
  env::PosixEnv posix{env::PosixEnv::Options{.event_loops = 1, .io_threads = 1, .own_process = false}};
  std::string dir;
};

TEST(SnapshotFileName, IsKafkas) {
  EXPECT_EQ(SnapshotFileName({Offset(228), LeaderEpoch(2)}), "00000000000000000228-0000000002.checkpoint");
  EXPECT_EQ(ParseSnapshotFileName("00000000000000000228-0000000002.checkpoint"),
            (raft::OffsetAndEpoch{Offset(228), LeaderEpoch(2)}));
  for (const char* other : {"00000000000000000228-0000000002.checkpoint.part", "bootstrap.checkpoint",
                            "0000000000000000022x-0000000002.checkpoint", "00000000000000000000.log"}) {
    EXPECT_FALSE(ParseSnapshotFileName(other).has_value()) << other;
  }
}

TEST_F(SnapshotTest, RoundTripsAndRefusesDamage) {
  MetadataImage image;
  image.features.finalized["metadata.version"] = 30;
  image.provenance = {Offset(41), LeaderEpoch(3), 1234};
  ControlState control;
  control.kraft_version = 1;
  control.voters.voters.push_back({{NodeId(1), DirectoryId(1, 1)}, {{"CONTROLLER", "host", 9093}}, 0, 1});
  const raft::OffsetAndEpoch id{Offset(42), LeaderEpoch(3)};
  ASSERT_TRUE(WriteSnapshot(file_system, dir, id, image, control, 5000).ok());
  auto files = ListSnapshots(file_system, dir);
  ASSERT_TRUE(files.ok());
  ASSERT_EQ(files->size(), 1u);
  EXPECT_EQ(std::filesystem::status(files->front().path).permissions(), std::filesystem::perms::owner_read);
  LogReplay replay(std::make_shared<const MetadataImage>());
  ASSERT_TRUE(ReadSnapshot(file_system, files->front(), &replay).ok());
  EXPECT_EQ(replay.image().features.metadata_version(), 30);
  EXPECT_EQ(replay.image().features.kraft_version, 1);
  EXPECT_EQ(replay.control().voters, control.voters);
  EXPECT_EQ(replay.provenance().end_offset(), Offset(42));
  EXPECT_EQ(replay.provenance().last_contained_log_time_ms, 1234);

  const std::string whole = *file_system.ReadWhole(files->front().path);
  for (const size_t size : {whole.size() - 1, whole.size() - 75, size_t{61}, size_t{10}, size_t{0}}) {
    ASSERT_TRUE(file_system.WriteWhole(files->front().path, whole.substr(0, size)).ok());
    LogReplay cut(std::make_shared<const MetadataImage>());
    EXPECT_EQ(ReadSnapshot(file_system, files->front(), &cut).code(), StatusCode::kDataLoss) << size;
  }
  std::string flipped = whole;
  flipped[61 + 10] ^= 1;  // within what the CRC covers
  ASSERT_TRUE(file_system.WriteWhole(files->front().path, flipped).ok());
  LogReplay broken(std::make_shared<const MetadataImage>());
  EXPECT_FALSE(ReadSnapshot(file_system, files->front(), &broken).ok());
}

TEST_F(SnapshotTest, FormatsOnce) {
  const auto lines = Format();
  ASSERT_TRUE(lines.ok()) << lines.status();
  ASSERT_EQ(lines->size(), 2u);
  EXPECT_EQ(
      lines->at(0),
      "Bootstrap metadata: BootstrapMetadata(records=[ApiMessageAndVersion(FeatureLevelRecord(name="
      "'metadata.version', featureLevel=30) at version 0), ApiMessageAndVersion(FeatureLevelRecord(name="
      "'eligible.leader.replicas.version', featureLevel=1) at version 0)], metadataVersionLevel=30, "
      "source=format command)");
  EXPECT_EQ(lines->at(1),
            "Formatting dynamic metadata voter directory " + dir + " with metadata.version 4.3-IV0.");
  const auto meta = storage::ReadMetaProperties(file_system, dir);
  ASSERT_TRUE(meta.ok());
  EXPECT_EQ(meta->node_id, NodeId(1));
  EXPECT_FALSE(meta->directory_id.is_zero());
  const auto bootstrap = ReadBootstrapRecords(file_system, dir);
  ASSERT_TRUE(bootstrap.ok());
  EXPECT_EQ(bootstrap->size(), 2u);
  const StorageInfo info = DescribeStorage(file_system, {dir, dir + "/none"});
  EXPECT_EQ(info.problems, std::vector<std::string>{dir + "/none does not exist"});

  EXPECT_EQ(Format().status().code(), StatusCode::kAlreadyExists);
  FormatOptions ignoring;
  ignoring.ignore_formatted = true;
  EXPECT_EQ(*Format(ignoring), std::vector<std::string>{"All of the log directories are already formatted."});
  ignoring.log_dirs = {dir, dir + "/second"};
  EXPECT_EQ(Format(ignoring)->back(),
            "Formatting data directory " + dir + "/second with metadata.version 4.3-IV0.");
}

TEST_F(SnapshotTest, CleanShutdownFileIsKafkas) {
  EXPECT_EQ(ReadCleanShutdownEpoch(file_system, dir), BrokerEpoch(-1));
  ASSERT_TRUE(WriteCleanShutdown(file_system, dir, BrokerEpoch(13)).ok());
  EXPECT_EQ(*file_system.ReadWhole(dir + "/.kafka_cleanshutdown"), R"({"version":0,"brokerEpoch":13})");
  EXPECT_EQ(ReadCleanShutdownEpoch(file_system, dir), BrokerEpoch(13));
}

TEST_F(SnapshotTest, ALogWithoutVotersIsRefused) {
  MetadataLogOptions options;
  options.file_system = &file_system;
  options.clock = &posix.env().clock;
  options.log_dir = dir;
  options.node_id = NodeId(1);
  EXPECT_EQ(MetadataLog::Open(options).status().code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Format().ok());
  options.node_id = NodeId(2);
  EXPECT_EQ(MetadataLog::Open(options).status().code(), StatusCode::kInvalidArgument)
      << "others vote, and there is no way to them";
}

TEST(MetadataVersion, NamesAndReleases) {
  EXPECT_EQ(MetadataVersionName(30), "4.3-IV0");
  EXPECT_EQ(MetadataVersionByName("4.3"), 30);
  EXPECT_EQ(MetadataVersionByName("4.0"), 25);
  EXPECT_EQ(MetadataVersionByName("3.3-IV3"), 7);
  EXPECT_FALSE(MetadataVersionByName("9.9").has_value());
  EXPECT_TRUE(MetadataChangedBetween(29, 30));
  EXPECT_FALSE(MetadataChangedBetween(26, 29));
}

}  // namespace
}  // namespace dohle::metadata
