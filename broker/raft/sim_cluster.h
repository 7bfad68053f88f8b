// For tests: a quorum of simulated nodes under a virtual clock and a network that delays, loses, duplicates
// and reorders. Each node is a Raft with the driver's part done in memory. Deterministic: all chance comes
// from one seed.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "broker/raft/chance.h"
#include "broker/raft/raft.h"
#include "broker/raft/sim_checks.h"
#include "broker/raft/sim_log.h"

namespace dohle::raft {

struct SimOptions {
  uint64_t seed = 1;
  int nodes = 3;
  int voters = 3;  // nodes 1 to `voters`; the others begin as observers
  RaftRules rules;
  bool flush_before_ack = true;
  bool tells_gone = true;  // connections of a dead process are seen to be reset
  int64_t fetch_wait_ms = 50;
  bool traced = false;
};

// Of a link; changed at any time.
struct SimNetwork {
  int64_t min_delay_ms = 1;
  int64_t max_delay_ms = 3;
  double loss = 0;
  double duplicates = 0;
  int64_t min_sync_ms = 1;  // of a disk
  int64_t max_sync_ms = 4;
};

// The voter that node `id` is or may become.
Voter SimVoter(NodeId id);

class SimCluster {
 public:
  explicit SimCluster(SimOptions options);
  ~SimCluster();

  void Start(NodeId id);
  void StartAll();
  // At once, with the loss of what isn't on its disk.
  void Kill(NodeId id);
  void Stop(NodeId id);  // Resign, then what remains of it is killed
  void Cut(NodeId from, NodeId to) { cut_.insert({from, to}); }
  void Heal() { cut_.clear(); }
  // A connection was reset though the process lives.
  void FalseAlarm(NodeId at, NodeId gone);
  // Whoever takes itself for a leader: appends a record of a client.
  void Write(NodeId id);
  RaftError AddVoter(NodeId leader, NodeId added);
  RaftError RemoveVoter(NodeId leader, NodeId removed);
  void TakeSnapshot(NodeId id);

  void RunFor(int64_t ms);
  bool RunUntil(const std::function<bool()>& condition, int64_t within_ms);

  bool is_up(NodeId id) const;
  const Raft& raft(NodeId id) const;
  const SimLog& log(NodeId id) const;
  std::optional<NodeId> leader() const;  // of the largest epoch
  std::vector<NodeId> ids() const;
  int64_t now_ms() const { return now_ms_; }
  uint64_t events() const { return events_; }
  uint64_t changes_done() const { return changes_done_; }
  uint64_t snapshots_fetched() const { return snapshots_fetched_; }
  uint64_t truncations() const { return truncations_; }
  SimNetwork& network() { return network_; }
  SimChecks& checks() { return checks_; }
  const std::optional<std::string>& violation() const { return checks_.violation(); }
  const std::string& trace() const { return trace_; }
  int64_t Random(int64_t from, int64_t to);  // both inclusive
  bool Chance(double p);

 private:
  struct Node {
    Node(NodeId node_id, VoterSet voters) : id(node_id), log(std::move(voters)) {}

    NodeId id;
    // On its disk.
    SimLog log;
    ElectionState election;
    // In its memory.
    Offset applied = kNoOffset;
    std::optional<Raft> raft;
    uint64_t incarnation = 0;
    bool flushing = false;
    Offset flush_target{0};
    int64_t sync_ms = 0;  // that what is sent now has to wait for
    uint64_t fetch = 0;   // the newest; an answer to an older one is dropped
    bool fetching = false;
    Raft::FetchTarget fetching_from;
    std::vector<SimRecord> brought;
    int64_t timer_ms = INT64_MAX;
    std::deque<Effect> todo;
    bool performing = false;
    std::string traced;
  };
  struct FetchAnswer {
    FetchResponse response;
    std::vector<SimRecord> records;
  };
  struct SnapshotAnswer {
    RaftError error;
    KnownLeader leader;
    std::optional<SimSnapshot> snapshot;
  };
  struct Event {
    int64_t at_ms;
    uint64_t order;
    std::function<void()> run;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at_ms != b.at_ms ? a.at_ms > b.at_ms : a.order > b.order;
    }
  };
  Node& At(NodeId id);
  // As long as this incarnation of the node lives.
  void After(int64_t delay_ms, Node& node, std::function<void(Node&)> run);
  void AtMs(int64_t at_ms, std::function<void()> run);
  void Step(Node& node, const Input& input);
  void Perform(Node& node, Effects effects);
  void PerformOne(Node& node, const Effect& effect);
  void OnBecomeLeader(Node& node, const AppendLeaderChange& change);
  void Send(Node& node, const SendVote& send);
  void Send(Node& node, const SendBeginQuorumEpoch& send);
  void Send(Node& node, const SendEndQuorumEpoch& send);
  void Settle(Node& node);  // timers, fetches, checks, after anything has happened to it
  void Append(Node& node, SimRecord record);
  void StartFlush(Node& node);
  void OnFlushed(Node& node, Offset target);
  void Fetch(Node& node);
  void FetchFrom(Node& node, NodeId from);
  void OnFetchAnswer(Node& node, NodeId from, uint64_t fetch, const FetchAnswer& answer);
  void FetchSnapshotFrom(Node& node, const OffsetAndEpoch& id);
  void OnSnapshotAnswer(Node& node, NodeId from, uint64_t fetch, const SnapshotAnswer& answer);
  void TellVoters(Node& node);
  void TellGone(NodeId id);
  int64_t Delay();
  void TraceRole(Node& node);
  void Trace(const std::string& line);

  // Sends a request and its answer over the network; `failed` if none comes in time.
  template <typename Answer>
  void Call(Node& from, NodeId to, int64_t extra_ms, std::function<Answer(Node&)> serve,
            std::function<void(Node&, const Answer&)> answered, std::function<void(Node&)> failed);

  SimOptions options_;
  SimNetwork network_;
  SimChecks checks_;
  raft::Chance chance_;
  std::map<NodeId, std::unique_ptr<Node>> nodes_;
  std::set<std::pair<NodeId, NodeId>> cut_;
  std::priority_queue<Event, std::vector<Event>, Later> queue_;
  int64_t now_ms_ = 1000;
  uint64_t order_ = 0;
  uint64_t events_ = 0;
  uint64_t next_value_ = 1;
  uint64_t changes_done_ = 0;
  uint64_t snapshots_fetched_ = 0;
  uint64_t truncations_ = 0;
  std::string trace_;
};

}  // namespace dohle::raft
