// dohle-load: the load generator of the benchmarks, and the bare loops that show the machine's limit.
// tests/bench/run drives it; `dohle-load` alone says how.
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/bench/bare.h"
#include "tests/bench/client.h"
#include "tests/bench/wire.h"
#include "tests/bench/workloads.h"

namespace dohle::bench {
namespace {

constexpr const char* kUsage = R"(dohle-load MODE --port N[,N…] [--name value ...]     prints one line of JSON

modes
  produce   --topic T  --batch-bytes 65536 --record-bytes 100 --acks 1 [--spread 1]
  single    --topic T  --record-bytes 100 --acks 1          one record a request
  fetch     --topic T  --max-bytes 1048576                  from the start, again and again
  topics    --prefix P --bytes COUNT                        creates COUNT topics of --partitions
  create    --topic T  --partitions N                       one topic, and waits until all its partitions have leaders
  delete    --topic T
  led       --prefix P --topics N --partitions M [--without ID]     waits until all partitions of P0, P1, … have a leader,
                                        another than ID; prints the monotonic clock in ns
  first     [--topic T --partition P]   says "ready", then tries until a request is served (Metadata, or with a topic
                                        Produce to it); prints the monotonic clock in ns
  bare      --directory D --batch-bytes 65536 --record-bytes 100     serves Produce and Fetch, prints its port

for all loads
  --connections 8 --partitions 8 --depth 1    requests in flight on a connection
  --warmup 1 --seconds 5 | --bytes N          the measured window
  --rate R                                    requests a second, timed from when they are due
  --pid P                                     the server, whose CPU time is measured
)";

class Flags {
 public:
  Flags(int argc, char** argv) {
    for (int i = 2; i + 1 < argc; i += 2) values_[argv[i]] = argv[i + 1];
    if (argc % 2 != 0) Die(kUsage);
  }
  std::string Text(const std::string& name, const std::string& otherwise = "") const {
    const auto it = values_.find("--" + name);
    return it == values_.end() ? otherwise : it->second;
  }
  double Number(const std::string& name, double otherwise) const {
    const std::string text = Text(name);
    return text.empty() ? otherwise : std::atof(text.c_str());
  }
  template <typename T = int>
  T Integer(const std::string& name, T otherwise) const {
    return static_cast<T>(Number(name, static_cast<double>(otherwise)));
  }
  // Several, where a load goes to the nodes of a cluster.
  std::vector<int> Ports() const {
    std::vector<int> ports;
    std::istringstream words(Text("port"));
    for (std::string word; std::getline(words, word, ',');) ports.push_back(std::atoi(word.c_str()));
    if (ports.empty()) Die(kUsage);
    return ports;
  }

 private:
  std::map<std::string, std::string> values_;
};

Plan PlanOf(const Flags& flags) {
  Plan plan;
  plan.ports = flags.Ports();
  plan.rate = flags.Number("rate", 0);
  plan.connections = flags.Integer<size_t>("connections", 8);
  plan.depth = flags.Integer<size_t>("depth", 1);
  plan.warmup_s = flags.Number("warmup", 1);
  plan.bytes = flags.Integer<int64_t>("bytes", 0);
  plan.seconds = flags.Number("seconds", plan.bytes > 0 ? 0 : 5);
  plan.server = flags.Integer<pid_t>("pid", 0);
  return plan;
}

std::string BatchOf(const Flags& flags) {
  return RecordBatchOfSize(flags.Integer<size_t>("batch-bytes", 65536), flags.Integer("record-bytes", 100),
                           WallMs());
}

int Produce(const Flags& flags, const std::string& mode) {
  Plan plan = PlanOf(flags);
  const auto acks = flags.Integer<int16_t>("acks", 1);
  plan.answered = acks != 0;
  const std::string batch =
      mode == "single" ? RecordBatch(1, flags.Integer("record-bytes", 100), WallMs()) : BatchOf(flags);
  ProduceLoad load(flags.Text("topic"), flags.Integer("partitions", 8), acks, batch, plan.connections);
  if (flags.Integer("spread", 0) != 0) load.Spread();
  PrintJson(mode, plan, Drive(plan, load));
  return 0;
}

int Fetch(const Flags& flags) {
  const Plan plan = PlanOf(flags);
  FetchLoad load(flags.Text("topic"), flags.Integer("partitions", 8), flags.Integer("max-bytes", 1 << 20),
                 plan.connections);
  PrintJson("fetch", plan, Drive(plan, load));
  return 0;
}

int Topics(const Flags& flags) {
  Plan plan = PlanOf(flags);
  plan.connections = 1;
  plan.warmup_s = 0;
  CreateTopicsLoad load(flags.Text("prefix"), flags.Integer("partitions", 8));
  PrintJson("topics", plan, Drive(plan, load));
  return 0;
}

int Create(const Flags& flags) {
  const std::string topic = flags.Text("topic");
  const int partitions = flags.Integer("partitions", 8);
  const int fd = Connect(flags.Integer("port", 0));
  if (fd < 0) Die("nobody listens");
  const int64_t start = MonotonicNs();
  if (const int16_t error = CreateTopicError(Call(fd, CreateTopicRequest(topic, partitions).bytes));
      error != 0)
    Die(fmt::format("CreateTopics is answered with error {}", error));
  while (true) {
    const MetadataAnswer answer = ParseMetadata(Call(fd, MetadataRequest(topic).bytes));
    if (answer.error == 0 && answer.partitions == static_cast<size_t>(partitions) && answer.leaderless == 0)
      break;
    if (MonotonicNs() - start > 120'000'000'000)
      Die(fmt::format("topic {} isn't whole: error {}, {} partitions, {} without a leader", topic,
                      answer.error, answer.partitions, answer.leaderless));
    poll(nullptr, 0, 20);
  }
  fmt::print("{{\"mode\": \"create\", \"ms\": {:.3f}}}\n", static_cast<double>(MonotonicNs() - start) * 1e-6);
  return 0;
}

int Led(const Flags& flags) {
  const int fd = Connect(flags.Integer("port", 0));
  if (fd < 0) Die("nobody listens");
  const auto partitions = flags.Integer<size_t>("partitions", 8);
  const int32_t gone = flags.Integer("without", -1);
  const int64_t start = MonotonicNs();
  for (int topic = 0; topic < flags.Integer("topics", 1);) {
    const std::string name = fmt::format("{}{}", flags.Text("prefix"), topic);
    const MetadataAnswer answer = ParseMetadata(Call(fd, MetadataRequest(name).bytes), gone);
    if (answer.error == 0 && answer.partitions == partitions && answer.leaderless == 0) {
      ++topic;
      continue;
    }
    if (MonotonicNs() - start > 300'000'000'000)
      Die(fmt::format("topic {}: error {}, {} partitions, {} without a leader", name, answer.error,
                      answer.partitions, answer.leaderless));
    poll(nullptr, 0, 10);
  }
  fmt::print("{{\"mode\": \"led\", \"monotonic_ns\": {}}}\n", MonotonicNs());
  return 0;
}

int Delete(const Flags& flags) {
  const int fd = Connect(flags.Integer("port", 0));
  if (fd < 0) Die("nobody listens");
  if (const int16_t error = DeleteTopicError(Call(fd, DeleteTopicRequest(flags.Text("topic")).bytes));
      error != 0)
    Die(fmt::format("DeleteTopics is answered with error {}", error));
  return 0;
}

// Whether a new connection's first request is served. A connection that breaks means «not yet».
bool Served(int fd, const std::string& topic, const std::string& request) {
  const std::string frame = Call(fd, request);
  if (!topic.empty()) return ProduceError(frame) == 0;
  const MetadataAnswer answer = ParseMetadata(frame);
  return answer.error == 0 && answer.brokers > 0;
}

int First(const Flags& flags) {
  const int port = flags.Integer("port", 0);
  const std::string topic = flags.Text("topic");
  const std::string request =
      topic.empty()
          ? MetadataRequest("").bytes
          : ProduceRequest(topic, flags.Integer("partition", 0), 1, RecordBatch(1, 100, WallMs())).bytes;
  fmt::print("ready\n");
  std::fflush(stdout);
  const int64_t start = MonotonicNs();
  while (true) {
    const int fd = Connect(port);
    if (fd >= 0 && Served(fd, topic, request)) break;
    if (fd >= 0) close(fd);
    if (MonotonicNs() - start > 300'000'000'000) Die("no request served in 300 s");
    poll(nullptr, 0, 1);
  }
  fmt::print("{{\"mode\": \"first\", \"monotonic_ns\": {}}}\n", MonotonicNs());
  return 0;
}

int Main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const Flags flags(argc, argv);
  if (mode == "produce" || mode == "single") return Produce(flags, mode);
  if (mode == "fetch") return Fetch(flags);
  if (mode == "topics") return Topics(flags);
  if (mode == "create") return Create(flags);
  if (mode == "delete") return Delete(flags);
  if (mode == "first") return First(flags);
  if (mode == "led") return Led(flags);
  if (mode == "bare") ServeBare(flags.Text("directory", "."), BatchOf(flags));
  Die(kUsage);
}

}  // namespace
}  // namespace dohle::bench

int main(int argc, char** argv) { return dohle::bench::Main(argc, argv); }
