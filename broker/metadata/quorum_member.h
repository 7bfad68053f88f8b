// QuorumMember: this node as a member of the metadata quorum, voter or observer. Holds the log and the state
// machine together: performs the machine's effects, keeps its timers, sends its requests. What metadata
// records mean is for the handler.
//
// All state belongs to lane(); what is called `InLane` here is called inside of it, the rest from outside.
// Requests and timers run on the log's executor.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/metadata/control_history.h"
#include "broker/metadata/metadata_log.h"
#include "broker/metadata/metadata_store.h"
#include "broker/metadata/quorum_messages.h"
#include "broker/metadata/quorum_peers.h"
#include "lib/env/doorbell.h"
#include "lib/env/lane.h"
#include "lib/env/one_shot.h"
#include "lib/env/running_tasks.h"

namespace dohle::metadata {

// Called inside the lane.
class QuorumHandler {
 public:
  virtual ~QuorumHandler() = default;
  // This node leads, and the log ends with the record that says so.
  virtual Status OnBecomeLeader(raft::Effects* effects) = 0;
  // Not this node leads, but `leader`, or nobody that is known. `led`: it was this node until now.
  virtual void OnLeaderChange(raft::KnownLeader leader, bool led) = 0;
  virtual void OnHighWatermark() = 0;
  // The leader appended a control batch of its own accord.
  virtual void OnControlAppended() = 0;
  // The log begins anew behind the snapshot that `replay` has read.
  virtual void OnSnapshotFetched(LogReplay replay) = 0;
  // Something of what the quorum's description says may be otherwise.
  virtual void OnStepped() = 0;
  virtual void OnFailure(const Status& status) = 0;
};

// Of the fetch that is being answered, for Perform.
struct Fetched {
  std::string_view records;
  std::optional<raft::OffsetAndEpoch> snapshot;  // out: to be fetched first
  bool malformed = false;                        // out: the records can't be appended
};

class QuorumMember {
 public:
  QuorumMember(const MetadataLogOptions& options, QuorumHandler& handler);
  ~QuorumMember();

  env::Lane& lane() { return lane_; }
  env::RunningTasks& tasks() { return tasks_; }
  MetadataStore& store() { return store_; }
  ControlHistory& control() { return control_; }
  raft::Raft& raft() { return *raft_; }
  const QuorumNames& names() const { return names_; }
  const MetadataLogOptions& options() const { return options_; }
  QuorumPeers* peers() { return peers_.get(); }
  raft::ReplicaKey local() const { return {options_.node_id, options_.directory_id}; }
  int64_t NowMs() const { return options_.clock->Now().nanoseconds() / 1'000'000; }  // monotonic
  // The controllers' address of that voter.
  std::optional<env::Endpoint> EndpointOf(const std::vector<raft::VoterEndpoint>& endpoints) const;
  raft::KnownLeader LeaderInLane() const;
  // What the present leader says is committed; it may be more than this node has.
  std::optional<Offset> CommittedInLane() const;
  void NoteCommittedInLane(const raft::FetchResponse& response);

  // Once the log is open and `control()` says what is in it.
  Status MakeRaft();

  // ---- inside the lane
  env::Task<Status> Start();
  // Performs them in order. Not OK: the disk failed, and the handler knows.
  env::Task<Status> Perform(raft::Effects effects, Fetched* fetched = nullptr);
  // Of the leader. `batch` has place for offset and epoch.
  StatusOr<uint64_t> AppendAsLeader(std::string batch, raft::Effects* effects);
  // The log has begun anew behind the snapshot that `replay` has read.
  env::Task<Status> RestartBehind(LogReplay replay);
  // What a log or snapshot without voters means: those of the configuration.
  ControlState WithStaticVoters(ControlState state) const;
  raft::Effects Step(const raft::Input& input) { return raft_->Step(input, NowMs()); }
  bool failed() const { return failed_; }
  bool stopping() const { return stopping_; }
  void Fail(const Status& status);
  // Whoever waits for records or a newer high watermark asks again.
  void WakeFetchers();

  // ---- waiting, outside of the lane
  // A fetch that could only say «nothing new»: returns when it may be otherwise.
  struct Awaited {
    Offset log_end;         // there is more than that
    Offset high_watermark;  // a higher one is known
  };
  using Wake = std::shared_ptr<env::OneShot<bool>>;
  Wake AwaitInLane(const Awaited& awaited);

  // Keeps the quorum's time until Stop.
  void StartTimers();
  // Hands over if this node leads, and ends everything that runs. Bounded in time.
  env::Task<void> Stop();

  // ---- for the fetch loop
  env::Doorbell& fetch_bell() { return fetch_bell_; }
  // Set while a fetch is under way: `false` if whom to ask has changed meanwhile.
  void set_fetch_under_way(Wake fetch) { fetch_under_way_ = std::move(fetch); }

  // ---- changes of voters: the one that is under way, told by VoterChangeDone.
  using VoterChange = std::shared_ptr<env::OneShot<raft::RaftError>>;
  VoterChange AwaitVoterChangeInLane();

 private:
  struct Poll {
    Awaited awaited;
    Wake wake;
  };

  Status PerformAtOnce(const raft::Effect& effect, Fetched* fetched, raft::Effects* more);
  env::Task<Status> Persist(const raft::ElectionState& state);
  Status AppendLeaderChangeBatch(const raft::AppendLeaderChange& change, raft::Effects* more);
  Status AppendVotersBatch(const raft::VoterSet& voters, raft::Effects* more);
  Status AppendFetched(Fetched* fetched, raft::Effects* more);
  env::Task<Status> Truncate(Offset offset, raft::Effects* more);
  Status NoteControlRecords(const kafka::RecordBatchView& batch, raft::Effects* more);
  void AfterSteps();

  using Hold = env::RunningTasks::Hold;
  env::Task<void> KeepTime(Hold);
  env::Task<void> Ask(raft::SendVote send, env::Endpoint to, Hold);
  env::Task<void> Ask(raft::SendBeginQuorumEpoch send, env::Endpoint to, Hold);
  env::Task<void> Ask(raft::SendEndQuorumEpoch send, env::Endpoint to, Hold);
  env::Task<void> CloseConnections(Hold);
  // Nothing: it failed so.
  env::Task<void> Answered(NodeId from, std::optional<raft::Input> input, Status status);
  template <typename Send>
  void SpawnAsk(const Send& send);

  const MetadataLogOptions& options_;
  QuorumHandler& handler_;
  QuorumNames names_;
  std::unique_ptr<QuorumPeers> peers_;
  env::RunningTasks tasks_;
  env::Lane lane_;

  // Of the lane.
  MetadataStore store_;
  ControlHistory control_;
  std::optional<raft::Raft> raft_;
  bool failed_ = false;
  bool stopping_ = false;
  bool leading_ = false;
  std::optional<Offset> told_committed_;
  std::vector<Poll> polls_;
  raft::Raft::FetchTarget fetch_target_;
  Wake fetch_under_way_;
  int64_t timer_due_ms_ = INT64_MAX;
  int end_epochs_under_way_ = 0;
  Wake end_epochs_answered_;
  VoterChange voter_change_;

  env::Doorbell timer_bell_;
  env::Doorbell fetch_bell_;
};

}  // namespace dohle::metadata
