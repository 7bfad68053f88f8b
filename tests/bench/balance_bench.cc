// How long a plan of replica movements takes for 100 brokers and 100,000 partitions, and how much memory: one
// line of JSON a case. resident_mib is the most that the process had until then, the topology included.
//
//   dohle-balance-bench [PARTITIONS [BROKERS [CASE]]]

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>

#include "operator/reconcile/balancing/balance_plan.h"

namespace dohle::reconcile {
namespace {

constexpr int kReplicas = 3;
constexpr int kRacks = 5;  // 100, 90 and 50 brokers stand evenly in them
constexpr int kPartitionsPerTopic = 100;
constexpr double kMeanBytes = 1 << 30;

struct Size {
  int partitions = 100'000;
  int brokers = 100;
};

// Replicas on the first `filled` brokers: one after the other as Kafka does, or anywhere.
Topology Make(const Size& size, int filled, bool anywhere, bool skewed) {
  std::mt19937_64 random(1);
  Topology topology;
  for (int b = 0; b < size.brokers; ++b) {
    BrokerPlace broker;
    broker.id = NodeId(b);
    broker.rack = fmt::format("rack-{}", b % kRacks);
    broker.disk_bytes = int64_t{100} << 40;
    broker.disk_free_bytes = int64_t{90} << 40;
    topology.brokers.push_back(broker);
  }
  std::lognormal_distribution<double> spread(0, skewed ? 1.5 : 0.1);
  for (int p = 0; p < size.partitions; ++p) {
    if (p % kPartitionsPerTopic == 0) {
      TopicPlace topic;
      topic.name = fmt::format("topic-{}", topology.topics.size());
      topic.bytes_in_per_second = 1e6 * spread(random);
      topic.bytes_out_per_second = 2e6 * spread(random);
      topology.topics.push_back(topic);
    }
    PartitionPlace partition;
    partition.topic = static_cast<uint32_t>(topology.topics.size() - 1);
    partition.index = p % kPartitionsPerTopic;
    partition.bytes = static_cast<int64_t>(kMeanBytes * spread(random));
    const int first = anywhere ? static_cast<int>(random() % static_cast<uint64_t>(filled)) : p % filled;
    for (int i = 0; i < kReplicas; ++i) partition.replicas.push_back(NodeId((first + i) % filled));
    partition.in_sync = partition.replicas;
    partition.leader = partition.replicas[0];
    topology.partitions.push_back(partition);
  }
  return topology;
}

rusage Usage() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage;
}

double CpuSeconds(const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void Measure(const std::string& name, const Topology& topology, const BalanceGoals& goals) {
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = CpuSeconds(Usage());
  const BalancePlan plan = MakeBalancePlan(topology, goals);
  const rusage after = Usage();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const LoadSpread& bytes = plan.after[static_cast<size_t>(Load::kBytes)];
  fmt::print(
      "{{\"case\": \"{}\", \"plan_s\": {:.3f}, \"cpu_s\": {:.3f}, \"resident_mib\": {:.0f}, \"moves\": {}, "
      "\"moved_share\": {:.3f}, "
      "\"most_over_mean_bytes\": {:.3f}, \"blocks\": {}}}\n",
      name, took.count(), CpuSeconds(after) - cpu, static_cast<double>(after.ru_maxrss) / 1024,
      plan.moves.size(),
      static_cast<double>(plan.bytes) / (bytes.mean * static_cast<double>(topology.brokers.size())),
      bytes.most / bytes.mean, plan.blocks.size());
}

void Run(const Size& size, const std::string& only) {
  const int tenth = std::max(1, size.brokers / 10);
  const auto wanted = [&](const char* name) { return only.empty() || only == name; };
  if (wanted("balanced")) Measure("balanced", Make(size, size.brokers, false, false), {});
  if (wanted("out-by-a-tenth")) Measure("out-by-a-tenth", Make(size, size.brokers - tenth, false, true), {});
  if (wanted("out-twofold")) Measure("out-twofold", Make(size, size.brokers / 2, false, true), {});
  if (wanted("skewed")) Measure("skewed", Make(size, size.brokers, true, true), {});
  BalanceGoals goals;
  for (int b = size.brokers - tenth; b < size.brokers; ++b) goals.drained.push_back(NodeId(b));
  if (wanted("in-by-a-tenth")) Measure("in-by-a-tenth", Make(size, size.brokers, false, true), goals);
  goals = {};
  for (int t = 0; t < size.partitions / kPartitionsPerTopic; ++t) {
    goals.replication_factors[fmt::format("topic-{}", t)] = kReplicas + 1;
  }
  if (wanted("more-replicas")) Measure("more-replicas", Make(size, size.brokers, false, true), goals);
}

}  // namespace
}  // namespace dohle::reconcile

int main(int argc, char** argv) {
  dohle::reconcile::Size size;
  if (argc > 1) size.partitions = std::atoi(argv[1]);
  if (argc > 2) size.brokers = std::atoi(argv[2]);
  dohle::reconcile::Run(size, argc > 3 ? argv[3] : "");
  return 0;
}
