#include "tests/sim/quorum.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/escaping.h"
#include "broker/metadata/snapshot.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch.h"
#include "tests/sim/replicas.h"

namespace dohle::sim {
namespace {

constexpr std::string_view kDirectory = "/data/__cluster_metadata-0";

// What a snapshot says, sorted: neither when it was written nor the order of records of one kind counts.
std::vector<std::string> RecordsOf(std::string_view snapshot) {
  constexpr size_t kMostBytes = 64 << 20;
  std::vector<std::string> records;
  kafka::BatchCursor cursor(snapshot);
  while (const auto batch = cursor.Next()) {
    if (batch->is_control()) continue;
    auto reader = kafka::RecordReader::Open(*batch, kMostBytes);
    kafka::Record record;
    while (reader.ok() && reader->Next(&record)) records.emplace_back(record.value.value_or(""));
  }
  std::sort(records.begin(), records.end());
  return records;
}

// A record that only one of them has.
std::string Odd(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::string> odd;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(odd));
  return odd.empty() ? "" : absl::CHexEscape(odd.front());
}

}  // namespace

void LeadersSeen::Look(Cluster& cluster) {
  for (size_t i = 0; i < cluster.size(); ++i) {
    if (!cluster.running(i)) continue;
    // A disk that fails tells nothing this time.
    const auto content =
        cluster.node(i).env().file_system.ReadWhole(env::JoinPath(std::string(kDirectory), "quorum-state"));
    if (!content.ok()) continue;
    const std::string name = cluster.disks_lost(i) == 0
                                 ? cluster.host(i)
                                 : fmt::format("{}#{}", cluster.host(i), cluster.disks_lost(i));
    std::string& last = contents_[name];
    if (last == *content) continue;
    last = *content;
    const auto state = raft::ParseQuorumState(*content);
    if (state.ok()) Note(name, *state);
  }
}

void LeadersSeen::Note(const std::string& host, const raft::ElectionState& seen) {
  LeaderEpoch& newest = epochs_[host];
  if (seen.epoch < newest) {
    violations_.push_back(fmt::format("{} is in metadata epoch {} and was in {} before", host,
                                      seen.epoch.value(), newest.value()));
  }
  newest = std::max(newest, seen.epoch);
  if (seen.leader_id == kNoNode) return;
  const auto [known, fresh] = leaders_.try_emplace(seen.epoch, Leader{seen.leader_id, host});
  if (known->second.id == seen.leader_id) return;
  violations_.push_back(fmt::format("metadata epoch {} is led by node {} says {}, by node {} says {}",
                                    seen.epoch.value(), known->second.id.value(), known->second.seen_at,
                                    seen.leader_id.value(), host));
}

std::vector<NodeSnapshots> ReadSnapshots(Cluster& cluster) {
  std::vector<NodeSnapshots> nodes;
  for (const ReplicaLog& log : ReadReplicas(cluster, {"__cluster_metadata", PartitionIndex(0)})) {
    NodeSnapshots node;
    node.host = log.host;
    if (!log.batches.empty()) node.log_start_offset = log.batches.begin()->first;
    for (size_t i = 0; i < cluster.size(); ++i) {
      if (cluster.host(i) != log.host) continue;
      env::FileSystem& file_system = cluster.node(i).env().file_system;
      const auto snapshots = metadata::ListSnapshots(file_system, std::string(kDirectory));
      if (!snapshots.ok()) continue;
      for (const metadata::SnapshotFile& file : *snapshots) {
        const auto bytes = file_system.ReadWhole(file.path);
        if (bytes.ok()) node.files[file.path.substr(kDirectory.size() + 1)] = RecordsOf(*bytes);
      }
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

std::string Difference(const std::vector<NodeSnapshots>& nodes) {
  std::map<std::string, std::pair<std::string, const std::vector<std::string>*>>
      known;  // name -> who has it, and what
  for (const NodeSnapshots& node : nodes) {
    bool reaches = node.log_start_offset == 0;
    for (const auto& [name, records] : node.files) {
      const auto id = metadata::ParseSnapshotFileName(name);
      reaches |= id && id->offset.value() >= node.log_start_offset;
      const auto [other, fresh] = known.try_emplace(name, std::pair(node.host, &records));
      if (*other->second.second == records) continue;
      return fmt::format("snapshot {} of {} isn't that of {}: {}", name, node.host, other->second.first,
                         Odd(records, *other->second.second));
    }
    if (!reaches) {
      return fmt::format("the metadata log of {} begins at {}, no snapshot reaches so far", node.host,
                         node.log_start_offset);
    }
  }
  return "";
}

}  // namespace dohle::sim
