// JoinGroup: who gets in, under which id, and whether that takes a rebalance.
#include <utility>

#include "broker/coordinator/membership.h"
#include "lib/base/check.h"
#include "lib/base/log.h"

namespace dohle::coordinator {
namespace {

using kafka::ErrorCode;

constexpr std::string_view kModule = "coordinator";
constexpr int16_t kFirstVersionWithKnownIds = 4;        // KIP-394
constexpr int16_t kFirstVersionWithSkipAssignment = 9;  // KIP-814

std::vector<MemberProtocol> ToProtocols(const kafka::JoinGroupRequest& request) {
  std::vector<MemberProtocol> protocols;
  protocols.reserve(request.protocols.size());
  for (const auto& protocol : request.protocols) {
    protocols.push_back({std::string(protocol.name.view()), std::string(protocol.metadata.view())});
  }
  return protocols;
}

std::string_view Reason(const kafka::JoinGroupRequest& request) {
  return request.reason && !request.reason->empty() ? request.reason->view() : "not provided";
}

std::optional<std::string_view> View(const std::optional<kafka::Text>& text) {
  if (!text) return std::nullopt;
  return text->view();
}

}  // namespace

void Membership::Join(const Call& call, const kafka::JoinGroupRequest& request) {
  const std::string_view group_id = request.group_id;
  const bool is_new_member = request.member_id.empty();
  std::vector<Record> records;
  Group* group = core_.FindGroup(group_id);
  if (group != nullptr && group->type != GroupType::kClassic) {
    if (group->type != GroupType::kConsumer) {
      core_.Answer(call.id, JoinError("", ErrorCode::kInconsistentGroupProtocol));
      return;
    }
    // Its members spoke a protocol that isn't served here, so none of them lives: the group becomes a classic
    // one.
    for (const std::string& key : group->foreign_keys) records.push_back({key, std::nullopt});
    log::Info(kModule, "group {}: consumer group becomes a classic group", group_id);
    group = nullptr;
  }
  const bool is_new_group = group == nullptr;
  if (is_new_group) {
    if (!is_new_member) {
      core_.Answer(call.id, JoinError(request.member_id, ErrorCode::kUnknownMemberId));
      return;
    }
    group = &core_.CreateGroup(group_id);
  }
  if (!AcceptsMember(*group, request.member_id)) {
    if (!is_new_member) Remove(*group, request.member_id);
    core_.Answer(call.id, JoinError("", ErrorCode::kGroupMaxSizeReached));
  } else {
    // Version 0 has one time-out for both.
    Joining joining{call, request, ToProtocols(request),
                    call.version == 0 ? request.session_timeout_ms : request.rebalance_timeout_ms};
    is_new_member ? JoinAsNew(*group, joining) : JoinAgain(*group, joining);
  }
  if (is_new_group) {
    records.push_back(EmptyGroupRecord(*group));
    core_.AppendRecords(std::move(records), [this, id = call.id](ErrorCode error) {
      // If the write failed for good the group is gone, and who waits in it has been told.
      if (error == ErrorCode::kRequestTimedOut) core_.Answer(id, JoinError("", ToGroupError(error)));
    });
  }
}

bool Membership::AcceptsMember(Group& group, std::string_view member_id) const {
  const auto max_size = static_cast<size_t>(core_.config.group_max_size);
  const Member* member = group.FindMember(member_id);
  switch (group.state()) {
    case GroupState::kEmpty:
    case GroupState::kDead:
      return true;
    case GroupState::kPreparingRebalance:
      // Counts those who wait, not the members: the last to rejoin are kicked out if the group is over its
      // size.
      return (member != nullptr && member->awaiting_join) || group.awaiting_join_count() < max_size;
    case GroupState::kCompletingRebalance:
    case GroupState::kStable:
      return member != nullptr || group.members().size() < max_size;
  }
  return false;
}

void Membership::JoinAsNew(Group& group, Joining& joining) {
  const kafka::JoinGroupRequest& request = joining.request;
  if (!group.Supports(request.protocol_type, joining.protocols)) {
    core_.Answer(joining.call.id, JoinError("", ErrorCode::kInconsistentGroupProtocol));
    return;
  }
  if (!request.group_instance_id) {
    std::string member_id = NewMemberId(joining.call.client_id);
    if (joining.call.version >= kFirstVersionWithKnownIds) {
      RequireMemberId(group, joining, std::move(member_id));
    } else {
      AddMember(group, joining, std::move(member_id));
    }
    return;
  }
  std::string member_id = NewMemberId(*request.group_instance_id);
  const std::string* existing = group.StaticMemberId(*request.group_instance_id);
  if (existing == nullptr) {
    AddMember(group, joining, std::move(member_id));
    return;
  }
  log::Info(kModule, "group {}: static member {} comes back, {} takes the place of {}", group.id(),
            request.group_instance_id->view(), member_id, *existing);
  ReplaceStaticMember(group, joining, *existing, std::move(member_id));
}

void Membership::RequireMemberId(Group& group, const Joining& joining, std::string member_id) {
  const TimerId timer = core_.timers.Schedule(In(joining.request.session_timeout_ms),
                                              {TimerKind::kHeartbeat, group.id(), member_id});
  core_.Answer(joining.call.id, JoinError(member_id, ErrorCode::kMemberIdRequired));
  group.pending_joins().emplace(std::move(member_id), timer);
}

void Membership::JoinAgain(Group& group, Joining& joining) {
  const kafka::JoinGroupRequest& request = joining.request;
  const RequestId id = joining.call.id;
  if (!group.Supports(request.protocol_type, joining.protocols)) {
    core_.Answer(id, JoinError(request.member_id, ErrorCode::kInconsistentGroupProtocol));
    return;
  }
  if (group.pending_joins().contains(request.member_id.view())) {
    if (request.group_instance_id) {
      core_.Answer(id, JoinError("", ErrorCode::kUnknownServerError));  // static members are never pending
      return;
    }
    AddMember(group, joining, std::string(request.member_id.view()));
    return;
  }
  const ErrorCode error = group.ValidateMember(request.member_id, View(request.group_instance_id));
  if (error != ErrorCode::kNone) {
    kafka::JoinGroupResponse response = JoinError(request.member_id, error);
    response.protocol_name.reset();
    core_.Answer(id, std::move(response));
    return;
  }
  Rejoin(group, *group.FindMember(request.member_id), joining);
}

void Membership::Rejoin(Group& group, Member& member, Joining& joining) {
  const RequestId id = joining.call.id;
  const bool same = member.protocols == joining.protocols;
  switch (group.state()) {
    case GroupState::kPreparingRebalance:
      UpdateMember(group, member, joining);
      return;
    case GroupState::kCompletingRebalance:
      // Most likely it has not got the answer to its first try.
      if (same) {
        core_.Answer(id, CurrentGeneration(group, member, group.IsLeader(member.id)));
      } else {
        UpdateMember(group, member, joining);
      }
      return;
    case GroupState::kStable:
      // The leader may know of a reason that its subscription doesn't show, such as new partitions.
      if (same && !group.IsLeader(member.id)) {
        core_.Answer(id, CurrentGeneration(group, member, false));
      } else {
        UpdateMember(group, member, joining);
      }
      return;
    case GroupState::kEmpty:
    case GroupState::kDead:
      core_.Answer(id, JoinError(member.id, ErrorCode::kUnknownMemberId));
      return;
  }
}

kafka::JoinGroupResponse Membership::CurrentGeneration(const Group& group, const Member& member,
                                                       bool with_members) const {
  kafka::JoinGroupResponse response;
  response.generation_id = group.generation();
  response.protocol_type = OwnOptional(group.protocol_type());
  response.protocol_name = OwnOptional(group.protocol_name());
  response.leader = Own(group.leader() ? std::string_view(*group.leader()) : "");
  response.member_id = Own(member.id);
  if (!with_members) return response;
  response.members.reserve(group.members().size());
  for (const Member& other : group.members()) {
    auto& listed = response.members.emplace_back();
    listed.member_id = Own(other.id);
    listed.group_instance_id = OwnOptional(other.instance_id);
    const std::string* metadata = group.protocol_name() ? other.MetadataFor(*group.protocol_name()) : nullptr;
    if (metadata != nullptr) listed.metadata = Own(*metadata);
  }
  return response;
}

void Membership::AddMember(Group& group, Joining& joining, std::string member_id) {
  const kafka::JoinGroupRequest& request = joining.request;
  Member member;
  member.id = std::move(member_id);
  if (request.group_instance_id) member.instance_id.emplace(request.group_instance_id->view());
  member.client_id = joining.call.client_id;
  member.client_host = joining.call.client_host;
  member.rebalance_timeout_ms = joining.rebalance_timeout_ms;
  member.session_timeout_ms = request.session_timeout_ms;
  member.protocols = std::move(joining.protocols);
  member.is_new = true;
  if (group.Is(GroupState::kPreparingRebalance) && group.previous_state() == GroupState::kEmpty) {
    group.new_member_added = true;
  }
  if (const auto pending = group.pending_joins().find(member.id); pending != group.pending_joins().end()) {
    core_.timers.Cancel(pending->second);
  }
  Member& added = group.AddMember(std::move(member), request.protocol_type);
  group.AwaitJoin(added, joining.call.id);
  // It has no id to send heartbeats with, and we may not notice that its connection broke. So that members
  // whose client gave up don't pile up in a long rebalance, its wait is limited; a client that lives asks
  // again.
  ArmHeartbeat(group, added, core_.config.new_member_join_timeout_ms);
  RebalanceOrCompleteJoin(group,
                          fmt::format("adding new member {}; client reason: {}", added.id, Reason(request)));
}

void Membership::UpdateMember(Group& group, Member& member, Joining& joining) {
  group.SetProtocols(member, std::move(joining.protocols));
  member.rebalance_timeout_ms = joining.rebalance_timeout_ms;
  member.session_timeout_ms = joining.request.session_timeout_ms;
  if (const auto earlier = group.TakeAwaitingJoin(member)) {
    // Its client no longer waits for that one.
    core_.Answer(*earlier, JoinError(member.id, ErrorCode::kRebalanceInProgress));
  }
  group.AwaitJoin(member, joining.call.id);
  RebalanceOrCompleteJoin(
      group, fmt::format("member {} joins again; client reason: {}", member.id, Reason(joining.request)));
}

void Membership::ReplaceStaticMember(Group& group, Joining& joining, std::string old_id, std::string new_id) {
  const std::string old_leader = group.leader().value_or("");
  Member& member = *group.FindMember(old_id);
  if (member.awaiting_join) {
    kafka::JoinGroupResponse fenced = JoinError(old_id, ErrorCode::kFencedInstanceId);
    fenced.protocol_name.reset();
    core_.Answer(*member.awaiting_join, std::move(fenced));
  }
  if (member.awaiting_sync) core_.Answer(*member.awaiting_sync, SyncError(ErrorCode::kFencedInstanceId));
  core_.timers.Cancel(member.heartbeat_timer);
  const Member old = member;
  group.ReplaceStaticMember(old_id, std::move(new_id));
  RenewSession(group, member);
  group.SetProtocols(member, std::move(joining.protocols));
  member.rebalance_timeout_ms = joining.rebalance_timeout_ms;
  member.session_timeout_ms = joining.request.session_timeout_ms;
  group.AwaitJoin(member, joining.call.id);
  switch (group.state()) {
    case GroupState::kStable:
      if (group.protocol_name().value_or("") == group.SelectProtocol()) {
        StoreReplacedMember(group, joining, old, member, old_leader);
      } else {
        PrepareRebalance(group, fmt::format("static member {} changes the protocol", member.id));
      }
      return;
    case GroupState::kCompletingRebalance:
      // The leader may have been told the old id, under which the new one would get no assignment.
      PrepareRebalance(group, fmt::format("static member {} comes back during a rebalance", member.id));
      return;
    default:
      MaybeCompleteJoin(group);
      return;
  }
}

// The group stays as it is; only the new id must survive us.
void Membership::StoreReplacedMember(Group& group, const Joining& joining, const Member& old, Member& member,
                                     std::string old_leader) {
  StringMap<std::string> assignments;
  for (const Member& other : group.members()) assignments.emplace(other.id, other.assignment);
  std::vector<Record> records;
  records.push_back(GroupRecord(group, assignments));
  core_.AppendRecords(std::move(records),
                      [this, group_id = group.id(), request = joining.call.id, version = joining.call.version,
                       new_id = member.id, old, old_leader = std::move(old_leader)](ErrorCode error) {
                        Group* stored = core_.FindClassicGroup(group_id);
                        if (stored == nullptr) return;
                        if (error == ErrorCode::kNone) {
                          OnReplacedMemberStored(*stored, request, version, new_id, old_leader);
                        } else {
                          RevertReplacedMember(*stored, request, new_id, old, old_leader, error);
                        }
                      });
}

void Membership::OnReplacedMemberStored(Group& group, RequestId request, int16_t version,
                                        std::string_view new_id, std::string_view old_leader) {
  Member* member = group.FindMember(new_id);
  if (member == nullptr || member->awaiting_join != request) return;
  // A rebalance has begun meanwhile and will answer.
  if (group.Is(GroupState::kPreparingRebalance)) return;
  group.TakeAwaitingJoin(*member);
  const bool can_skip = version >= kFirstVersionWithSkipAssignment;
  const bool is_leader = group.IsLeader(new_id);
  kafka::JoinGroupResponse response = CurrentGeneration(group, *member, can_skip && is_leader);
  response.skip_assignment = can_skip && is_leader;
  // Who can't skip the assignment must not know that it leads, or it would compute one.
  if (!can_skip) response.leader = Own(old_leader);
  core_.Answer(request, std::move(response));
}

void Membership::RevertReplacedMember(Group& group, RequestId request, std::string_view new_id,
                                      const Member& old, const std::string& old_leader, ErrorCode error) {
  Member* member = group.FindMember(new_id);
  if (member == nullptr) return;
  if (member->awaiting_join == request) group.TakeAwaitingJoin(*member);
  group.SetProtocols(*member, old.protocols);
  member->rebalance_timeout_ms = old.rebalance_timeout_ms;
  member->session_timeout_ms = old.session_timeout_ms;
  if (member->awaiting_join)
    core_.Answer(*member->awaiting_join, JoinError(new_id, ErrorCode::kFencedInstanceId));
  if (member->awaiting_sync) core_.Answer(*member->awaiting_sync, SyncError(ErrorCode::kFencedInstanceId));
  core_.timers.Cancel(member->heartbeat_timer);
  kafka::JoinGroupResponse response = CurrentGeneration(group, *member, false);
  group.ReplaceStaticMember(new_id, old.id);
  RenewSession(group, *member);
  response.member_id = kafka::Text();
  response.leader = Own(old_leader);
  response.error_code = Code(ToGroupError(error));
  core_.Answer(request, std::move(response));
}

}  // namespace dohle::coordinator
