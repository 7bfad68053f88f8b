#include "broker/coordinator/group.h"

#include <algorithm>
#include <utility>

#include "broker/coordinator/group_records.h"
#include "lib/base/check.h"

namespace dohle::coordinator {

std::string_view ToString(GroupState state) {
  switch (state) {
    case GroupState::kEmpty:
      return "Empty";
    case GroupState::kPreparingRebalance:
      return "PreparingRebalance";
    case GroupState::kCompletingRebalance:
      return "CompletingRebalance";
    case GroupState::kStable:
      return "Stable";
    case GroupState::kDead:
      return "Dead";
  }
  return "Unknown";
}

std::string_view ToString(GroupType type) {
  switch (type) {
    case GroupType::kClassic:
      return "classic";
    case GroupType::kConsumer:
      return "consumer";
    case GroupType::kShare:
      return "share";
    case GroupType::kStreams:
      return "streams";
  }
  return "unknown";
}

const std::string* Member::MetadataFor(std::string_view protocol) const {
  for (const MemberProtocol& candidate : protocols) {
    if (candidate.name == protocol) return &candidate.metadata;
  }
  return nullptr;
}

void Group::Restore(int32_t generation, std::optional<std::string> protocol_type,
                    std::optional<std::string> protocol_name, std::optional<std::string> leader,
                    int64_t state_timestamp_ms, GroupState state) {
  generation_ = generation;
  protocol_type_ = std::move(protocol_type);
  protocol_name_ = std::move(protocol_name);
  leader_ = std::move(leader);
  state_timestamp_ms_ = state_timestamp_ms;
  state_ = state;
}

Member* Group::FindMember(std::string_view id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &*found->second;
}

const std::string* Group::StaticMemberId(std::string_view instance_id) const {
  const auto found = static_members_.find(instance_id);
  return found == static_members_.end() ? nullptr : &found->second;
}

Member& Group::AddMember(Member member, std::string_view protocol_type) {
  DOHLE_CHECK(!by_id_.contains(member.id));
  if (members_.empty()) protocol_type_ = protocol_type;
  if (!leader_) leader_ = member.id;
  if (member.instance_id) static_members_.insert_or_assign(*member.instance_id, member.id);
  pending_joins_.erase(member.id);
  members_.push_back(std::move(member));
  const auto added = std::prev(members_.end());
  by_id_.emplace(added->id, added);
  CountProtocols(*added, 1);
  return *added;
}

std::optional<Member> Group::RemoveMember(std::string_view id) {
  if (const auto pending = pending_joins_.find(id); pending != pending_joins_.end())
    pending_joins_.erase(pending);
  if (const auto pending = pending_syncs_.find(id); pending != pending_syncs_.end())
    pending_syncs_.erase(pending);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  const auto position = found->second;
  by_id_.erase(found);
  CountProtocols(*position, -1);
  if (position->awaiting_join) --awaiting_join_count_;
  if (position->instance_id) static_members_.erase(*position->instance_id);
  Member removed = std::move(*position);
  members_.erase(position);
  if (IsLeader(removed.id)) {
    leader_.reset();
    if (!members_.empty()) leader_ = members_.front().id;
  }
  return removed;
}

Member& Group::ReplaceStaticMember(std::string_view old_id, std::string new_id) {
  const auto found = by_id_.find(old_id);
  DOHLE_CHECK(found != by_id_.end() && found->second->instance_id);
  const auto position = found->second;
  by_id_.erase(found);
  if (IsLeader(position->id)) leader_ = new_id;
  position->id = std::move(new_id);
  if (position->awaiting_join) --awaiting_join_count_;
  position->awaiting_join.reset();
  position->awaiting_sync.reset();
  position->heartbeat_timer = kNoTimer;
  position->is_new = false;
  by_id_.emplace(position->id, position);
  static_members_.insert_or_assign(*position->instance_id, position->id);
  return *position;
}

void Group::SetProtocols(Member& member, std::vector<MemberProtocol> protocols) {
  CountProtocols(member, -1);
  member.protocols = std::move(protocols);
  CountProtocols(member, 1);
}

void Group::CountProtocols(const Member& member, int change) {
  for (size_t i = 0; i < member.protocols.size(); ++i) {
    const std::string& name = member.protocols[i].name;
    // A member that names a protocol twice speaks it once.
    if (member.MetadataFor(name) != &member.protocols[i].metadata) continue;
    if (change > 0) {
      ++protocol_counts_[name];
    } else if (const auto found = protocol_counts_.find(name); --found->second == 0) {
      protocol_counts_.erase(found);
    }
  }
}

void Group::AwaitJoin(Member& member, RequestId request) {
  DOHLE_CHECK(!member.awaiting_join);
  member.awaiting_join = request;
  ++awaiting_join_count_;
}

std::optional<RequestId> Group::TakeAwaitingJoin(Member& member) {
  if (member.awaiting_join) --awaiting_join_count_;
  return std::exchange(member.awaiting_join, std::nullopt);
}

kafka::ErrorCode Group::ValidateMember(std::string_view member_id,
                                       std::optional<std::string_view> instance_id) const {
  if (instance_id) {
    const std::string* existing = StaticMemberId(*instance_id);
    if (existing == nullptr) return kafka::ErrorCode::kUnknownMemberId;
    if (*existing != member_id) return kafka::ErrorCode::kFencedInstanceId;
  }
  return by_id_.contains(member_id) ? kafka::ErrorCode::kNone : kafka::ErrorCode::kUnknownMemberId;
}

bool Group::CanRebalance() const {
  return Is(GroupState::kStable) || Is(GroupState::kCompletingRebalance) || Is(GroupState::kEmpty);
}

int32_t Group::RebalanceTimeoutMs() const {
  int32_t longest = 0;
  for (const Member& member : members_) longest = std::max(longest, member.rebalance_timeout_ms);
  return longest;
}

bool Group::Supports(std::string_view protocol_type, const std::vector<MemberProtocol>& protocols) const {
  if (Is(GroupState::kEmpty)) return !protocol_type.empty() && !protocols.empty();
  if (!protocol_type_ || *protocol_type_ != protocol_type) return false;
  return std::any_of(protocols.begin(), protocols.end(), [this](const MemberProtocol& protocol) {
    const auto found = protocol_counts_.find(protocol.name);
    return (found == protocol_counts_.end() ? 0 : found->second) == members_.size();
  });
}

std::string Group::SelectProtocol() const {
  DOHLE_CHECK(!members_.empty());
  std::vector<std::pair<std::string_view, size_t>> votes;
  for (const Member& member : members_) {
    for (const MemberProtocol& protocol : member.protocols) {
      const auto count = protocol_counts_.find(protocol.name);
      if (count == protocol_counts_.end() || count->second != members_.size()) continue;
      const auto vote = std::find_if(votes.begin(), votes.end(),
                                     [&protocol](const auto& other) { return other.first == protocol.name; });
      if (vote == votes.end()) {
        votes.emplace_back(protocol.name, 1);
      } else {
        ++vote->second;
      }
      break;
    }
  }
  const auto most = std::max_element(votes.begin(), votes.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == votes.end() ? std::string() : std::string(most->first);
}

bool Group::ElectJoinedLeader() {
  if (!leader_) return false;
  if (const Member* leader = FindMember(*leader_); leader != nullptr && leader->awaiting_join) return true;
  for (const Member& member : members_) {
    if (!member.awaiting_join) continue;
    leader_ = member.id;
    return true;
  }
  return false;
}

void Group::StartNextGeneration(int64_t now_ms) {
  ++generation_;
  protocol_name_.reset();
  if (!members_.empty()) protocol_name_ = SelectProtocol();
  ComputeSubscriptions();
  TransitionTo(members_.empty() ? GroupState::kEmpty : GroupState::kCompletingRebalance, now_ms);
  pending_syncs_.clear();
}

void Group::TransitionTo(GroupState state, int64_t now_ms) {
  previous_state_ = state_;
  state_ = state;
  state_timestamp_ms_ = now_ms;
}

void Group::ComputeSubscriptions() {
  subscribed_topics_.reset();
  if (!UsesConsumerProtocol()) return;
  std::set<std::string, std::less<>> topics;
  if (!members_.empty()) {
    if (!protocol_name_) return;
    for (const Member& member : members_) {
      const std::string* metadata = member.MetadataFor(*protocol_name_);
      if (metadata == nullptr || !AddSubscribedTopics(*metadata, &topics)) return;
    }
  }
  subscribed_topics_ = std::move(topics);
}

bool Group::IsSubscribedTo(std::string_view topic) const {
  if (!subscribed_topics_) return UsesConsumerProtocol();
  return subscribed_topics_->find(topic) != subscribed_topics_->end();
}

}  // namespace dohle::coordinator
