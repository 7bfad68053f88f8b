#include "broker/coordinator/group_coordinator.h"

#include <algorithm>
#include <map>
#include <utility>

#include "broker/coordinator/group_partition.h"
#include "broker/coordinator/shard_driver.h"
#include "lib/base/check.h"

namespace dohle::coordinator {
namespace {

using kafka::ErrorCode;

constexpr size_t kGroupsAVisit = 64;  // that are shown before the lane is left for others

// The response within an answer; `otherwise` with the error if there is none.
template <typename R>
R Unwrap(ShardDriver::Answer answer, R otherwise) {
  if (answer.error != ErrorCode::kNone) {
    Response failed = std::move(otherwise);
    MakeError(failed, answer.error);
    return std::get<R>(std::move(failed));
  }
  return std::get<R>(*std::move(answer.response));
}

}  // namespace

GroupCoordinator::GroupCoordinator(const GroupConfig& config, Parts parts)
    : config_(config), parts_(std::move(parts)) {
  DOHLE_CHECK(!parts_.executors.empty() && config_.offsets_topic_num_partitions > 0);
  for (int32_t i = 0; i < config_.offsets_topic_num_partitions; ++i) {
    env::Executor& executor = *parts_.executors[static_cast<size_t>(i) % parts_.executors.size()];
    ShardDriver::Parts shard_parts{parts_.clock, parts_.random, parts_.blocking_pool, parts_.log, executor};
    shards_.push_back(std::make_shared<ShardDriver>(PartitionIndex(i), config_, shard_parts));
  }
}

GroupCoordinator::~GroupCoordinator() {
  for (const auto& shard : shards_) shard->Stop();
}

void GroupCoordinator::OnElected(PartitionIndex partition, LeaderEpoch leader_epoch) {
  const auto index = static_cast<size_t>(partition.value());
  if (index < shards_.size()) shards_[index]->Elect(leader_epoch);
}

void GroupCoordinator::OnResigned(PartitionIndex partition, LeaderEpoch leader_epoch) {
  const auto index = static_cast<size_t>(partition.value());
  if (index < shards_.size()) shards_[index]->Resign(leader_epoch);
}

namespace {

env::Task<void> DeleteTopics(std::shared_ptr<ShardDriver> shard,
                             std::shared_ptr<const std::vector<DeletedTopic>> topics) {
  ShardDriver::Operation operation = [topics](GroupShard& groups, RequestId, Instant now) {
    return groups.OnTopicsDeleted(*topics, now);
  };
  co_await shard->Tell(std::move(operation));
}

}  // namespace

void GroupCoordinator::OnTopicsDeleted(std::vector<DeletedTopic> topics) {
  const auto shared = std::make_shared<const std::vector<DeletedTopic>>(std::move(topics));
  for (size_t i = 0; i < shards_.size(); ++i) {
    env::Spawn(*parts_.executors[i % parts_.executors.size()], DeleteTopics(shards_[i], shared));
  }
}

env::Task<void> GroupCoordinator::OnTransactionEnded(PartitionIndex partition, ProducerId producer,
                                                     bool commit) {
  const auto index = static_cast<size_t>(partition.value());
  if (index >= shards_.size()) co_return;
  ShardDriver::Operation operation = [producer, commit](GroupShard& groups, RequestId, Instant) {
    groups.EndTransaction(producer, commit);
    return Effects();
  };
  co_await shards_[index]->Tell(std::move(operation));
}

PartitionIndex GroupCoordinator::PartitionFor(std::string_view group_id) const {
  return PartitionForGroup(group_id, config_.offsets_topic_num_partitions);
}

ShardDriver& GroupCoordinator::ShardFor(std::string_view group_id) {
  return *shards_[static_cast<size_t>(PartitionFor(group_id).value())];
}

env::Task<kafka::JoinGroupResponse> GroupCoordinator::JoinGroup(RequestOrigin origin,
                                                                const kafka::JoinGroupRequest& request,
                                                                int16_t version) {
  if (request.group_id.empty()) co_return JoinError(request.member_id, ErrorCode::kInvalidGroupId);
  if (request.session_timeout_ms < config_.group_min_session_timeout_ms ||
      request.session_timeout_ms > config_.group_max_session_timeout_ms) {
    co_return JoinError(request.member_id, ErrorCode::kInvalidSessionTimeout);
  }
  ShardDriver::Operation operation = [&origin, &request, version](GroupShard& shard, RequestId id,
                                                                  Instant now) {
    return shard.Join({id, version, origin.client_id, origin.client_host}, request, now);
  };
  ShardDriver::Answer answer = co_await ShardFor(request.group_id).Ask(std::move(operation));
  co_return Unwrap(std::move(answer), kafka::JoinGroupResponse());
}

env::Task<kafka::SyncGroupResponse> GroupCoordinator::SyncGroup(const kafka::SyncGroupRequest& request,
                                                                int16_t version) {
  // KIP-559: from version 5 on a member says what it takes its group for.
  if (version >= 5 && (!request.protocol_type || !request.protocol_name)) {
    co_return SyncError(ErrorCode::kInconsistentGroupProtocol);
  }
  if (request.group_id.empty()) co_return SyncError(ErrorCode::kInvalidGroupId);
  ShardDriver::Operation operation = [&request, version](GroupShard& shard, RequestId id, Instant now) {
    return shard.Sync({id, version, {}, {}}, request, now);
  };
  ShardDriver::Answer answer = co_await ShardFor(request.group_id).Ask(std::move(operation));
  co_return Unwrap(std::move(answer), kafka::SyncGroupResponse());
}

env::Task<kafka::HeartbeatResponse> GroupCoordinator::Heartbeat(const kafka::HeartbeatRequest& request,
                                                                int16_t version) {
  kafka::HeartbeatResponse response;
  if (request.group_id.empty()) {
    response.error_code = Code(ErrorCode::kInvalidGroupId);
    co_return response;
  }
  ShardDriver::Operation operation = [&request, version](GroupShard& shard, RequestId id, Instant now) {
    return shard.Heartbeat({id, version, {}, {}}, request, now);
  };
  ShardDriver::Answer answer = co_await ShardFor(request.group_id).Ask(std::move(operation));
  // While loading nobody's session runs.
  if (answer.error == ErrorCode::kCoordinatorLoadInProgress) co_return response;
  co_return Unwrap(std::move(answer), response);
}

env::Task<kafka::LeaveGroupResponse> GroupCoordinator::LeaveGroup(const kafka::LeaveGroupRequest& request,
                                                                  int16_t version) {
  kafka::LeaveGroupResponse response;
  if (request.group_id.empty()) {
    response.error_code = Code(ErrorCode::kInvalidGroupId);
    co_return response;
  }
  // Before version 3 a member could only leave by itself.
  kafka::LeaveGroupRequest of_one;
  if (version < 3) {
    of_one.group_id = request.group_id;
    of_one.members.emplace_back().member_id = request.member_id;
  }
  const kafka::LeaveGroupRequest& normalized = version < 3 ? of_one : request;
  ShardDriver::Operation operation = [&normalized, version](GroupShard& shard, RequestId id, Instant now) {
    return shard.Leave({id, version, {}, {}}, normalized, now);
  };
  ShardDriver::Answer answer = co_await ShardFor(request.group_id).Ask(std::move(operation));
  response = Unwrap(std::move(answer), kafka::LeaveGroupResponse());
  if (version < 3 && response.error_code == 0 && !response.members.empty()) {
    response.error_code = response.members.front().error_code;
    response.members.clear();
  }
  co_return response;
}

env::Task<kafka::DescribeGroupsResponse> GroupCoordinator::DescribeGroups(
    std::vector<std::string_view> group_ids, int16_t version) {
  kafka::DescribeGroupsResponse response;
  std::map<PartitionIndex, std::vector<std::string_view>> by_partition;
  for (const std::string_view id : group_ids) by_partition[PartitionFor(id)].push_back(id);
  for (const auto& [partition, ids] : by_partition) {
    absl::AnyInvocable<void(const GroupShard&)> look = [&response, &asked = ids,
                                                        version](const GroupShard& shard) {
      for (const std::string_view id : asked) response.groups.push_back(shard.Describe(id, version));
    };
    const ErrorCode error = co_await shards_[static_cast<size_t>(partition.value())]->Look(std::move(look));
    if (error == ErrorCode::kNone) continue;
    for (const std::string_view id : ids) {
      auto& described = response.groups.emplace_back();
      described.group_id = Own(id);
      described.error_code = Code(error);
    }
  }
  co_return response;
}

env::Task<kafka::ListGroupsResponse> GroupCoordinator::ListGroups(const kafka::ListGroupsRequest& request) {
  kafka::ListGroupsResponse response;
  for (const auto& shard : shards_) {
    absl::AnyInvocable<void(const GroupShard&)> look = [&response, &request](const GroupShard& groups) {
      groups.List(request, &response.groups);
    };
    const ErrorCode error = co_await shard->Look(std::move(look));
    if (error == ErrorCode::kNone || error == ErrorCode::kNotCoordinator) continue;
    response.groups.clear();
    response.error_code = Code(error);
    co_return response;
  }
  co_return response;
}

env::Task<kafka::DeleteGroupsResponse> GroupCoordinator::DeleteGroups(
    std::vector<std::string_view> group_ids) {
  kafka::DeleteGroupsResponse response;
  std::map<PartitionIndex, std::vector<std::string_view>> by_partition;
  for (const std::string_view id : group_ids) {
    std::vector<std::string_view>& ids = by_partition[PartitionFor(id)];
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  for (const auto& [partition, ids] : by_partition) {
    ShardDriver::Operation operation = [&asked = ids](GroupShard& shard, RequestId id, Instant now) {
      return shard.DeleteGroups({id, 0, {}, {}}, asked, now);
    };
    ShardDriver::Answer answer =
        co_await shards_[static_cast<size_t>(partition.value())]->Ask(std::move(operation));
    kafka::DeleteGroupsResponse failed;
    for (const std::string_view id : ids) failed.results.emplace_back().group_id = Own(id);
    kafka::DeleteGroupsResponse part = Unwrap(std::move(answer), std::move(failed));
    std::move(part.results.begin(), part.results.end(), std::back_inserter(response.results));
  }
  co_return response;
}

env::Task<void> GroupCoordinator::VisitGroups(GroupVisitor visitor) {
  for (const auto& shard : shards_) {
    std::vector<std::string> ids;
    absl::AnyInvocable<void(const GroupShard&)> list = [&ids](const GroupShard& groups) {
      ids = groups.GroupIds();
    };
    if (co_await shard->Look(std::move(list)) != ErrorCode::kNone) continue;
    for (size_t from = 0; from < ids.size(); from += kGroupsAVisit) {
      const size_t to = std::min(from + kGroupsAVisit, ids.size());
      absl::AnyInvocable<void(const GroupShard&)> visit = [&ids, &visitor, &shard = shard, from,
                                                           to](const GroupShard& groups) {
        for (size_t i = from; i < to; ++i) {
          groups.Visit(ids[i],
                       [&visitor, &shard](const GroupView& view) { visitor(shard->partition(), view); });
        }
      };
      if (co_await shard->Look(std::move(visit)) != ErrorCode::kNone) break;
    }
  }
}

}  // namespace dohle::coordinator
