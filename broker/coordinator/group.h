// A consumer group and its members: the bookkeeping under the rebalance protocol (membership.h), without
// time, records or answers. After Kafka's ClassicGroup.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/coordinator/timer_queue.h"
#include "lib/base/string_map.h"
#include "lib/kafka/error_code.h"

namespace dohle::coordinator {

// Names a request that waits for its answer; given by the driver.
using RequestId = uint64_t;

enum class GroupState : uint8_t { kEmpty, kPreparingRebalance, kCompletingRebalance, kStable, kDead };
// "PreparingRebalance": as DescribeGroups says it.
std::string_view ToString(GroupState state);

// Only classic groups are served. The others come from logs that Apache Kafka wrote; we keep their records'
// keys to be able to delete them.
enum class GroupType : uint8_t { kClassic, kConsumer, kShare, kStreams };
std::string_view ToString(GroupType type);

struct MemberProtocol {
  std::string name;
  std::string metadata;
  friend bool operator==(const MemberProtocol&, const MemberProtocol&) = default;
};

struct Member {
  std::string id;
  std::optional<std::string> instance_id;  // KIP-345: static if there
  std::string client_id;
  std::string client_host;
  int32_t rebalance_timeout_ms = 0;
  int32_t session_timeout_ms = 0;
  std::vector<MemberProtocol> protocols;  // in the member's order of preference
  std::string assignment;

  bool is_new = false;  // has not got its first JoinGroup answer yet
  std::optional<RequestId> awaiting_join;
  std::optional<RequestId> awaiting_sync;
  TimerId heartbeat_timer = kNoTimer;

  // Null if the member doesn't speak `protocol`.
  const std::string* MetadataFor(std::string_view protocol) const;
  // Whoever waits for a join or a sync is alive; a new member is not trusted with that.
  bool HasSatisfiedHeartbeat() const {
    return !is_new && (awaiting_join.has_value() || awaiting_sync.has_value());
  }
};

class Group {
 public:
  Group(std::string id, int64_t now_ms) : id_(std::move(id)), state_timestamp_ms_(now_ms) {}

  const std::string& id() const { return id_; }
  GroupState state() const { return state_; }
  GroupState previous_state() const { return previous_state_; }
  bool Is(GroupState state) const { return state_ == state; }
  int32_t generation() const { return generation_; }
  const std::optional<std::string>& protocol_type() const { return protocol_type_; }
  const std::optional<std::string>& protocol_name() const { return protocol_name_; }
  const std::optional<std::string>& leader() const { return leader_; }
  bool IsLeader(std::string_view member_id) const { return leader_ && *leader_ == member_id; }
  // When the group entered its state; -1: unknown, from an old record.
  int64_t state_timestamp_ms() const { return state_timestamp_ms_; }
  bool UsesConsumerProtocol() const { return protocol_type_ && *protocol_type_ == "consumer"; }
  // Only a place for committed offsets: no protocol, never had members.
  bool IsSimple() const { return !protocol_type_ && Is(GroupState::kEmpty) && pending_joins_.empty(); }

  // What a record says (GroupMetadataValue); members are added by AddMember, then ComputeSubscriptions.
  void Restore(int32_t generation, std::optional<std::string> protocol_type,
               std::optional<std::string> protocol_name, std::optional<std::string> leader,
               int64_t state_timestamp_ms, GroupState state);

  // Members, in the order in which they came.
  std::list<Member>& members() { return members_; }
  const std::list<Member>& members() const { return members_; }
  Member* FindMember(std::string_view id);
  const std::string* StaticMemberId(std::string_view instance_id) const;
  size_t static_member_count() const { return static_members_.size(); }
  // `protocol_type` becomes the group's if it is the first member. Precondition: Supports(...), the id is
  // new.
  Member& AddMember(Member member, std::string_view protocol_type);
  // Returns what was removed; the leadership passes to the next member. Pending members are forgotten too.
  std::optional<Member> RemoveMember(std::string_view id);
  // Gives the static member another id, in its place. Its waits and timer are taken off it: the caller
  // answers them.
  Member& ReplaceStaticMember(std::string_view old_id, std::string new_id);
  void SetProtocols(Member& member, std::vector<MemberProtocol> protocols);
  void AwaitJoin(Member& member, RequestId request);
  // The waiting JoinGroup, which no longer waits.
  std::optional<RequestId> TakeAwaitingJoin(Member& member);
  size_t awaiting_join_count() const { return awaiting_join_count_; }

  // UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID or none.
  kafka::ErrorCode ValidateMember(std::string_view member_id,
                                  std::optional<std::string_view> instance_id) const;

  // Members that were told their id and have yet to come back with it (KIP-394), with their session timers.
  StringMap<TimerId>& pending_joins() { return pending_joins_; }
  const StringMap<TimerId>& pending_joins() const { return pending_joins_; }
  // Members that have yet to send SyncGroup in this generation.
  StringSet& pending_syncs() { return pending_syncs_; }

  bool HasAllMembersJoined() const {
    return members_.size() == awaiting_join_count_ && pending_joins_.empty();
  }
  bool CanRebalance() const;
  int32_t RebalanceTimeoutMs() const;  // the longest of the members
  // Whether one of `protocols` is spoken by all members (any will do while the group is empty).
  bool Supports(std::string_view protocol_type, const std::vector<MemberProtocol>& protocols) const;
  // The protocol that all members speak and most prefer. Precondition: there are members.
  std::string SelectProtocol() const;
  // Keeps the leader if it has rejoined, else takes a member that has; false if there is none.
  bool ElectJoinedLeader();
  void StartNextGeneration(int64_t now_ms);
  void TransitionTo(GroupState state, int64_t now_ms);

  // Topics that the members subscribe to, if they speak the consumer protocol.
  void ComputeSubscriptions();
  const std::optional<std::set<std::string, std::less<>>>& subscribed_topics() const {
    return subscribed_topics_;
  }
  // When we can't know, a group that uses the consumer protocol counts as subscribed.
  bool IsSubscribedTo(std::string_view topic) const;

  bool new_member_added = false;  // while a new group waits for members: extends that wait
  TimerId join_timer = kNoTimer;
  TimerId sync_timer = kNoTimer;

  GroupType type = GroupType::kClassic;
  std::set<std::string> foreign_keys;  // keys of live records of another group type

 private:
  void CountProtocols(const Member& member, int change);

  std::string id_;
  GroupState state_ = GroupState::kEmpty;
  GroupState previous_state_ = GroupState::kDead;
  int64_t state_timestamp_ms_;
  int32_t generation_ = 0;
  std::optional<std::string> protocol_type_;
  std::optional<std::string> protocol_name_;
  std::optional<std::string> leader_;

  std::list<Member> members_;
  StringMap<std::list<Member>::iterator> by_id_;
  StringMap<std::string> static_members_;  // instance id -> member id
  StringMap<TimerId> pending_joins_;
  StringSet pending_syncs_;
  StringMap<size_t> protocol_counts_;  // members that speak it
  size_t awaiting_join_count_ = 0;
  std::optional<std::set<std::string, std::less<>>> subscribed_topics_;
};

}  // namespace dohle::coordinator
