// SyncGroup: the leader's assignment is stored, then everybody gets their part.
#include <utility>

#include "broker/coordinator/membership.h"
#include "lib/base/log.h"

namespace dohle::coordinator {
namespace {

using kafka::ErrorCode;

bool Differs(const std::optional<kafka::Text>& asked, const std::optional<std::string>& of_group) {
  return asked && of_group && asked->view() != *of_group;
}

}  // namespace

void Membership::Sync(const Call& call, const kafka::SyncGroupRequest& request) {
  Group* group = core_.FindClassicGroup(request.group_id);
  if (group == nullptr || group->Is(GroupState::kEmpty)) {
    core_.Answer(call.id, SyncError(ErrorCode::kUnknownMemberId));
    return;
  }
  const ErrorCode error = ValidateSync(*group, request);
  if (error != ErrorCode::kNone) {
    core_.Answer(call.id, SyncError(error));
    return;
  }
  Member& member = *group->FindMember(request.member_id);
  switch (group->state()) {
    case GroupState::kPreparingRebalance:
      core_.Answer(call.id, SyncError(ErrorCode::kRebalanceInProgress));
      return;
    case GroupState::kCompletingRebalance:
      SyncWhileCompleting(*group, member, call, request);
      return;
    case GroupState::kStable: {
      RemovePendingSync(*group, member.id);
      kafka::SyncGroupResponse response;
      response.protocol_type = OwnOptional(group->protocol_type());
      response.protocol_name = OwnOptional(group->protocol_name());
      response.assignment = Own(member.assignment);
      core_.Answer(call.id, std::move(response));
      return;
    }
    case GroupState::kEmpty:
    case GroupState::kDead:
      core_.Answer(call.id, SyncError(ErrorCode::kCoordinatorNotAvailable));
      return;
  }
}

ErrorCode Membership::ValidateSync(const Group& group, const kafka::SyncGroupRequest& request) const {
  std::optional<std::string_view> instance_id;
  if (request.group_instance_id) instance_id = request.group_instance_id->view();
  const ErrorCode error = group.ValidateMember(request.member_id, instance_id);
  if (error != ErrorCode::kNone) return error;
  if (request.generation_id != group.generation()) return ErrorCode::kIllegalGeneration;
  if (Differs(request.protocol_type, group.protocol_type()) ||
      Differs(request.protocol_name, group.protocol_name())) {
    return ErrorCode::kInconsistentGroupProtocol;
  }
  return ErrorCode::kNone;
}

void Membership::SyncWhileCompleting(Group& group, Member& member, const Call& call,
                                     const kafka::SyncGroupRequest& request) {
  if (member.awaiting_sync) {
    // Its client no longer waits for that one.
    core_.Answer(*member.awaiting_sync, SyncError(ErrorCode::kRebalanceInProgress));
  }
  member.awaiting_sync = call.id;
  RemovePendingSync(group, member.id);
  if (group.IsLeader(member.id)) StoreAssignment(group, request);
}

void Membership::StoreAssignment(Group& group, const kafka::SyncGroupRequest& request) {
  StringMap<std::string> assignments;
  for (const auto& assigned : request.assignments) {
    assignments.insert_or_assign(std::string(assigned.member_id.view()),
                                 std::string(assigned.assignment.view()));
  }
  std::vector<Record> records;
  records.push_back(GroupRecord(group, assignments));
  core_.AppendRecords(std::move(records), [this, group_id = group.id(), generation = group.generation(),
                                           assignments = std::move(assignments)](ErrorCode error) {
    Group* stored = core_.FindClassicGroup(group_id);
    // Another member may have joined meanwhile, which began another rebalance.
    if (stored == nullptr || !stored->Is(GroupState::kCompletingRebalance) ||
        stored->generation() != generation) {
      return;
    }
    if (error != ErrorCode::kNone) {
      FailSyncs(*stored, ToGroupError(error));
      PrepareRebalance(*stored, "the assignment could not be stored");
      return;
    }
    PropagateAssignment(*stored, assignments);
    stored->TransitionTo(GroupState::kStable, core_.now.wall_ms);
  });
}

void Membership::FailSyncs(Group& group, ErrorCode error) {
  for (Member& member : group.members()) {
    member.assignment.clear();
    const auto waiting = std::exchange(member.awaiting_sync, std::nullopt);
    if (!waiting) continue;
    core_.Answer(*waiting, SyncError(error));
    RenewSession(group, member);
  }
}

void Membership::PropagateAssignment(Group& group, const StringMap<std::string>& assignments) {
  for (Member& member : group.members()) {
    const auto assigned = assignments.find(member.id);
    member.assignment = assigned == assignments.end() ? "" : assigned->second;
    const auto waiting = std::exchange(member.awaiting_sync, std::nullopt);
    if (!waiting) continue;
    kafka::SyncGroupResponse response;
    response.protocol_type = OwnOptional(group.protocol_type());
    response.protocol_name = OwnOptional(group.protocol_name());
    response.assignment = Own(member.assignment);
    core_.Answer(*waiting, std::move(response));
    // If its session ended while it waited, that was ignored and nothing watches it since.
    RenewSession(group, member);
  }
}

void Membership::RemovePendingSync(Group& group, std::string_view member_id) {
  if (const auto pending = group.pending_syncs().find(member_id); pending != group.pending_syncs().end()) {
    group.pending_syncs().erase(pending);
  }
  if (group.pending_syncs().empty()) core_.timers.Cancel(std::exchange(group.sync_timer, kNoTimer));
}

void Membership::ExpirePendingSyncs(Group& group, int32_t generation) {
  if (group.generation() != generation || group.pending_syncs().empty()) return;
  if (!group.Is(GroupState::kCompletingRebalance) && !group.Is(GroupState::kStable)) return;
  const std::vector<std::string> late(group.pending_syncs().begin(), group.pending_syncs().end());
  for (const std::string& id : late) Remove(group, id);
  PrepareRebalance(group, fmt::format("{} members did not ask for their assignment", late.size()));
}

}  // namespace dohle::coordinator
