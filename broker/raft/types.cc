#include "broker/raft/types.h"

#include <algorithm>

#include "broker/raft/flat_json.h"

namespace dohle::raft {
namespace {

// quorum-state names ids as signed 32-bit numbers; anything else isn't ours.
StatusOr<int32_t> Int32Member(const FlatJson& json, std::string_view name) {
  const std::optional<int64_t> value = json.Int(name);
  if (!value.has_value() || *value < INT32_MIN || *value > INT32_MAX) {
    return MakeStatus(StatusCode::kDataLoss, "quorum-state has no valid \"{}\"", name);
  }
  return static_cast<int32_t>(*value);
}

}  // namespace

const Voter* VoterSet::Find(NodeId id) const {
  const auto found =
      std::find_if(voters.begin(), voters.end(), [&](const Voter& v) { return v.key.id == id; });
  return found == voters.end() ? nullptr : &*found;
}

bool VoterSet::Contains(const ReplicaKey& key) const {
  const Voter* voter = Find(key.id);
  if (voter == nullptr) return false;
  return voter->key.directory_id.is_zero() || key.directory_id.is_zero() ||
         voter->key.directory_id == key.directory_id;
}

std::string FormatQuorumState(const ElectionState& state, int16_t kraft_version) {
  const int32_t voted_id = state.voted.has_value() ? state.voted->id.value() : -1;
  if (kraft_version == 0) {
    return fmt::format(
        R"({{"clusterId":"","leaderId":{},"leaderEpoch":{},"votedId":{},"appliedOffset":0,"currentVoters":[],)"
        R"("data_version":0}})",
        state.leader_id.value(), state.epoch.value(), voted_id);
  }
  const DirectoryId voted_directory = state.voted.has_value() ? state.voted->directory_id : DirectoryId();
  return fmt::format(
      R"({{"leaderId":{},"leaderEpoch":{},"votedId":{},"votedDirectoryId":"{}","data_version":1}})",
      state.leader_id.value(), state.epoch.value(), voted_id, ToString(voted_directory));
}

StatusOr<ElectionState> ParseQuorumState(std::string_view content) {
  DOHLE_ASSIGN_OR_RETURN(const FlatJson json, FlatJson::Parse(content));
  DOHLE_ASSIGN_OR_RETURN(const int32_t data_version, Int32Member(json, "data_version"));
  if (data_version < 0 || data_version > 1) {
    return MakeStatus(StatusCode::kDataLoss, "quorum-state has data_version {}: only 0 and 1 are known",
                      data_version);
  }
  ElectionState state;
  DOHLE_ASSIGN_OR_RETURN(const int32_t epoch, Int32Member(json, "leaderEpoch"));
  DOHLE_ASSIGN_OR_RETURN(const int32_t leader_id, Int32Member(json, "leaderId"));
  DOHLE_ASSIGN_OR_RETURN(const int32_t voted_id, Int32Member(json, "votedId"));
  if (epoch < 0) return MakeStatus(StatusCode::kDataLoss, "quorum-state has leaderEpoch {}", epoch);
  state.epoch = LeaderEpoch(epoch);
  state.leader_id = NodeId(leader_id);
  if (voted_id < 0) return state;
  state.voted = ReplicaKey{NodeId(voted_id), DirectoryId()};
  if (const std::optional<std::string> directory = json.String("votedDirectoryId"); directory.has_value()) {
    const std::optional<Uuid> id = Uuid::Parse(*directory);
    if (!id.has_value())
      return MakeStatus(StatusCode::kDataLoss, "quorum-state has no valid votedDirectoryId");
    state.voted->directory_id = *id;
  }
  return state;
}

}  // namespace dohle::raft
