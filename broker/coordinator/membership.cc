// The way from one generation to the next, heartbeats, leaving, and the time-outs.
#include "broker/coordinator/membership.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/log.h"

namespace dohle::coordinator {
namespace {

using kafka::ErrorCode;

constexpr std::string_view kModule = "coordinator";

std::optional<std::string_view> View(const std::optional<kafka::Text>& text) {
  if (!text) return std::nullopt;
  return text->view();
}

}  // namespace

void Membership::RebalanceOrCompleteJoin(Group& group, std::string_view reason) {
  if (group.CanRebalance()) {
    PrepareRebalance(group, reason);
  } else {
    MaybeCompleteJoin(group);
  }
}

void Membership::PrepareRebalance(Group& group, std::string_view reason) {
  if (group.Is(GroupState::kCompletingRebalance)) FailSyncs(group, ErrorCode::kRebalanceInProgress);
  group.pending_syncs().clear();
  core_.timers.Cancel(std::exchange(group.sync_timer, kNoTimer));
  const bool is_initial = group.Is(GroupState::kEmpty);
  group.TransitionTo(GroupState::kPreparingRebalance, core_.now.wall_ms);
  log::Info(kModule, "group {}: rebalance of generation {}: {}", group.id(), group.generation(), reason);
  if (is_initial) {
    // The group is new: more members will come, and each would start another rebalance.
    const int32_t delay_ms = core_.config.group_initial_rebalance_delay_ms;
    Timer timer{TimerKind::kInitialRebalance, group.id(), ""};
    timer.delay_ms = delay_ms;
    timer.remaining_ms = std::max(group.RebalanceTimeoutMs() - delay_ms, 0);
    ArmJoin(group, std::move(timer), delay_ms);
  } else if (group.HasAllMembersJoined()) {
    CompleteJoin(group);
  } else {
    ArmJoin(group, {TimerKind::kJoin, group.id(), ""}, group.RebalanceTimeoutMs());
  }
}

void Membership::MaybeCompleteJoin(Group& group) {
  if (!group.Is(GroupState::kPreparingRebalance) || group.previous_state() == GroupState::kEmpty) return;
  if (group.HasAllMembersJoined()) CompleteJoin(group);
}

void Membership::ExtendOrCompleteInitialJoin(Group& group, const Timer& timer) {
  if (!group.new_member_added || timer.remaining_ms == 0) {
    CompleteJoin(group);
    return;
  }
  group.new_member_added = false;
  Timer extended{TimerKind::kInitialRebalance, group.id(), ""};
  extended.delay_ms = std::min(core_.config.group_initial_rebalance_delay_ms, timer.remaining_ms);
  extended.remaining_ms = std::max(timer.remaining_ms - timer.delay_ms, 0);
  ArmJoin(group, extended, extended.delay_ms);
}

void Membership::CompleteJoin(Group& group) {
  core_.timers.Cancel(std::exchange(group.join_timer, kNoTimer));
  std::vector<std::string> absent;
  for (const Member& member : group.members()) {
    if (!member.awaiting_join && !member.instance_id) absent.push_back(member.id);
  }
  for (const std::string& id : absent) {
    log::Info(kModule, "group {}: member {} has not rejoined, it is removed", group.id(), id);
    Remove(group, id);
  }
  if (!group.ElectJoinedLeader() && !group.members().empty()) {
    // Only static members, and none has rejoined: they have until their sessions end.
    ArmJoin(group, {TimerKind::kJoin, group.id(), ""}, group.RebalanceTimeoutMs());
    return;
  }
  group.StartNextGeneration(core_.now.wall_ms);
  if (group.Is(GroupState::kEmpty)) {
    log::Info(kModule, "group {}: empty in generation {}", group.id(), group.generation());
    // If this fails the generation before comes to life again with the next coordinator, and its members
    // expire.
    std::vector<Record> records;
    records.push_back(GroupRecord(group, {}));
    core_.AppendRecords(std::move(records));
    return;
  }
  StartGeneration(group);
}

void Membership::StartGeneration(Group& group) {
  log::Info(kModule, "group {}: generation {} with {} members", group.id(), group.generation(),
            group.members().size());
  for (Member& member : group.members()) {
    if (const auto waiting = group.TakeAwaitingJoin(member)) {
      core_.Answer(*waiting, CurrentGeneration(group, member, group.IsLeader(member.id)));
    }
    RenewSession(group, member);
    member.is_new = false;
    group.pending_syncs().insert(member.id);
  }
  core_.timers.Cancel(group.sync_timer);
  Timer timer{TimerKind::kSync, group.id(), ""};
  timer.generation = group.generation();
  group.sync_timer = core_.timers.Schedule(In(group.RebalanceTimeoutMs()), std::move(timer));
}

void Membership::Heartbeat(const Call& call, const kafka::HeartbeatRequest& request) {
  kafka::HeartbeatResponse response;
  Group* group = core_.FindClassicGroup(request.group_id);
  ErrorCode error = group == nullptr
                        ? ErrorCode::kUnknownMemberId
                        : group->ValidateMember(request.member_id, View(request.group_instance_id));
  if (error == ErrorCode::kNone && request.generation_id != group->generation()) {
    error = ErrorCode::kIllegalGeneration;
  }
  if (error != ErrorCode::kNone) {
    response.error_code = Code(error);
    core_.Answer(call.id, response);
    return;
  }
  if (group->Is(GroupState::kEmpty)) {
    response.error_code = Code(ErrorCode::kUnknownMemberId);
  } else {
    RenewSession(*group, *group->FindMember(request.member_id));
    if (group->Is(GroupState::kPreparingRebalance)) {
      response.error_code = Code(ErrorCode::kRebalanceInProgress);
    }
  }
  core_.AnswerWhenWritten(call.id, response);
}

void Membership::Leave(const Call& call, const kafka::LeaveGroupRequest& request) {
  kafka::LeaveGroupResponse response;
  Group* group = core_.FindClassicGroup(request.group_id);
  std::string left;
  for (const auto& who : request.members) {
    auto& result = response.members.emplace_back();
    result.member_id = Own(who.member_id);
    result.group_instance_id.reset();
    if (who.group_instance_id) result.group_instance_id = Own(*who.group_instance_id);
    const ErrorCode error = group == nullptr ? ErrorCode::kUnknownMemberId : LeaveOne(*group, who);
    result.error_code = Code(error);
    if (error == ErrorCode::kNone) left.append(left.empty() ? "" : ", ").append(who.member_id.view());
  }
  if (group == nullptr) {
    core_.Answer(call.id, std::move(response));
    return;
  }
  const bool any_left = std::any_of(response.members.begin(), response.members.end(),
                                    [](const auto& result) { return result.error_code == 0; });
  if (any_left) {
    if (group->Is(GroupState::kStable) || group->Is(GroupState::kCompletingRebalance)) {
      PrepareRebalance(*group, fmt::format("members left: {}", left));
    } else {
      MaybeCompleteJoin(*group);
    }
  }
  core_.AnswerWhenWritten(call.id, std::move(response));
}

ErrorCode Membership::LeaveOne(Group& group, const kafka::LeaveGroupRequest::MemberIdentity& who) {
  if (who.member_id.empty()) {
    // An administrator removes a static member by its name.
    const std::string* id = who.group_instance_id ? group.StaticMemberId(*who.group_instance_id) : nullptr;
    if (id == nullptr) return ErrorCode::kUnknownMemberId;
    Remove(group, std::string(*id));
    return ErrorCode::kNone;
  }
  if (!group.pending_joins().contains(who.member_id.view())) {
    const ErrorCode error = group.ValidateMember(who.member_id, View(who.group_instance_id));
    if (error != ErrorCode::kNone) return error;
  }
  log::Info(kModule, "group {}: member {} leaves; client reason: {}", group.id(), who.member_id.view(),
            who.reason ? who.reason->view() : "not provided");
  Remove(group, who.member_id);
  return ErrorCode::kNone;
}

void Membership::Remove(Group& group, std::string_view member_id) {
  if (const auto pending = group.pending_joins().find(member_id); pending != group.pending_joins().end()) {
    core_.timers.Cancel(pending->second);
  }
  const std::optional<Member> removed = group.RemoveMember(member_id);
  if (!removed) return;
  core_.timers.Cancel(removed->heartbeat_timer);
  // UNKNOWN_MEMBER_ID makes a client that is still there join anew.
  if (removed->awaiting_join)
    core_.Answer(*removed->awaiting_join, JoinError("", ErrorCode::kUnknownMemberId));
  if (removed->awaiting_sync) core_.Answer(*removed->awaiting_sync, SyncError(ErrorCode::kUnknownMemberId));
}

void Membership::OnTimer(const TimerQueue::Due& due) {
  Group* group = core_.FindClassicGroup(due.timer.group);
  if (group == nullptr) return;
  switch (due.timer.kind) {
    case TimerKind::kHeartbeat:
      ExpireMember(*group, due);
      return;
    case TimerKind::kInitialRebalance:
    case TimerKind::kJoin:
      if (group->join_timer != due.id) return;
      group->join_timer = kNoTimer;
      if (!group->Is(GroupState::kPreparingRebalance)) return;
      if (due.timer.kind == TimerKind::kJoin) {
        CompleteJoin(*group);
      } else {
        ExtendOrCompleteInitialJoin(*group, due.timer);
      }
      return;
    case TimerKind::kSync:
      if (group->sync_timer != due.id) return;
      group->sync_timer = kNoTimer;
      ExpirePendingSyncs(*group, due.timer.generation);
      return;
    case TimerKind::kExpiry:
      return;
  }
}

void Membership::ExpireMember(Group& group, const TimerQueue::Due& due) {
  const std::string& id = due.timer.member;
  if (const auto pending = group.pending_joins().find(id);
      pending != group.pending_joins().end() && pending->second == due.id) {
    Remove(group, id);
    if (group.Is(GroupState::kPreparingRebalance) && group.HasAllMembersJoined()) CompleteJoin(group);
    return;
  }
  Member* member = group.FindMember(id);
  if (member == nullptr || member->heartbeat_timer != due.id) return;
  member->heartbeat_timer = kNoTimer;
  if (!member->HasSatisfiedHeartbeat()) RemoveSilentMember(group, id);
}

void Membership::RemoveSilentMember(Group& group, std::string_view member_id) {
  log::Info(kModule, "group {}: member {} has been silent for its session time-out, it is removed",
            group.id(), member_id);
  Remove(group, member_id);
  if (group.Is(GroupState::kStable) || group.Is(GroupState::kCompletingRebalance)) {
    PrepareRebalance(group, fmt::format("member {} has expired", member_id));
  } else if (group.Is(GroupState::kPreparingRebalance) && group.HasAllMembersJoined()) {
    CompleteJoin(group);
  }
}

void Membership::OnLoaded() {
  std::vector<Group*> oversized;
  for (const std::string& id : core_.GroupIds()) {
    Group* group = core_.FindClassicGroup(id);
    if (group == nullptr) continue;
    for (Member& member : group->members()) RenewSession(*group, member);
    if (group->members().size() > static_cast<size_t>(core_.config.group_max_size))
      oversized.push_back(group);
  }
  for (Group* group : oversized) PrepareRebalance(*group, "the group is over group.max.size");
}

void Membership::ArmHeartbeat(Group& group, Member& member, int32_t timeout_ms) {
  if (member.heartbeat_timer == kNoTimer) {
    member.heartbeat_timer =
        core_.timers.Schedule(In(timeout_ms), {TimerKind::kHeartbeat, group.id(), member.id});
  } else {
    core_.timers.Move(member.heartbeat_timer, In(timeout_ms));
  }
}

void Membership::ArmJoin(Group& group, Timer timer, int32_t timeout_ms) {
  core_.timers.Cancel(group.join_timer);
  group.join_timer = core_.timers.Schedule(In(timeout_ms), std::move(timer));
}

env::MonotonicTime Membership::In(int32_t delay_ms) const {
  return core_.now.monotonic + absl::Milliseconds(delay_ms);
}

// As java.util.UUID prints a random id.
std::string Membership::NewMemberId(std::string_view prefix) {
  const Uuid id = core_.random.NextUuid();
  std::string text(prefix);
  for (size_t i = 0; i < id.bytes().size(); ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.append(fmt::format("{:02x}", id.bytes()[i]));
  }
  return text;
}

}  // namespace dohle::coordinator
