#include "broker/raft/raft.h"

#include "broker/raft/machine.h"
#include "lib/base/check.h"

namespace dohle::raft {

StatusOr<Raft> Raft::Create(RaftConfig config) {
  DOHLE_CHECK(config.log != nullptr);
  const LeaderEpoch log_epoch = config.log->End().epoch;
  if (config.persisted.epoch < log_epoch) {
    return MakeStatus(
        StatusCode::kFailedPrecondition,
        "quorum-state is at epoch {}, behind the metadata log at epoch {}: one of them belongs to "
        "another time",
        config.persisted.epoch.value(), log_epoch.value());
  }
  return Raft(std::make_unique<Machine>(std::move(config)));
}

Raft::Raft(std::unique_ptr<Machine> machine) : machine_(std::move(machine)) {}
Raft::Raft(Raft&& other) noexcept = default;
Raft& Raft::operator=(Raft&& other) noexcept = default;
Raft::~Raft() = default;

Effects Raft::Step(const Input& input, int64_t now_ms) { return machine_->Step(input, now_ms); }

Answered<VoteResponse> Raft::Vote(const VoteRequest& request, int64_t now_ms) {
  return machine_->Vote(request, now_ms);
}
Answered<QuorumEpochResponse> Raft::BeginQuorumEpoch(const BeginQuorumEpochRequest& request, int64_t now_ms) {
  return machine_->BeginQuorumEpoch(request, now_ms);
}
Answered<QuorumEpochResponse> Raft::EndQuorumEpoch(const EndQuorumEpochRequest& request, int64_t now_ms) {
  return machine_->EndQuorumEpoch(request, now_ms);
}
Answered<FetchDecision> Raft::Fetch(const FetchRequest& request, int64_t now_ms) {
  return machine_->Fetch(request, now_ms);
}
FetchDecision Raft::FetchSnapshotAllowed(const FetchSnapshotRequest& request, int64_t now_ms) {
  return machine_->FetchSnapshotAllowed(request, now_ms);
}
Answered<RaftError> Raft::AddVoter(const Voter& voter, int64_t now_ms) {
  return machine_->AddVoter(voter, now_ms);
}
Answered<RaftError> Raft::RemoveVoter(const ReplicaKey& voter, int64_t now_ms) {
  return machine_->RemoveVoter(voter, now_ms);
}
Answered<RaftError> Raft::UpdateVoter(const Voter& voter, int64_t now_ms) {
  return machine_->UpdateVoter(voter, now_ms);
}

int64_t Raft::deadline_ms() const { return machine_->deadline_ms(); }
Raft::FetchTarget Raft::fetch_target() const { return machine_->fetch_target(); }
Role Raft::role() const { return machine_->role(); }
bool Raft::is_voter() const { return machine_->is_voter(); }
LeaderEpoch Raft::epoch() const { return machine_->epoch(); }
NodeId Raft::leader_id() const { return machine_->leader_id(); }
Offset Raft::epoch_start_offset() const { return machine_->epoch_start_offset(); }
Offset Raft::high_watermark() const { return machine_->high_watermark(); }
const VoterSet& Raft::voters() const { return machine_->voters(); }
const ElectionState& Raft::election() const { return machine_->election(); }
std::vector<ReplicaProgress> Raft::Voters(int64_t now_ms) const { return machine_->DescribeVoters(now_ms); }
std::vector<ReplicaProgress> Raft::Observers(int64_t now_ms) const {
  return machine_->DescribeObservers(now_ms);
}

}  // namespace dohle::raft
