// The metadata log in the simulated world: power cuts that lose what was not synced, at any moment.
#include <gtest/gtest.h>

#include "broker/metadata/format.h"
#include "broker/metadata/metadata_log.h"
#include "broker/metadata/record.h"
#include "broker/storage/meta_properties.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::metadata {
namespace {

struct Progress {
  bool started = false;
  int acknowledged = 0;  // topics 0 … acknowledged - 1 were committed
};

std::string TopicName(int i) { return "topic-" + std::to_string(i); }

env::Task<void> Live(MetadataLog* log, Progress* progress) {
  const Status started = co_await log->Start();
  EXPECT_TRUE(started.ok()) << started;
  progress->started = started.ok();
  while (started.ok()) {
    const int i = progress->acknowledged;
    Decide create = [i](const WriteContext& context) {
      EncodedRecords records;
      // It may be there already: appended before the crash, though nobody was told.
      if (context.image.topics.Find(TopicName(i)) == nullptr) {
        kafka::TopicRecord record;
        record.name = TopicName(i);
        record.topic_id = TopicId(7, static_cast<uint64_t>(i));
        records.push_back(kafka::EncodeMetadataRecord(std::move(record), 0));
      }
      return records;
    };
    const StatusOr<Offset> written = co_await log->Write(std::move(create));
    if (!written.ok()) co_return;
    ++progress->acknowledged;
    if (i % 7 == 6) (void)co_await log->TakeSnapshot();
  }
}

void RunSeed(uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  env::SimWorld world(seed);
  env::SimNode& node = world.AddNode("node-1");
  const std::string dir = "/data";
  {
    FormatOptions format;
    format.cluster_id = "4L6g3nShT-eMCtK--X86sw";
    format.node_id = NodeId(1);
    format.log_dirs = {dir};
    format.metadata_log_dir = dir;
    format.controller_endpoints = {{"CONTROLLER", "localhost", 9093}};
    const auto formatted = FormatStorage(node.env().file_system, node.env().random, node.env().clock, format);
    ASSERT_TRUE(formatted.ok()) << formatted.status();
  }
  Progress progress;
  LeaderEpoch last_epoch(0);
  for (int life = 0; life < 6; ++life) {
    env::Env& env = node.env();
    const auto meta = storage::ReadMetaProperties(env.file_system, dir);
    ASSERT_TRUE(meta.ok()) << meta.status();
    MetadataLogOptions options;
    options.file_system = &env.file_system;
    options.clock = &env.clock;
    options.blocking_pool = &env.blocking_pool;
    options.executor = env.executors[0];
    options.log_dir = dir;
    options.node_id = NodeId(1);
    options.directory_id = meta->directory_id;
    options.config.max_idle_interval_ms = 50;
    auto opened = MetadataLog::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status();
    std::unique_ptr<MetadataLog> log = *std::move(opened);
    progress.started = false;
    env::Spawn(*env.executors[0], Live(log.get(), &progress));
    ASSERT_TRUE(world.RunUntil([&] { return progress.started; }, absl::Seconds(10)));
    // What was acknowledged in any life before is there.
    for (int i = 0; i < progress.acknowledged; ++i) {
      ASSERT_NE(log->cache().Current()->topics.Find(TopicName(i)), nullptr) << TopicName(i);
    }
    EXPECT_GT(log->Describe().leader_epoch, last_epoch);
    last_epoch = log->Describe().leader_epoch;
    world.RunFor(absl::Microseconds(static_cast<int64_t>(world.random().Below(200'000))));
    node.Crash(env::SimNode::Death::kPower);
    log.reset();
    node.Restart();
  }
  EXPECT_GT(progress.acknowledged, 0);
}

TEST(KraftLogCrash, NothingAcknowledgedIsLost) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    RunSeed(seed);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace dohle::metadata
