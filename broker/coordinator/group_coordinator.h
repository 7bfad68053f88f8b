// The group coordinator of a broker: drives the shards (group_shard.h) of those partitions of
// __consumer_offsets that the broker leads. Answers as Apache Kafka 4.3.1's GroupCoordinatorService does for
// the classic protocol.
//
// Each shard lives in a lane. Requests of all shards run concurrently; a member that waits for others
// (JoinGroup, SyncGroup) waits outside of the lane. Appends of one shard follow each other: what is decided
// while one is under way goes into the next batch.
//
// Any thread, on an executor; never from inside a lane. Requests (and the buffers that they borrow from) must
// live until their task returns; responses own what they carry. Whatever happens, a response is returned:
// errors are in it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/coordinator/group_config.h"
#include "broker/coordinator/group_offsets.h"
#include "broker/coordinator/group_shard.h"
#include "broker/coordinator/partition_log.h"
#include "lib/base/ids.h"
#include "lib/env/blocking_pool.h"
#include "lib/env/clock.h"
#include "lib/env/executor.h"
#include "lib/env/random.h"
#include "lib/env/task.h"
#include "lib/kafka/messages/delete_groups_request.h"
#include "lib/kafka/messages/describe_groups_request.h"

namespace dohle::coordinator {

class ShardDriver;

struct RequestOrigin {
  std::string_view client_id;    // empty if the request has none
  std::string_view client_host;  // "/127.0.0.1": the address as Java prints it
};

// Whether topics may be read (or described) by whoever asks. Empty: all of them.
using TopicFilter = std::function<bool(std::string_view topic)>;

class GroupCoordinator {
 public:
  struct Parts {
    env::Clock& clock;
    env::Random& random;
    env::BlockingPool& blocking_pool;  // where partitions are replayed
    PartitionLog& log;
    const TopicLookup& topics;
    std::vector<env::Executor*> executors;  // timers of shard i run on executors[i % size]; at least one
  };
  GroupCoordinator(const GroupConfig& config, Parts parts);
  // No task of it may be under way. Shards that are led are left as they are: resign first.
  ~GroupCoordinator();

  // Leadership, in the order of the metadata log. Return at once: loading goes on by itself, and until it is
  // done requests are answered with COORDINATOR_LOAD_IN_PROGRESS. Resigning answers all who wait with
  // NOT_COORDINATOR.
  void OnElected(PartitionIndex partition, LeaderEpoch leader_epoch);
  void OnResigned(PartitionIndex partition, LeaderEpoch leader_epoch);
  // Topics are gone from the metadata: their offsets go too.
  void OnTopicsDeleted(std::vector<DeletedTopic> topics);
  // A transaction's marker is committed in this partition of __consumer_offsets.
  env::Task<void> OnTransactionEnded(PartitionIndex partition, ProducerId producer, bool commit);

  // Which partition keeps a group: FindCoordinator answers with its leader.
  PartitionIndex PartitionFor(std::string_view group_id) const;

  // Authorisation of groups is the caller's; that of topics is asked for by `may_read`.
  env::Task<kafka::JoinGroupResponse> JoinGroup(RequestOrigin origin, const kafka::JoinGroupRequest& request,
                                                int16_t version);
  env::Task<kafka::SyncGroupResponse> SyncGroup(const kafka::SyncGroupRequest& request, int16_t version);
  env::Task<kafka::HeartbeatResponse> Heartbeat(const kafka::HeartbeatRequest& request, int16_t version);
  env::Task<kafka::LeaveGroupResponse> LeaveGroup(const kafka::LeaveGroupRequest& request, int16_t version);
  env::Task<kafka::OffsetCommitResponse> OffsetCommit(const kafka::OffsetCommitRequest& request,
                                                      int16_t version, TopicFilter may_read);
  // `may_describe_group`: groups that it refuses are answered with GROUP_AUTHORIZATION_FAILED.
  env::Task<kafka::OffsetFetchResponse> OffsetFetch(const kafka::OffsetFetchRequest& request, int16_t version,
                                                    TopicFilter may_describe_group, TopicFilter may_describe);
  env::Task<kafka::OffsetDeleteResponse> OffsetDelete(const kafka::OffsetDeleteRequest& request,
                                                      TopicFilter may_read);
  // Without authorized_operations, which the caller fills in. Answers in no order.
  env::Task<kafka::DescribeGroupsResponse> DescribeGroups(std::vector<std::string_view> group_ids,
                                                          int16_t version);
  env::Task<kafka::ListGroupsResponse> ListGroups(const kafka::ListGroupsRequest& request);
  env::Task<kafka::DeleteGroupsResponse> DeleteGroups(std::vector<std::string_view> group_ids);

  // For metrics: shows every group of every shard that is loaded, also empty ones. Enters each lane for some
  // groups at a time, so that nobody waits long; the visitor runs inside and must only take notes.
  using GroupVisitor = std::function<void(PartitionIndex partition, const GroupView& group)>;
  env::Task<void> VisitGroups(GroupVisitor visitor);

  const GroupConfig& config() const { return config_; }

 private:
  ShardDriver& ShardFor(std::string_view group_id);
  env::Task<FetchedGroup> FetchGroup(FetchGroupRequest request, int16_t version, bool require_stable,
                                     const TopicFilter* may_describe);

  const GroupConfig config_;
  Parts parts_;
  std::vector<std::shared_ptr<ShardDriver>> shards_;  // by partition
};

}  // namespace dohle::coordinator
