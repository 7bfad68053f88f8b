#include "broker/raft/raft.h"

#include <algorithm>

#include "lib/base/check.h"

namespace dohle::raft {

StatusOr<Raft> Raft::Create(RaftConfig config) {
  if (!config.voters.IsOnlyVoter(config.local)) {
    return MakeStatus(
        StatusCode::kUnimplemented,
        "this node (id {}, directory {}) isn't the only voter of the quorum: quorums of several "
        "voters aren't served yet",
        config.local.id.value(), ToString(config.local.directory_id));
  }
  if (config.persisted.epoch < config.log_end.epoch) {
    return MakeStatus(
        StatusCode::kFailedPrecondition,
        "quorum-state is at epoch {}, behind the metadata log at epoch {}: one of them belongs to "
        "another time",
        config.persisted.epoch.value(), config.log_end.epoch.value());
  }
  return Raft(std::move(config));
}

Raft::Raft(RaftConfig config)
    : local_(config.local),
      voters_(std::move(config.voters)),
      voters_in_log_(config.voters_in_log),
      election_(config.persisted),
      log_end_(config.log_end) {}

Effects Raft::Step(const Input& input) {
  Effects effects;
  if (std::holds_alternative<Started>(input)) {
    DOHLE_CHECK(role_ == Role::kUnattached);
    Elect(&effects);
  } else if (const auto* appended = std::get_if<Appended>(&input)) {
    DOHLE_CHECK(appended->log_end.offset >= log_end_.offset);
    log_end_ = appended->log_end;
  } else if (const auto* flushed = std::get_if<Flushed>(&input)) {
    flushed_offset_ = std::max(flushed_offset_, flushed->offset);
    MaybeAdvance(&effects);
  } else if (const auto* changed = std::get_if<VotersChanged>(&input)) {
    voters_ = changed->voters;
    voters_in_log_ = true;
  }
  return effects;
}

void Raft::Elect(Effects* effects) {
  // The vote for oneself and the win are one step for the only voter, but both states are persisted, as the
  // vote must never be forgotten if the machine stops in between.
  election_ = ElectionState{election_.epoch + 1, kNoNode, local_};
  role_ = Role::kCandidate;
  effects->push_back(PersistElection{election_});

  election_ = ElectionState{election_.epoch, local_.id, std::nullopt};
  role_ = Role::kLeader;
  epoch_start_offset_ = log_end_.offset;
  effects->push_back(PersistElection{election_});
  effects->push_back(BecomeLeader{election_.epoch});

  AppendLeaderChange change{election_.epoch, {}, {local_.id}, !voters_in_log_};
  for (const Voter& voter : voters_.voters) change.voters.push_back(voter.key.id);
  effects->push_back(std::move(change));
  voters_in_log_ = true;
}

void Raft::MaybeAdvance(Effects* effects) {
  if (role_ != Role::kLeader) return;
  const Offset candidate = std::min(flushed_offset_, log_end_.offset);
  // A leader counts replicas only for records of its own epoch (Raft, section 5.4.2).
  if (candidate <= epoch_start_offset_ || candidate <= high_watermark_) return;
  high_watermark_ = candidate;
  effects->push_back(AdvanceHighWatermark{candidate});
}

std::vector<ReplicaProgress> Raft::Replicas(int64_t now_ms) const {
  if (role_ != Role::kLeader) return {};
  return {ReplicaProgress{local_, log_end_.offset, now_ms, now_ms}};
}

}  // namespace dohle::raft
