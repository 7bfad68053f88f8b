#include "broker/coordinator/shard_core.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"

namespace dohle::coordinator {

using kafka::ErrorCode;

Group* ShardCore::FindGroup(std::string_view id) {
  const auto found = groups_.find(id);
  if (found == groups_.end()) return nullptr;
  const std::unique_ptr<Group>* group = found->second.Latest();
  return group == nullptr ? nullptr : group->get();
}

std::vector<std::string> ShardCore::GroupIds() const {
  std::vector<std::string> ids;
  ids.reserve(groups_.size());
  for (const auto& [id, slot] : groups_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

Group* ShardCore::FindClassicGroup(std::string_view id) {
  Group* group = FindGroup(id);
  return group != nullptr && group->type == GroupType::kClassic ? group : nullptr;
}

const Group* ShardCore::FindCommittedGroup(std::string_view id) const {
  const auto found = groups_.find(id);
  if (found == groups_.end()) return nullptr;
  const std::unique_ptr<Group>* group = found->second.Committed(committed_);
  return group == nullptr ? nullptr : group->get();
}

Group& ShardCore::CreateGroup(std::string_view id) {
  return PutGroup(std::make_unique<Group>(std::string(id), now.wall_ms));
}

Group& ShardCore::PutGroup(std::unique_ptr<Group> group) {
  Group& added = *group;
  groups_[added.id()].Set(std::move(group), next_position());
  if (!loading_) touched_.groups.push_back(added.id());
  return added;
}

void ShardCore::RemoveGroup(std::string_view id) {
  const auto found = groups_.find(id);
  if (found == groups_.end() || found->second.Latest() == nullptr) return;
  if (loading_) {
    groups_.erase(found);
    return;
  }
  found->second.Set(std::nullopt, next_position());
  touched_.groups.emplace_back(id);
}

void ShardCore::PutOffset(std::string_view group, std::string_view topic, int32_t partition,
                          CommittedOffset offset, size_t record_index) {
  offsets.Put(group, topic, partition, std::move(offset), next_position());
  if (!loading_) {
    touched_.offsets.push_back({{std::string(group), std::string(topic), partition}, record_index});
  }
}

void ShardCore::EraseOffset(std::string_view group, std::string_view topic, int32_t partition) {
  offsets.Erase(group, topic, partition, next_position());
  if (!loading_) touched_.offsets.push_back({{std::string(group), std::string(topic), partition}, 0});
}

void ShardCore::Answer(RequestId request, Response response) {
  effects_.replies.push_back({request, std::move(response)});
}

void ShardCore::AnswerWhenWritten(RequestId request, Response response) {
  if (pending_.empty()) {
    Answer(request, std::move(response));
    return;
  }
  PendingWrite& last = pending_.back();
  if (!last.expired) {
    last.replies.push_back({request, std::move(response)});
    return;
  }
  // Waits for the same write, from now on.
  const WritePosition position = last.position;
  PendingWrite& barrier = pending_.emplace_back();
  barrier.position = position;
  barrier.deadline = WriteDeadline();
  barrier.replies.push_back({request, std::move(response)});
}

void ShardCore::AppendRecords(std::vector<Record> records, Continuation continuation) {
  DOHLE_CHECK(!loading_ && !records.empty());
  PendingWrite& write = pending_.emplace_back();
  write.position = ++last_position_;
  write.record_count = records.size();
  write.touched = std::exchange(touched_, {});
  write.continuation = std::move(continuation);
  write.deadline = WriteDeadline();
  effects_.writes.push_back({write.position, std::move(records)});
}

void ShardCore::Conclude(PendingWrite& write, ErrorCode error) {
  if (write.expired) return;
  if (write.continuation) write.continuation(error);
  write.continuation = nullptr;
  for (Reply& reply : write.replies) {
    if (error != ErrorCode::kNone) MakeError(reply.response, error);
    effects_.replies.push_back(std::move(reply));
  }
  write.replies.clear();
}

void ShardCore::OnWritten(WritePosition position, int64_t base_offset) {
  std::vector<PendingWrite> written;
  while (!pending_.empty() && pending_.front().position <= position) {
    if (pending_.front().expired) --expired_count_;
    written.push_back(std::move(pending_.front()));
    pending_.pop_front();
  }
  for (PendingWrite& write : written) {
    committed_ = write.position;
    for (const TouchedOffset& offset : write.touched.offsets) {
      offsets.Commit(offset.key, committed_, base_offset + static_cast<int64_t>(offset.record_index));
    }
    for (const std::string& id : write.touched.groups) {
      const auto found = groups_.find(id);
      if (found == groups_.end()) continue;
      found->second.Commit(committed_);
      if (found->second.vacant()) groups_.erase(found);
    }
    base_offset += static_cast<int64_t>(write.record_count);
    Conclude(write, ErrorCode::kNone);
  }
}

void ShardCore::Revert(const Touched& touched, ErrorCode error) {
  for (const TouchedOffset& offset : touched.offsets) offsets.Revert(offset.key, committed_);
  for (const std::string& id : touched.groups) {
    const auto found = groups_.find(id);
    if (found == groups_.end()) continue;
    found->second.Revert(
        committed_, [this, error](std::unique_ptr<Group>& group) { DropGroup(*group, ToGroupError(error)); });
    if (found->second.vacant()) groups_.erase(found);
  }
}

void ShardCore::OnWriteFailed(ErrorCode error) {
  std::deque<PendingWrite> failed = std::exchange(pending_, {});
  expired_count_ = 0;
  for (const PendingWrite& write : failed) Revert(write.touched, error);
  for (PendingWrite& write : failed) Conclude(write, error);
}

void ShardCore::ExpireWrites() {
  while (expired_count_ < pending_.size() && pending_[expired_count_].deadline <= now.monotonic) {
    PendingWrite& write = pending_[expired_count_++];
    PendingWrite concluded;
    concluded.continuation = std::exchange(write.continuation, nullptr);
    concluded.replies = std::exchange(write.replies, {});
    write.expired = true;
    Conclude(concluded, ErrorCode::kRequestTimedOut);
  }
}

env::MonotonicTime ShardCore::NextDeadline() const {
  const env::MonotonicTime next = timers.Next();
  if (expired_count_ == pending_.size()) return next;
  return std::min(next, pending_[expired_count_].deadline);
}

void ShardCore::DropGroup(Group& group, ErrorCode error) {
  for (Member& member : group.members()) {
    if (const auto waiting = group.TakeAwaitingJoin(member)) Answer(*waiting, JoinError(member.id, error));
    if (const auto waiting = std::exchange(member.awaiting_sync, std::nullopt)) {
      Answer(*waiting, SyncError(error));
    }
  }
}

}  // namespace dohle::coordinator
