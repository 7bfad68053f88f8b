// GroupShard: all groups of one partition of __consumer_offsets, as a pure state machine. Operations and
// timers go in; records to append and answers come out (Effects). Not thread-safe; the driver
// (GroupCoordinator) keeps it in a lane, appends the records and tells how that went:
//
//   Effects effects = shard.Join(call, request, now);
//   … append effects.writes in order, then shard.OnWritten(position of the last, its base offset, now) …
//
// An operation's state counts from when it is decided; answers that depend on records wait until those are
// committed; a failed write takes the state back, with everything that was decided on it (after Kafka's
// CoordinatorRuntime). Every Call gets one answer or none; an answer to an id that nobody waits for is to be
// ignored.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/coordinator/group_offsets.h"
#include "broker/coordinator/membership.h"
#include "broker/coordinator/shard_core.h"
#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/kafka/messages/describe_groups_response.h"
#include "lib/kafka/messages/list_groups_request.h"
#include "lib/kafka/messages/list_groups_response.h"

namespace dohle::coordinator {

// What metrics and tools see of a group; borrowed, valid during the visit.
struct GroupView {
  struct Offset {
    std::string_view topic;
    int32_t partition;
    const CommittedOffset* committed;
  };
  const Group& group;
  std::vector<Offset> offsets;
};

class GroupShard {
 public:
  // Both outlive the shard.
  GroupShard(const GroupConfig& config, env::Random& random);

  // Loading: every record of the partition, in order, before anything else; then OnLoaded once. Replay fails
  // only for records that can't be read; unknown record types are skipped, as they may be of a newer version.
  void StartLoading(Instant now);
  Status Replay(Offset offset, ProducerId producer, std::string_view key,
                std::optional<std::string_view> value);
  Effects OnLoaded(Instant now);
  // The shard's partition has another leader now: answers all who wait. The shard is of no use afterwards.
  Effects OnUnloaded();

  Effects Join(const Call& call, const kafka::JoinGroupRequest& request, Instant now);
  Effects Sync(const Call& call, const kafka::SyncGroupRequest& request, Instant now);
  Effects Heartbeat(const Call& call, const kafka::HeartbeatRequest& request, Instant now);
  // `members` is filled whatever the version.
  Effects Leave(const Call& call, const kafka::LeaveGroupRequest& request, Instant now);
  // Topics carry name and id both, whatever the version.
  Effects Commit(const Call& call, const kafka::OffsetCommitRequest& request, Instant now);
  Effects Fetch(const Call& call, const FetchGroupRequest& request, bool require_stable, Instant now);
  Effects Delete(const Call& call, const kafka::OffsetDeleteRequest& request, Instant now);
  Effects DeleteGroups(const Call& call, const std::vector<std::string_view>& group_ids, Instant now);
  Effects OnTopicsDeleted(const std::vector<DeletedTopic>& topics, Instant now);
  Effects Expire(Instant now);  // also done by itself every offsets.retention.check.interval.ms

  // Of what is committed.
  kafka::DescribeGroupsResponse::DescribedGroup Describe(std::string_view group_id, int16_t version) const;
  void List(const kafka::ListGroupsRequest& request,
            std::vector<kafka::ListGroupsResponse::ListedGroup>* groups) const;

  // A transaction's marker has been written to the partition, or is replayed.
  void EndTransaction(ProducerId producer, bool commit) { core_.offsets.EndTransaction(producer, commit); }

  // All writes up to `position` are committed; the first record that wasn't yet lies at `base_offset`.
  Effects OnWritten(WritePosition position, Offset base_offset, Instant now);
  // The writes that are not committed failed, all of them.
  Effects OnWriteFailed(kafka::ErrorCode error, Instant now);

  // When Advance is due at the latest.
  env::MonotonicTime NextDeadline() const { return core_.NextDeadline(); }
  Effects Advance(Instant now);

  std::vector<std::string> GroupIds() const;
  // Nothing if there is no such group. Offsets of topics and partitions in no order, as committed.
  template <typename Visitor>
  bool Visit(std::string_view group_id, Visitor&& visitor) const {
    const Group* group = core_.FindCommittedGroup(group_id);
    if (group == nullptr) return false;
    visitor(GroupView{*group, ViewOffsets(group_id)});
    return true;
  }
  size_t group_count() const { return core_.groups().size(); }
  size_t offset_count() const { return core_.offsets.size(); }
  // For tests: what a replay of the records must bring back, as text. Groups that are between two generations
  // show by their names only.
  std::string DumpDurable() const;

 private:
  std::vector<GroupView::Offset> ViewOffsets(std::string_view group_id) const;
  Status ReplayGroup(std::string_view key, std::optional<std::string_view> value);
  Status ReplayOffset(Offset offset, ProducerId producer, std::string_view key,
                      std::optional<std::string_view> value);
  Status ReplayLegacyOffset(Offset offset, ProducerId producer, std::string_view key,
                            std::optional<std::string_view> value);
  Status ReplayForeign(GroupType type, std::string_view key, bool tombstone);
  struct OffsetPlace {
    std::string_view group;
    std::string_view topic;
    int32_t partition;
  };
  void StoreReplayed(ProducerId producer, const OffsetPlace& place, CommittedOffset offset);
  void ScheduleExpiry();

  ShardCore core_;
  Membership membership_;
  GroupOffsets offsets_;
};

}  // namespace dohle::coordinator
