// For tests: one node of a quorum, which is told by hand what its driver and the others would tell it.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include "broker/raft/raft.h"
#include "broker/raft/sim_log.h"

namespace dohle::raft {

inline constexpr int64_t kNow = 5'000;

inline Voter VoterOf(int id) {
  return {{NodeId(id), DirectoryId(7, static_cast<uint64_t>(id))}, {{"CONTROLLER", "localhost", 9093}}, 0, 1};
}

inline VoterSet Voters(std::initializer_list<int> ids) {
  VoterSet voters;
  for (const int id : ids) voters.voters.push_back(VoterOf(id));
  return voters;
}

// The effects of one kind, in order.
template <typename T>
std::vector<T> Of(const Effects& effects) {
  std::vector<T> found;
  for (const Effect& effect : effects) {
    if (const T* one = std::get_if<T>(&effect); one != nullptr) found.push_back(*one);
  }
  return found;
}

// Node 1 and what it is told. Its log holds `records` of the given epochs.
struct One {
  explicit One(VoterSet voters, ElectionState persisted = {}, std::vector<int> epochs = {}) : log(voters) {
    for (const int epoch : epochs) log.Append({LeaderEpoch(epoch), 0, std::nullopt});
    config.local = VoterOf(1).key;
    config.voters = std::move(voters);
    config.persisted = persisted;
    config.local_endpoints = VoterOf(1).endpoints;
    config.log = &log;
  }

  Effects Start() {
    StatusOr<Raft> made = Raft::Create(config);
    EXPECT_TRUE(made.ok());
    raft.emplace(*std::move(made));
    return raft->Step(Started{}, now);
  }
  Effects Step(const Input& input) { return raft->Step(input, now); }
  Effects PassTo(int64_t ms) {
    now = ms;
    return raft->Step(TimePassed{}, now);
  }
  // As the leader of its next epoch, elected by node 2; its first record is on the disk.
  void Lead() {
    Start();
    PassTo(raft->deadline_ms());
    while (!raft->is_leader()) {
      const VoteRequest request{
          config.local, raft->epoch(), log.End(), raft->role() == Role::kProspective, {}};
      Step(VoteAnswered{VoterOf(2).key, request, {RaftError::kNone, {kNoNode, raft->epoch(), {}}, true}});
    }
    log.Append({raft->epoch(), 0, std::nullopt});
    Step(Appended{log.End()});
    Step(Flushed{log.End().offset});
  }
  void Follow(int leader, int epoch) {
    (void)raft->BeginQuorumEpoch({{NodeId(leader), LeaderEpoch(epoch), VoterOf(leader).endpoints}, {}}, now);
  }
  void FetchFromLeader() {
    Step(FetchAnswered{raft->leader_id(),
                       {RaftError::kNone, {raft->leader_id(), raft->epoch(), {}}, Offset(0), {}, {}}});
  }
  bool Votes(int candidate, int epoch, bool pre_vote, OffsetAndEpoch log_end = {}) {
    return raft->Vote({VoterOf(candidate).key, LeaderEpoch(epoch), log_end, pre_vote, config.local}, now)
        .response.granted;
  }
  Answered<FetchDecision> FetchBy(int replica, int64_t offset, int epoch_of_last) {
    return raft->Fetch({VoterOf(replica).key, raft->epoch(), Offset(offset), LeaderEpoch(epoch_of_last)},
                       now);
  }

  SimLog log;
  RaftConfig config;
  std::optional<Raft> raft;
  int64_t now = kNow;
};

}  // namespace dohle::raft
