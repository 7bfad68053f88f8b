// QuorumServer: what peers and administrators ask of this member of the quorum, see quorum_api.h.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "broker/metadata/quorum_api.h"
#include "broker/metadata/quorum_member.h"

namespace dohle::metadata {

class QuorumServer final : public QuorumApi {
 public:
  explicit QuorumServer(QuorumMember& member) : member_(member) {}

  env::Task<kafka::VoteResponse> Vote(const kafka::VoteRequest& request, int16_t version) override;
  env::Task<kafka::BeginQuorumEpochResponse> BeginQuorumEpoch(const kafka::BeginQuorumEpochRequest& request,
                                                              int16_t version) override;
  env::Task<kafka::EndQuorumEpochResponse> EndQuorumEpoch(const kafka::EndQuorumEpochRequest& request,
                                                          int16_t version) override;
  env::Task<kafka::FetchResponse> Fetch(const kafka::FetchRequest& request, int16_t version) override;
  env::Task<kafka::FetchSnapshotResponse> FetchSnapshot(const kafka::FetchSnapshotRequest& request,
                                                        int16_t version) override;
  env::Task<kafka::AddRaftVoterResponse> AddRaftVoter(const kafka::AddRaftVoterRequest& request,
                                                      int16_t version) override;
  env::Task<kafka::RemoveRaftVoterResponse> RemoveRaftVoter(const kafka::RemoveRaftVoterRequest& request,
                                                            int16_t version) override;
  env::Task<kafka::UpdateRaftVoterResponse> UpdateRaftVoter(const kafka::UpdateRaftVoterRequest& request,
                                                            int16_t version) override;

 private:
  struct FetchOutcome {
    raft::FetchDecision decision;
    Offset log_start_offset{0};
    std::string records;
    QuorumMember::Wake wake;  // set: there is nothing to be said yet
  };
  struct Verdict {
    raft::RaftError error = raft::RaftError::kNone;
    std::string message;
  };

  bool ended() const { return member_.stopping() || member_.failed(); }
  bool IsOurCluster(const std::optional<kafka::Text>& cluster_id) const;
  env::Task<FetchOutcome> TryFetch(const kafka::FetchRequest& request, raft::FetchRequest asked, bool may_wait);
  env::Task<StatusOr<std::string>> ReadPiece(std::string path, int64_t position, int32_t max_bytes,
                                             uint64_t* size);
  // Whether that voter can be added, as far as it itself is to be asked.
  env::Task<Verdict> CheckNewVoter(const raft::Voter& voter);
  // Begins a change and waits for its end.
  enum class Change : uint8_t { kAdd, kRemove, kUpdate };
  env::Task<raft::RaftError> ChangeVoters(Change change, raft::Voter voter, bool until_committed,
                                          int32_t timeout_ms);

  QuorumMember& member_;
};

}  // namespace dohle::metadata
