// The classic rebalance protocol of a shard's groups: JoinGroup, SyncGroup, Heartbeat, LeaveGroup and the
// time-outs between them. Pure: acts on a ShardCore. After the classic parts of Kafka's GroupMetadataManager,
// whose answers it gives (KIP-62, 134, 345, 394, 559, 800, 814).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/coordinator/shard_core.h"
#include "lib/kafka/messages/heartbeat_request.h"
#include "lib/kafka/messages/join_group_request.h"
#include "lib/kafka/messages/leave_group_request.h"
#include "lib/kafka/messages/sync_group_request.h"

namespace dohle::coordinator {

// Who asks, and in which version.
struct Call {
  RequestId id = 0;
  int16_t version = 0;
  std::string_view client_id;
  std::string_view client_host;  // as Java prints an InetAddress without a name: "/127.0.0.1"
};

class Membership {
 public:
  explicit Membership(ShardCore& core) : core_(core) {}

  void Join(const Call& call, const kafka::JoinGroupRequest& request);
  void Sync(const Call& call, const kafka::SyncGroupRequest& request);
  void Heartbeat(const Call& call, const kafka::HeartbeatRequest& request);
  void Leave(const Call& call, const kafka::LeaveGroupRequest& request);

  void OnTimer(const TimerQueue::Due& due);
  // The shard has been loaded: members get their time to show that they live.
  void OnLoaded();

  // The member is alive: its session starts anew.
  void RenewSession(Group& group, Member& member) { ArmHeartbeat(group, member, member.session_timeout_ms); }

 private:
  struct Joining {
    const Call& call;
    const kafka::JoinGroupRequest& request;
    std::vector<MemberProtocol> protocols;
    int32_t rebalance_timeout_ms;
  };

  bool AcceptsMember(Group& group, std::string_view member_id) const;
  void JoinAsNew(Group& group, Joining& joining);
  void JoinAgain(Group& group, Joining& joining);
  void Rejoin(Group& group, Member& member, Joining& joining);
  void RequireMemberId(Group& group, const Joining& joining, std::string member_id);
  void AddMember(Group& group, Joining& joining, std::string member_id);
  void UpdateMember(Group& group, Member& member, Joining& joining);
  void ReplaceStaticMember(Group& group, Joining& joining, std::string old_id, std::string new_id);
  void StoreReplacedMember(Group& group, const Joining& joining, const Member& old, Member& member,
                           std::string old_leader);
  void OnReplacedMemberStored(Group& group, RequestId request, int16_t version, std::string_view new_id,
                              std::string_view old_leader);
  void RevertReplacedMember(Group& group, RequestId request, std::string_view new_id, const Member& old,
                            const std::string& old_leader, kafka::ErrorCode error);
  kafka::JoinGroupResponse CurrentGeneration(const Group& group, const Member& member,
                                             bool with_members) const;

  void RebalanceOrCompleteJoin(Group& group, std::string_view reason);
  void PrepareRebalance(Group& group, std::string_view reason);
  void MaybeCompleteJoin(Group& group);
  void CompleteJoin(Group& group);
  void StartGeneration(Group& group);
  void ExtendOrCompleteInitialJoin(Group& group, const Timer& timer);

  kafka::ErrorCode ValidateSync(const Group& group, const kafka::SyncGroupRequest& request) const;
  void SyncWhileCompleting(Group& group, Member& member, const Call& call,
                           const kafka::SyncGroupRequest& request);
  void StoreAssignment(Group& group, const kafka::SyncGroupRequest& request);
  void FailSyncs(Group& group, kafka::ErrorCode error);
  void PropagateAssignment(Group& group, const StringMap<std::string>& assignments);
  void RemovePendingSync(Group& group, std::string_view member_id);
  void ExpirePendingSyncs(Group& group, int32_t generation);

  kafka::ErrorCode LeaveOne(Group& group, const kafka::LeaveGroupRequest::MemberIdentity& who);
  void ExpireMember(Group& group, const TimerQueue::Due& due);
  void RemoveSilentMember(Group& group, std::string_view member_id);
  // Removes it with its timer, and answers what it waits for.
  void Remove(Group& group, std::string_view member_id);

  void ArmHeartbeat(Group& group, Member& member, int32_t timeout_ms);
  void ArmJoin(Group& group, Timer timer, int32_t timeout_ms);
  env::MonotonicTime In(int32_t delay_ms) const;
  std::string NewMemberId(std::string_view prefix);

  ShardCore& core_;
};

}  // namespace dohle::coordinator
