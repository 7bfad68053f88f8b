// dohle-image-load PARTITIONS PARTITIONS_OF_A_TOPIC: what the image of so many partitions with three replicas
// takes, and how long a node needs to replay it from a snapshot. Prints one line of JSON; tests/bench/run
// drives it.
#include <fmt/core.h>
#include <malloc.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>
#include <string>

#include "broker/metadata/delta.h"
#include "broker/metadata/image_writer.h"
#include "broker/metadata/log_replay.h"
#include "broker/metadata/snapshot.h"
#include "lib/env/posix/posix_env.h"
#include "lib/kafka/messages/feature_level_record.h"
#include "lib/kafka/messages/topic_record.h"

namespace dohle::metadata {
namespace {

constexpr int kBrokers = 30;
constexpr int16_t kLatestMetadataVersion = 29;

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void Fail(const Status& status) {
  fmt::print(stderr, "{}\n", Message(status));
  std::exit(1);
}

ImagePtr ImageOf(int partitions, int of_a_topic) {
  MetadataDelta delta(std::make_shared<const MetadataImage>());
  const auto replay = [&delta](const VersionedRecord& record) {
    if (const Status status = delta.Replay(record); !status.ok()) Fail(status);
  };
  kafka::FeatureLevelRecord level;
  level.name = kMetadataVersion;
  level.feature_level = kLatestMetadataVersion;
  replay({level, 0});
  std::mt19937_64 random(1);
  TopicId topic;
  for (int i = 0; i < partitions; ++i) {
    if (i % of_a_topic == 0) {
      const uint64_t high = random();
      topic = TopicId(high, random());
      kafka::TopicRecord record;
      const std::string name = fmt::format("a-topic-of-many-{}", i / of_a_topic);
      record.name = name;
      record.topic_id = topic;
      replay({record, 0});
    }
    PartitionRegistration partition;
    for (int replica = 0; replica < 3; ++replica) {
      const int broker = (i + replica * (1 + i / kBrokers % 7)) % kBrokers;
      partition.replicas.push_back(NodeId(broker));
      partition.directories.push_back(DirectoryId(7, static_cast<uint64_t>(broker)));
    }
    partition.isr = partition.replicas;
    partition.leader = partition.replicas.front();
    replay(ToRecord(topic, PartitionIndex(i % of_a_topic), partition, kLatestMetadataVersion));
  }
  return delta.Take({Offset(partitions), LeaderEpoch(1), 0}).after;
}

int Main(int argc, char** argv) {
  const int partitions = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
  const int of_a_topic = argc > 2 ? std::atoi(argv[2]) : 100;
  if (partitions <= 0 || of_a_topic <= 0)
    Fail(MakeStatus(StatusCode::kInvalidArgument, "two positive numbers"));
  env::PosixEnv posix({.event_loops = 1, .io_threads = 1, .own_process = false});
  env::FileSystem& files = posix.env().file_system;
  std::string directory = std::filesystem::temp_directory_path() / "dohle-image.XXXXXX";
  if (mkdtemp(directory.data()) == nullptr)
    Fail(MakeStatus(StatusCode::kUnavailable, "no directory {}", directory));
  const raft::OffsetAndEpoch id{Offset(partitions + 1), LeaderEpoch(1)};
  double began = Seconds();
  {
    const ImagePtr image = ImageOf(partitions, of_a_topic);
    if (const Status status = WriteSnapshot(files, directory, id, *image, {}, 0); !status.ok()) Fail(status);
  }
  const double written_s = Seconds() - began;
  malloc_trim(0);
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  began = Seconds();
  const double cpu_before = CpuSeconds();
  LogReplay replay(std::make_shared<const MetadataImage>());
  replay.MarkEverything();
  auto stored = ListSnapshots(files, directory);
  if (!stored.ok() || stored->size() != 1) Fail(MakeStatus(StatusCode::kDataLoss, "no snapshot"));
  if (const Status status = ReadSnapshot(files, stored->front(), &replay); !status.ok()) Fail(status);
  const ImagePtr image = replay.Take().after;
  const double replay_s = Seconds() - began;
  const double replay_cpu_s = CpuSeconds() - cpu_before;
  const size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
  std::filesystem::remove_all(directory);
  fmt::print(
      "{{\"partitions\": {}, \"bytes_per_partition\": {:.1f}, \"replay_s\": {:.3f}, "
      "\"replay_cpu_s\": {:.3f}, \"write_s\": {:.3f}, "
      "\"snapshot_bytes\": {}, \"registration_bytes\": {}}}\n",
      partitions, static_cast<double>(after - before) / partitions, replay_s, replay_cpu_s, written_s,
      stored->front().size_bytes, sizeof(PartitionRegistration));
  return 0;
}

}  // namespace
}  // namespace dohle::metadata

int main(int argc, char** argv) { return dohle::metadata::Main(argc, argv); }
