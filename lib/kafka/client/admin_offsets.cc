#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lib/kafka/client/admin.h"
#include "lib/kafka/client/kafka_status.h"
#include "lib/kafka/messages/describe_log_dirs_request.h"
#include "lib/kafka/messages/describe_log_dirs_response.h"
#include "lib/kafka/messages/list_offsets_request.h"
#include "lib/kafka/messages/list_offsets_response.h"

namespace dohle::kafka::client {
namespace {

constexpr int64_t kLatest = -1;  // ListOffsetsRequest.LATEST_TIMESTAMP
constexpr size_t kPartitionsOfRequest = 10'000;
constexpr int32_t kTimeoutMs = 20'000;

using Key = std::pair<std::string_view, int32_t>;

ListOffsetsRequest LatestRequest(const std::vector<LeaderOfPartition>& partitions,
                                 const std::vector<size_t>& places, Slice slice) {
  ListOffsetsRequest request;
  request.replica_id = -1;
  request.timeout_ms = kTimeoutMs;
  std::map<std::string_view, size_t> topics;
  for (size_t i = slice.begin; i < slice.end; ++i) {
    const LeaderOfPartition& wanted = partitions[places[i]];
    const auto [it, added] = topics.emplace(wanted.topic, request.topics.size());
    if (added) request.topics.emplace_back().name = wanted.topic;
    auto& partition = request.topics[it->second].partitions.emplace_back();
    partition.partition_index = wanted.partition;
    partition.timestamp = kLatest;
  }
  return request;
}

LogDirDescription Describe(NodeId broker, const DescribeLogDirsResponse::DescribeLogDirsResult& result) {
  LogDirDescription dir;
  dir.broker = broker;
  dir.path = std::string(result.log_dir);
  dir.status = StatusFromKafka(result.error_code);
  dir.total_bytes = result.total_bytes;
  dir.usable_bytes = result.usable_bytes;
  dir.cordoned = result.is_cordoned;
  for (const auto& topic : result.topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.is_future_key) continue;
      dir.replicas.push_back({std::string(topic.name), partition.partition_index, partition.partition_size});
    }
  }
  return dir;
}

}  // namespace

env::Task<std::vector<StatusOr<int64_t>>> Admin::LatestOffsets(std::vector<LeaderOfPartition> partitions) {
  std::vector<StatusOr<int64_t>> results(partitions.size(),
                                         MakeStatus(StatusCode::kUnavailable, "it has no leader"));
  std::map<NodeId, std::vector<size_t>> by_leader;
  for (size_t i = 0; i < partitions.size(); ++i) {
    if (partitions[i].leader != kNoNode) by_leader[partitions[i].leader].push_back(i);
  }
  for (const auto& [leader, places] : by_leader) {
    for (const Slice slice : CutByCount(places.size(), kPartitionsOfRequest)) {
      ListOffsetsRequest request = LatestRequest(partitions, places, slice);
      auto answer = co_await client_.Call<ListOffsetsResponse>(Route::Broker(leader), std::move(request),
                                                               ListOffsetsRequest::kVersions);
      absl::flat_hash_map<Key, size_t> asked;
      for (size_t i = slice.begin; i < slice.end; ++i) {
        const LeaderOfPartition& wanted = partitions[places[i]];
        asked[Key(wanted.topic, wanted.partition)] = places[i];
        if (!answer.ok()) results[places[i]] = answer.status();
      }
      if (!answer.ok()) continue;
      for (const auto& topic : answer->message.topics) {
        for (const auto& partition : topic.partitions) {
          const auto place = asked.find(Key(topic.name.view(), partition.partition_index));
          if (place == asked.end()) continue;
          const Status status = StatusFromKafka(partition.error_code);
          results[place->second] = status.ok() ? StatusOr<int64_t>(partition.offset) : status;
        }
      }
    }
  }
  co_return results;
}

env::Task<LogDirs> Admin::DescribeLogDirs() {
  LogDirs log_dirs;
  StatusOr<ClusterView> view = co_await client_.View();
  if (!view.ok()) {
    log_dirs.status = view.status();
    co_return log_dirs;
  }
  for (const BrokerAddress& broker : view->brokers) {
    DescribeLogDirsRequest request;
    request.topics.reset();  // all of them
    auto answer = co_await client_.Call<DescribeLogDirsResponse>(Route::Broker(broker.id), std::move(request),
                                                                 DescribeLogDirsRequest::kVersions);
    const Status status = answer.ok() ? StatusFromKafka(answer->message.error_code) : answer.status();
    if (!status.ok()) {
      if (log_dirs.status.ok()) log_dirs.status = status;
      continue;
    }
    for (const auto& result : answer->message.results) log_dirs.dirs.push_back(Describe(broker.id, result));
  }
  co_return log_dirs;
}

}  // namespace dohle::kafka::client
