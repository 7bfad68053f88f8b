#include "operator/reconcile/kafka/kafka_admin_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/kafka/client/kafka_status.h"

namespace dohle::reconcile {
namespace {

namespace client = kafka::client;
using ::testing::ElementsAre;

constexpr NodeId k0(0), k1(1), k2(2);

client::TopicDescription Topic(const char* name, int partitions) {
  client::TopicDescription topic;
  topic.name = name;
  for (int i = 0; i < partitions; ++i) topic.partitions.push_back({i, k0, {k0, k1}, {k0}});
  return topic;
}

client::LogDirDescription Directory(NodeId broker, int64_t total, int64_t usable,
                                    std::vector<client::ReplicaSize> replicas) {
  client::LogDirDescription dir;
  dir.broker = broker;
  dir.total_bytes = total;
  dir.usable_bytes = usable;
  dir.replicas = std::move(replicas);
  return dir;
}

TEST(TopologyOfTest, PutsTheAnswersTogether) {
  client::ClusterDescription cluster;
  cluster.cluster_id = "c";
  cluster.brokers = {{k0, "a", false}, {k1, "b", false}, {k2, "", true}};
  client::LogDirs dirs;
  dirs.dirs = {Directory(k0, 100, 40, {{"t", 1, 7}, {"gone", 0, 5}}), Directory(k0, 100, 30, {{"u", 0, 2}}),
               Directory(k1, -1, -1, {{"t", 1, 9}})};
  dirs.dirs[0].cordoned = dirs.dirs[2].cordoned = true;
  client::LogDirDescription failed = Directory(k1, -1, -1, {});
  failed.path = "/var/lib/dohle/more/log";
  failed.status = client::StatusFromKafka(static_cast<int16_t>(kafka::ErrorCode::kKafkaStorageError));
  client::LogDirDescription untold = Directory(k0, -1, -1, {});
  untold.status = MakeStatus(StatusCode::kUnavailable, "no answer");
  dirs.dirs.insert(dirs.dirs.end(), {failed, untold});
  client::QuorumDescription quorum;
  quorum.leader = k1;
  quorum.high_watermark = 50;
  quorum.voters = {{k0, {}, 40, 9'000}, {k1, {}, 51, 10'000}, {k2, {}, 3, -1}};
  const Topology topology =
      TopologyOf(cluster, {Topic("t", 3), Topic("u", 1)},
                 {{"t", 1, {k2}, {k1}}, {"u", 7, {k2}, {}}, {"gone", 0, {k2}, {}}}, quorum, dirs);

  ASSERT_EQ(topology.brokers.size(), 3);
  EXPECT_EQ(topology.brokers[0].rack, "a");
  EXPECT_EQ(topology.brokers[0].bytes, 14);
  EXPECT_EQ(topology.brokers[0].disk_bytes, 200);
  EXPECT_EQ(topology.brokers[0].disk_free_bytes, 70);
  EXPECT_EQ(topology.brokers[1].disk_bytes, -1) << "not told";
  ASSERT_EQ(topology.brokers[0].log_dirs.size(), 3) << "one of them untold";
  EXPECT_EQ(topology.brokers[0].log_dirs[0].bytes, 12);
  EXPECT_EQ(topology.brokers[0].log_dirs[1].free_bytes, 30);
  EXPECT_TRUE(topology.brokers[2].fenced);
  EXPECT_THAT(topology.brokers[1].failed_directories, ElementsAre("/var/lib/dohle/more/log"));
  EXPECT_TRUE(topology.brokers[0].failed_directories.empty()) << "that nobody tells says nothing of a disk";
  EXPECT_FALSE(topology.brokers[0].cordoned) << "in one of two directories only";
  EXPECT_TRUE(topology.brokers[1].cordoned);
  ASSERT_EQ(topology.partitions.size(), 4);
  const PartitionPlace& moved = topology.partitions[1];
  EXPECT_EQ(topology.topics[moved.topic].name, "t");
  EXPECT_EQ(moved.index, 1);
  EXPECT_EQ(moved.bytes, 9) << "of the largest replica";
  EXPECT_THAT(moved.adding, ElementsAre(k2));
  EXPECT_THAT(moved.removing, ElementsAre(k1));
  EXPECT_FALSE(topology.partitions[3].reassigned());
  EXPECT_EQ(topology.partitions[3].bytes, 2);
  EXPECT_EQ(topology.quorum.voters[0].ms_since_caught_up, 1'000);
  EXPECT_EQ(topology.quorum.voters[1].ms_since_caught_up, 0);
  EXPECT_EQ(topology.quorum.voters[2].ms_since_caught_up, -1) << "unknown";
}

TEST(TopologyOfTest, OfASingleBrokerNoTopicsAreAskedAbout) {
  Topology topology;
  topology.brokers.resize(1);
  EXPECT_FALSE(WantsTopicConfigs(topology));
  topology.brokers.resize(2);
  topology.brokers[1].fenced = true;
  EXPECT_TRUE(WantsTopicConfigs(topology)) << "the other comes back";
}

}  // namespace
}  // namespace dohle::reconcile
