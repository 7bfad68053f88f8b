#include "operator/reconcile/topic/lag_collector.h"

#include <utility>

namespace dohle::reconcile {

env::Task<Status> LagCollector::CollectOnce(kafka::client::Admin* admin, int64_t now_ms) {
  // What is committed is asked for before the ends: so no group seems ahead of its partition.
  kafka::client::GroupListings listed = co_await admin->ListGroups();
  Status status = listed.status;
  std::vector<std::string> ids;
  for (const kafka::client::GroupListing& group : listed.groups) ids.push_back(group.id);
  auto committed = co_await admin->FetchOffsets(ids);
  std::vector<GroupOffsets> groups;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (committed[i].ok()) {
      groups.push_back({std::move(ids[i]), std::move(listed.groups[i].state), std::move(*committed[i])});
    } else if (status.ok()) {
      status = committed[i].status();
    }
  }
  StatusOr<std::vector<kafka::client::TopicDescription>> topics = co_await admin->ListTopics();
  if (!topics.ok()) co_return topics.status();
  std::vector<kafka::client::LeaderOfPartition> partitions;
  for (const kafka::client::TopicDescription& topic : *topics) {
    if (topic.internal) continue;
    for (const auto& partition : topic.partitions) {
      partitions.push_back({topic.name, partition.index, partition.leader});
    }
  }
  const std::vector<StatusOr<int64_t>> offsets = co_await admin->LatestOffsets(partitions);
  std::vector<ConsumerLag::End> ends;
  std::vector<std::pair<std::string, int32_t>> unknown;
  for (size_t i = 0; i < partitions.size(); ++i) {
    if (offsets[i].ok()) {
      ends.push_back({std::move(partitions[i].topic), partitions[i].partition, *offsets[i]});
    } else {
      unknown.emplace_back(std::move(partitions[i].topic), partitions[i].partition);
      if (status.ok()) status = offsets[i].status();
    }
  }
  lag_.AddEnds(now_ms, ends, unknown);
  sink_.Publish(cluster_, std::make_shared<const LagSnapshot>(lag_.Measure(now_ms, groups)));
  co_return status;
}

}  // namespace dohle::reconcile
