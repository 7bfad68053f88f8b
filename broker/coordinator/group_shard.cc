#include "broker/coordinator/group_shard.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace dohle::coordinator {
namespace {

using kafka::ErrorCode;

std::string LowerTrimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

bool Matches(const std::vector<kafka::Text>& filter, std::string_view name) {
  if (filter.empty()) return true;
  const std::string lower = LowerTrimmed(name);
  return std::any_of(filter.begin(), filter.end(),
                     [&lower](const kafka::Text& wanted) { return LowerTrimmed(wanted) == lower; });
}

std::string_view ListedProtocolType(const Group& group) {
  if (group.type != GroupType::kClassic) return ToString(group.type);
  return group.protocol_type() ? std::string_view(*group.protocol_type()) : "";
}

std::string DumpMember(const Member& member, const Group& group) {
  const std::string* metadata = member.MetadataFor(group.protocol_name().value_or(""));
  return fmt::format(
      "  member {} instance={} client={}@{} rebalance={} session={} metadata={} assignment={}\n", member.id,
      member.instance_id.value_or("-"), member.client_id, member.client_host, member.rebalance_timeout_ms,
      member.session_timeout_ms, metadata == nullptr ? "-" : *metadata, member.assignment);
}

}  // namespace

GroupShard::GroupShard(const GroupConfig& config, env::Random& random)
    : core_(config, random), membership_(core_), offsets_(core_, membership_) {}

Effects GroupShard::Join(const Call& call, const kafka::JoinGroupRequest& request, Instant now) {
  core_.now = now;
  membership_.Join(call, request);
  return core_.TakeEffects();
}

Effects GroupShard::Sync(const Call& call, const kafka::SyncGroupRequest& request, Instant now) {
  core_.now = now;
  membership_.Sync(call, request);
  return core_.TakeEffects();
}

Effects GroupShard::Heartbeat(const Call& call, const kafka::HeartbeatRequest& request, Instant now) {
  core_.now = now;
  membership_.Heartbeat(call, request);
  return core_.TakeEffects();
}

Effects GroupShard::Leave(const Call& call, const kafka::LeaveGroupRequest& request, Instant now) {
  core_.now = now;
  membership_.Leave(call, request);
  return core_.TakeEffects();
}

Effects GroupShard::Commit(const Call& call, const kafka::OffsetCommitRequest& request, Instant now) {
  core_.now = now;
  offsets_.Commit(call, request);
  return core_.TakeEffects();
}

Effects GroupShard::Fetch(const Call& call, const FetchGroupRequest& request, bool require_stable,
                          Instant now) {
  core_.now = now;
  offsets_.Fetch(call, request, require_stable);
  return core_.TakeEffects();
}

Effects GroupShard::Delete(const Call& call, const kafka::OffsetDeleteRequest& request, Instant now) {
  core_.now = now;
  offsets_.Delete(call, request);
  return core_.TakeEffects();
}

Effects GroupShard::DeleteGroups(const Call& call, const std::vector<std::string_view>& group_ids,
                                 Instant now) {
  core_.now = now;
  offsets_.DeleteGroups(call, group_ids);
  return core_.TakeEffects();
}

Effects GroupShard::OnTopicsDeleted(const std::vector<DeletedTopic>& topics, Instant now) {
  core_.now = now;
  offsets_.OnTopicsDeleted(topics);
  return core_.TakeEffects();
}

Effects GroupShard::Expire(Instant now) {
  core_.now = now;
  offsets_.Expire();
  return core_.TakeEffects();
}

Effects GroupShard::OnWritten(WritePosition position, Offset base_offset, Instant now) {
  core_.now = now;
  core_.OnWritten(position, base_offset.value());
  return core_.TakeEffects();
}

Effects GroupShard::OnWriteFailed(ErrorCode error, Instant now) {
  core_.now = now;
  core_.OnWriteFailed(error);
  return core_.TakeEffects();
}

Effects GroupShard::Advance(Instant now) {
  core_.now = now;
  core_.ExpireWrites();
  while (const auto due = core_.timers.PopDue(now.monotonic)) {
    if (due->timer.kind == TimerKind::kExpiry) {
      offsets_.Expire();
      ScheduleExpiry();
    } else {
      membership_.OnTimer(*due);
    }
  }
  return core_.TakeEffects();
}

void GroupShard::ScheduleExpiry() {
  const auto interval = absl::Milliseconds(core_.config.offsets_retention_check_interval_ms);
  core_.timers.Schedule(core_.now.monotonic + interval, {TimerKind::kExpiry, "", ""});
}

void GroupShard::StartLoading(Instant now) {
  core_.now = now;
  core_.set_loading(true);
}

Effects GroupShard::OnLoaded(Instant now) {
  core_.now = now;
  core_.set_loading(false);
  membership_.OnLoaded();
  ScheduleExpiry();
  return core_.TakeEffects();
}

Effects GroupShard::OnUnloaded() {
  for (const std::string& id : core_.GroupIds()) {
    if (Group* group = core_.FindGroup(id)) core_.DropGroup(*group, ErrorCode::kNotCoordinator);
  }
  core_.OnWriteFailed(ErrorCode::kNotCoordinator);
  Effects effects = core_.TakeEffects();
  effects.writes.clear();
  return effects;
}

kafka::DescribeGroupsResponse::DescribedGroup GroupShard::Describe(std::string_view group_id,
                                                                   int16_t version) const {
  kafka::DescribeGroupsResponse::DescribedGroup described;
  described.group_id = Own(group_id);
  const Group* group = core_.FindCommittedGroup(group_id);
  if (group == nullptr || group->type != GroupType::kClassic) {
    described.group_state = "Dead";
    if (version >= 6) {
      described.error_code = Code(ErrorCode::kGroupIdNotFound);
      described.error_message = kafka::Text(
          fmt::format("Group {} {}", group_id, group == nullptr ? "not found." : "is not a classic group."));
    }
    return described;
  }
  described.group_state = ToString(group->state());
  described.protocol_type = Own(ListedProtocolType(*group));
  const bool stable = group->Is(GroupState::kStable) && group->protocol_name();
  if (stable) described.protocol_data = Own(*group->protocol_name());
  described.members.reserve(group->members().size());
  for (const Member& member : group->members()) {
    auto& listed = described.members.emplace_back();
    listed.member_id = Own(member.id);
    listed.group_instance_id = OwnOptional(member.instance_id);
    listed.client_id = Own(member.client_id);
    listed.client_host = Own(member.client_host);
    listed.member_assignment = Own(member.assignment);
    const std::string* metadata = stable ? member.MetadataFor(*group->protocol_name()) : nullptr;
    if (metadata != nullptr) listed.member_metadata = Own(*metadata);
  }
  return described;
}

void GroupShard::List(const kafka::ListGroupsRequest& request,
                      std::vector<kafka::ListGroupsResponse::ListedGroup>* groups) const {
  for (const std::string& id : core_.GroupIds()) {
    const Group* group = core_.FindCommittedGroup(id);
    if (group == nullptr || !Matches(request.states_filter, ToString(group->state())) ||
        !Matches(request.types_filter, ToString(group->type))) {
      continue;
    }
    auto& listed = groups->emplace_back();
    listed.group_id = Own(id);
    listed.protocol_type = Own(ListedProtocolType(*group));
    listed.group_state = ToString(group->state());
    listed.group_type = ToString(group->type);
  }
}

std::vector<std::string> GroupShard::GroupIds() const { return core_.GroupIds(); }

std::vector<GroupView::Offset> GroupShard::ViewOffsets(std::string_view group_id) const {
  std::vector<GroupView::Offset> view;
  const OffsetStore::Topics* topics = core_.offsets.Find(group_id);
  if (topics == nullptr) return view;
  for (const auto& [topic, partitions] : *topics) {
    for (const auto& [index, slot] : partitions) {
      const CommittedOffset* offset = slot.Committed(core_.committed());
      if (offset != nullptr) view.push_back({topic, index, offset});
    }
  }
  return view;
}

std::string GroupShard::DumpDurable() const {
  std::vector<std::string> ids = GroupIds();
  std::sort(ids.begin(), ids.end());
  std::string text;
  for (const std::string& id : ids) {
    const Group* group = core_.FindCommittedGroup(id);
    if (group == nullptr) continue;
    text += fmt::format("group {} {}\n", id, ToString(group->type));
    if (group->Is(GroupState::kStable) || (group->Is(GroupState::kEmpty) && group->protocol_type())) {
      text += fmt::format("  {} generation={} type={} protocol={} leader={} since={}\n",
                          ToString(group->state()), group->generation(), group->protocol_type().value_or("-"),
                          group->protocol_name().value_or("-"), group->leader().value_or("-"),
                          group->Is(GroupState::kEmpty) ? group->state_timestamp_ms() : 0);
      for (const Member& member : group->members()) text += DumpMember(member, *group);
    }
    std::vector<GroupView::Offset> offsets = ViewOffsets(id);
    std::sort(offsets.begin(), offsets.end(), [](const auto& a, const auto& b) {
      return std::tie(a.topic, a.partition) < std::tie(b.topic, b.partition);
    });
    for (const GroupView::Offset& offset : offsets) {
      const CommittedOffset& committed = *offset.committed;
      text +=
          fmt::format("  offset {}-{} = {} epoch={} metadata='{}' committed={} expires={} topic={} at={}\n",
                      offset.topic, offset.partition, committed.offset, committed.leader_epoch,
                      committed.metadata, committed.commit_timestamp_ms, committed.expire_timestamp_ms,
                      ToString(committed.topic_id), committed.record_offset);
    }
  }
  return text;
}

}  // namespace dohle::coordinator
