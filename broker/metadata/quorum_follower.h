// QuorumFollower: fetches the metadata log from whoever leads (KIP-595), or asks around who that is: the loop
// of voters that follow and of observers. Stands still while this node leads or elects.
//
// Records are on the disk before the next fetch, since its offset acknowledges them. On the log's executor.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "broker/metadata/quorum_member.h"

namespace dohle::metadata {

class QuorumFollower {
 public:
  QuorumFollower(QuorumMember& member, QuorumHandler& handler) : member_(member), handler_(handler) {}

  // Until the member stops or fails.
  env::Task<void> Run(env::RunningTasks::Hold);

 private:
  // What was to be fetched, from whom.
  struct Plan {
    raft::Raft::FetchTarget target;
    NodeId from = kNoNode;
    env::Endpoint endpoint;
    raft::FetchRequest request;
    Offset high_watermark;
    raft::OffsetAndEpoch log_end;
    std::optional<raft::Voter> update;  // this node's, to be told to the leader first
  };
  struct Download;

  bool ended() const { return member_.stopping() || member_.failed(); }
  std::optional<Plan> MakePlan();
  std::optional<env::Endpoint> NextBootstrapServer(NodeId* id);
  std::optional<raft::Voter> UpdateOfSelf(const Plan& plan);
  // Whether the plan is still what should be done.
  bool Holds(const Plan& plan);

  env::Task<Status> Flush();
  // Whether to go on at once.
  env::Task<bool> Fetch(const Plan& plan);
  env::Task<bool> TakeAnswer(const Plan& plan, const kafka::FetchResponse& message);
  env::Task<void> TellFailure(const Plan& plan, Status status);
  env::Task<void> UpdateVoter(const Plan& plan);
  env::Task<bool> FetchSnapshot(const Plan& plan, raft::OffsetAndEpoch id);
  env::Task<Status> FetchPieces(const Plan& plan, Download* download);
  env::Task<StatusOr<std::string>> TakePiece(const Plan& plan, const kafka::FetchSnapshotResponse& message,
                                             Download* download);
  env::Task<Status> Install(const Plan& plan, Download* download);

  // Sends and waits; kCancelled if meanwhile the plan no longer holds.
  template <typename Response, typename Request>
  env::Task<StatusOr<kafka::client::Answer<Response>>> Call(const Plan& plan, Request request);

  QuorumMember& member_;
  QuorumHandler& handler_;
  size_t next_bootstrap_ = 0;
  int64_t updated_ms_ = INT64_MIN / 2;
};

}  // namespace dohle::metadata
