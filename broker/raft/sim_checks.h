// For tests: what must hold in every run of a quorum, checked as things happen (the properties of the TLA+
// specifications of Raft and of KRaft: election safety, log matching, leader completeness, state machine
// safety, monotonic epochs and high watermarks, one vote an epoch).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/raft/raft.h"
#include "broker/raft/sim_log.h"

namespace dohle::raft {

class SimChecks {
 public:
  void OnVote(const ReplicaKey& voter, LeaderEpoch epoch, const ReplicaKey& candidate);
  void OnLeader(NodeId leader, LeaderEpoch epoch, const SimLog& log);
  void OnAppend(NodeId node, const SimLog& log);  // of the last record
  void OnTruncate(NodeId node, const SimLog& log, Offset offset, Offset high_watermark);
  void OnCommit(NodeId node, LeaderEpoch epoch, Offset before, Offset offset, const SimLog& log);
  void OnEpoch(NodeId node, LeaderEpoch epoch);

  const std::optional<std::string>& violation() const { return violation_; }
  Offset committed() const { return Offset(static_cast<int64_t>(committed_.size())); }
  size_t leaders() const { return leaders_.size(); }

 private:
  struct Committed {
    SimRecord record;
    LeaderEpoch in;  // the epoch of the one who first said so
  };
  struct Seen {
    uint64_t value;
    LeaderEpoch before;
  };

  void Fail(std::string what);

  std::optional<std::string> violation_;  // the first
  std::map<std::pair<ReplicaKey, LeaderEpoch>, ReplicaKey> votes_;
  std::map<LeaderEpoch, NodeId> leaders_;
  std::map<NodeId, LeaderEpoch> epochs_;
  std::map<std::pair<LeaderEpoch, Offset>, Seen> seen_;
  std::vector<Committed> committed_;
};

}  // namespace dohle::raft
