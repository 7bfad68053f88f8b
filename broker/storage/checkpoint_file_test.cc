#include "broker/storage/checkpoint_file.h"

#include <gtest/gtest.h>

#include "broker/storage/leader_epoch_cache.h"
#include "broker/storage/meta_properties.h"
#include "broker/storage/partition_directory.h"

namespace dohle::storage {
namespace {

TEST(OffsetCheckpointTest, IsWhatApacheWrites) {
  const std::string text = "0\n2\n__consumer_offsets 3 16\ndemo 0 5\n";
  auto parsed = ParseOffsetCheckpoint(text);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->at({"demo", PartitionIndex(0)}), Offset(5));
  EXPECT_EQ(EncodeOffsetCheckpoint(*parsed), text);
  EXPECT_EQ(EncodeOffsetCheckpoint({}), "0\n0\n");
}

TEST(OffsetCheckpointTest, RefusesMalformedFiles) {
  for (const char* text : {"", "1\n0\n", "0\n", "0\nx\n", "0\n-1\n", "0\n1\n", "0\n1\na 0\n", "0\n1\na 0 x\n",
                           "0\n1\na 0 1\nb 0 1\n", "0\n1\n 0 1\n", "0\n99999999999\n"}) {
    EXPECT_EQ(ParseOffsetCheckpoint(text).status().code(), StatusCode::kDataLoss) << text;
  }
}

TEST(LeaderEpochCacheTest, AssignsAndAnswers) {
  LeaderEpochCache cache;
  EXPECT_EQ(cache.EndOffsetFor(LeaderEpoch(3), Offset(10)), std::pair(kNoLeaderEpoch, kNoOffset));
  EXPECT_TRUE(cache.Assign(LeaderEpoch(2), Offset(10)));
  EXPECT_FALSE(cache.Assign(LeaderEpoch(2), Offset(15)));
  EXPECT_TRUE(cache.Assign(LeaderEpoch(4), Offset(20)));
  EXPECT_TRUE(cache.Assign(LeaderEpoch(7), Offset(30)));
  const auto end = [&](int epoch) { return cache.EndOffsetFor(LeaderEpoch(epoch), Offset(50)); };
  EXPECT_EQ(end(1), std::pair(LeaderEpoch(1), Offset(10)));
  EXPECT_EQ(end(2), std::pair(LeaderEpoch(2), Offset(20)));
  EXPECT_EQ(end(3), std::pair(LeaderEpoch(2), Offset(20)));
  EXPECT_EQ(end(7), std::pair(LeaderEpoch(7), Offset(50)));
  EXPECT_EQ(end(8), std::pair(kNoLeaderEpoch, kNoOffset));
  EXPECT_EQ(cache.EpochFor(Offset(9)), kNoLeaderEpoch);
  EXPECT_EQ(cache.EpochFor(Offset(20)), LeaderEpoch(4));
  EXPECT_TRUE(cache.TruncateFromStart(Offset(25)));
  EXPECT_EQ(cache.entries(),
            (std::vector<EpochStart>{{LeaderEpoch(4), Offset(25)}, {LeaderEpoch(7), Offset(30)}}));
  EXPECT_TRUE(cache.TruncateFromEnd(Offset(30)));
  EXPECT_EQ(cache.latest(), LeaderEpoch(4));
  EXPECT_TRUE(cache.Assign(LeaderEpoch(5), Offset(25))) << "an epoch without records gives way";
  EXPECT_EQ(cache.entries().size(), 1u);
}

TEST(MetaPropertiesTest, ReadsWhatApacheWrites) {
  const std::string text =
      "#\n#Sat Nov 21 09:07:40 UTC 2026\nnode.id=1\ndirectory.id=ZcwcwgJOTh-_cQJAhOAVaw\nversion=1\n"
      "cluster.id=4L6g3nShT-eMCtK--X86sw\n";
  auto parsed = ParseMetaProperties(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->node_id, NodeId(1));
  EXPECT_EQ(parsed->cluster_id, "4L6g3nShT-eMCtK--X86sw");
  EXPECT_EQ(EncodeMetaProperties(*parsed, 1795252060000), text);
  EXPECT_FALSE(ParseMetaProperties("version=0\n").ok());
  EXPECT_FALSE(ParseMetaProperties("version=1\ncluster.id=x\n").ok());
}

TEST(PartitionDirectoryTest, NamesAreKafkas) {
  const TopicPartition partition{"my-topic.x", PartitionIndex(12)};
  const Uuid unique(0x497f1ed03def4088, 0x82f6570ad952ebd0);
  const auto name = [&](PartitionDirectoryKind kind) {
    return PartitionDirectoryNameOf(partition, kind, unique);
  };
  EXPECT_EQ(name(PartitionDirectoryKind::kCurrent), "my-topic.x-12");
  EXPECT_EQ(name(PartitionDirectoryKind::kDelete), "my-topic.x-12.497f1ed03def408882f6570ad952ebd0-delete");
  for (const auto kind : {PartitionDirectoryKind::kCurrent, PartitionDirectoryKind::kFuture,
                          PartitionDirectoryKind::kDelete, PartitionDirectoryKind::kStray}) {
    const auto parsed = ParsePartitionDirectoryName(name(kind));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->partition, partition);
    EXPECT_EQ(parsed->kind, kind);
  }
  for (const char* other : {"x", "-1", "x-", "x-y", "lost+found", "x-1.abc-delete", "x--1"}) {
    const auto parsed = ParsePartitionDirectoryName(other);
    EXPECT_FALSE(parsed && parsed->partition.topic != "x-") << other;
  }
  const TopicPartition long_name{std::string(249, 't'), PartitionIndex(7)};
  EXPECT_EQ(PartitionDirectoryNameOf(long_name, PartitionDirectoryKind::kDelete, unique).size(), 255u);
}

TEST(PartitionMetadataTest, IsWhatApacheWrites) {
  const std::string text = "version: 0\ntopic_id: vaWbT3zGTfOisj64KH-1cg";
  auto id = ParsePartitionMetadata(text);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(EncodePartitionMetadata(*id), text);
  EXPECT_FALSE(ParsePartitionMetadata("version: 1\n").ok());
}

}  // namespace
}  // namespace dohle::storage
