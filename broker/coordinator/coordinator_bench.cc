// How long loading takes, and what an offset commit costs in the core.
//   build/bin/broker_coordinator_bench
#include <benchmark/benchmark.h>

#include <string>

#include "broker/coordinator/shard_driver.h"
#include "broker/coordinator/shard_harness.h"

namespace dohle::coordinator {
namespace {

// `count` commits of 100 groups to 100 topics of `partitions` partitions, in batches of 10 as clients send
// them.
std::string CommitLog(int64_t count, int64_t partitions) {
  std::string log;
  std::vector<Record> records;
  for (int64_t i = 0; i < count; ++i) {
    CommittedOffset offset;
    offset.offset = i;
    offset.commit_timestamp_ms = 1'795'252'200'000;
    offset.topic_id = Uuid(1, static_cast<uint64_t>(i % 100));
    const std::string group = "consumer-group-" + std::to_string(i / 10 % 100);
    const std::string topic = "some-topic-name-" + std::to_string(i / 1000 % 100);
    records.push_back(OffsetRecord(
        group, topic, static_cast<int32_t>((i % 10) + 10 * (i / 100'000 % (partitions / 10))), offset));
    if (records.size() < 10) continue;
    log += EncodeBatch(records, 1'795'252'200'000);
    records.clear();
  }
  return log;
}

void LoadCommits(benchmark::State& state) {
  const std::string log = CommitLog(state.range(0), state.range(1));
  GroupConfig config;
  CountingRandom random;
  for (auto _ : state) {
    GroupShard shard(config, random);
    shard.StartLoading({});
    const Status replayed = ReplayBatches(log, &shard);
    if (!replayed.ok()) state.SkipWithError("replay");
    state.counters["offsets"] = static_cast<double>(shard.offset_count());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(LoadCommits)->Args({1'000'000, 10})->Args({1'000'000, 100})->Unit(benchmark::kMillisecond);

void CommitOffset(benchmark::State& state) {
  GroupConfig config;
  CountingRandom random;
  GroupShard shard(config, random);
  shard.OnLoaded({});
  kafka::OffsetCommitRequest request;
  request.group_id = "consumer-group-1";
  auto& topic = request.topics.emplace_back();
  topic.name = "some-topic-name-1";
  for (int32_t i = 0; i < 10; ++i) topic.partitions.push_back({i, 42});
  RequestId id = 0;
  for (auto _ : state) {
    const Effects effects = shard.Commit({++id, 9, {}, {}}, request, {});
    benchmark::DoNotOptimize(EncodeBatch(effects.writes[0].records, 0));
    benchmark::DoNotOptimize(shard.OnWritten(effects.writes[0].position, Offset(0), {}));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(CommitOffset);

}  // namespace
}  // namespace dohle::coordinator
