// Committed offsets of a shard's groups: commit, fetch, delete, expiry. Pure: acts on a ShardCore. After
// Kafka's OffsetMetadataManager (KIP-211 for expiry, KIP-447 for stable reads, KIP-496 for deletion).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/coordinator/membership.h"
#include "broker/coordinator/shard_core.h"
#include "lib/base/uuid.h"
#include "lib/kafka/messages/offset_commit_request.h"
#include "lib/kafka/messages/offset_delete_request.h"
#include "lib/kafka/messages/offset_fetch_request.h"

namespace dohle::coordinator {

using FetchGroupRequest = kafka::OffsetFetchRequest::OffsetFetchRequestGroup;

struct DeletedTopic {
  Uuid id;
  std::string name;
};

class GroupOffsets {
 public:
  GroupOffsets(ShardCore& core, Membership& membership) : core_(core), membership_(membership) {}

  // Topics carry name and id both, whatever the version: the caller has resolved them.
  void Commit(const Call& call, const kafka::OffsetCommitRequest& request);
  // As above. Of what is committed; if `require_stable` of what is written, answered when that is committed.
  void Fetch(const Call& call, const FetchGroupRequest& request, bool require_stable);
  void Delete(const Call& call, const kafka::OffsetDeleteRequest& request);
  void DeleteGroups(const Call& call, const std::vector<std::string_view>& group_ids);

  // Removes offsets that nobody has needed for offsets.retention.minutes, and groups that have nothing left.
  void Expire();
  void OnTopicsDeleted(const std::vector<DeletedTopic>& topics);

 private:
  kafka::ErrorCode ValidateCommit(const Call& call, const kafka::OffsetCommitRequest& request);
  bool ExpireGroup(Group& group, std::vector<Record>& records);
  bool IsExpired(const CommittedOffset& offset, const Group& group) const;
  void FetchSome(const FetchGroupRequest& request, const OffsetStore::Topics* offsets, bool stable,
                 FetchedGroup& answer) const;
  void FetchAll(std::string_view group_id, const OffsetStore::Topics* offsets, bool stable,
                FetchedGroup& answer) const;
  const CommittedOffset* Visible(const Versioned<CommittedOffset>& slot, bool stable) const {
    return stable ? slot.Latest() : slot.Committed(core_.committed());
  }
  void EraseAll(std::string_view group_id, std::vector<Record>& records);
  void FlushIfLarge(std::vector<Record>& records);

  ShardCore& core_;
  Membership& membership_;
};

}  // namespace dohle::coordinator
