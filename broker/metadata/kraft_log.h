// KraftLog: the MetadataLog of a quorum member: what the log's records mean, above QuorumMember. Inside of
// this folder only; others see metadata_log.h.
//
// `replay_` has everything that was appended while this node leads, and what is published otherwise. An
// update is sealed from it, waits until it is committed, and is published.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/metadata/log_replay.h"
#include "broker/metadata/metadata_log.h"
#include "broker/metadata/quorum_follower.h"
#include "broker/metadata/quorum_member.h"
#include "broker/metadata/quorum_server.h"
#include "broker/metadata/recent_latency.h"
#include "lib/env/stop_signal.h"

namespace dohle::metadata {

class KraftLog final : public MetadataLog, private QuorumHandler {
 public:
  explicit KraftLog(MetadataLogOptions options);

  Status Load();

  void AddPublisher(MetadataPublisher* publisher) override { publishers_.push_back(publisher); }
  void AddQuorumListener(QuorumListener* listener) override { listeners_.push_back(listener); }
  env::Task<Status> Start() override;
  env::Task<Status> WaitUntilCaughtUp() override;
  env::Task<StatusOr<Offset>> Write(Decide decide) override;
  env::Task<StatusOr<raft::OffsetAndEpoch>> TakeSnapshot() override;
  env::Task<Status> Stop() override;
  QuorumApi* quorum_api() override { return &server_; }
  const MetadataCache& cache() const override { return cache_; }
  Offset applied_offset() const override { return Offset(applied_offset_.load()); }
  QuorumDescription Describe() const override;
  std::shared_ptr<const QuorumLeader> leader() const override { return leader_.Current(); }

 private:
  using Hold = env::RunningTasks::Hold;
  using Done = env::OneShot<Status>;
  struct Waiter {
    Offset end_offset;
    std::shared_ptr<Done> done;
    std::optional<env::MonotonicTime> appended_at;  // nothing: it wrote nothing itself
  };
  struct Update {
    MetadataUpdate update;
    Offset end;
  };
  struct CatchUp {
    std::optional<Offset> target;  // once a leader told what is committed
    std::shared_ptr<Done> done;
  };

  // ---- loading
  Status ReplayStored();

  // ---- QuorumHandler
  Status OnBecomeLeader(raft::Effects* effects) override;
  void OnLeaderChange(raft::KnownLeader leader, bool led) override;
  void OnHighWatermark() override;
  void OnControlAppended() override;
  void OnSnapshotFetched(LogReplay replay) override;
  void OnStepped() override;
  void OnFailure(const Status& status) override;

  // ---- inside the lane
  Status Refusal() const;
  Status AppendRecords(const EncodedRecords& records, raft::Effects* effects);
  std::shared_ptr<Done> WaitFor(Offset end_offset, bool appended);
  void StartSyncing();
  void StartPublishing();
  void NoteCommitLatency(Offset committed_end);
  std::vector<std::shared_ptr<Done>> TakeWaiters(Offset end_offset);
  void FailWaiters(const Status& status);
  // A full disk: what the writer is told, now and then the operator as well.
  Status NoRoom(const Status& status);
  Offset replayed_end() const { return replay_.provenance().end_offset(); }
  Status ReplayTo(Offset end, uint64_t max_bytes);
  void RestartReplay();
  void Seal();
  StatusOr<std::optional<Update>> NextUpdate();
  void NotePublished(const Update& update);
  void CheckCaughtUp();
  void Announce(raft::KnownLeader leader, bool is_local);
  bool SnapshotDue() const;
  void TellDrained();

  // ---- outside
  env::Task<void> SyncLoop(Hold);
  env::Task<void> PublishInBackground(Hold);
  env::Task<void> PublishCommitted();
  env::Task<void> Publish(MetadataUpdate update);
  env::Task<void> TellListeners(Hold);
  env::Task<void> WaitUntilTold();
  env::Task<void> NoOpLoop(Hold);
  env::Task<void> SnapshotLoop(Hold);
  env::Task<void> SnapshotInBackground(Hold);
  env::Task<void> SnapshotNow();
  env::Task<bool> Drain();
  int64_t NowMs() const { return options_.clock->WallTimeMs(); }
  storage::Log& log() { return member_.store().log(); }

  MetadataLogOptions options_;
  std::vector<MetadataPublisher*> publishers_;
  std::vector<QuorumListener*> listeners_;
  MetadataCache cache_;
  env::StopSignal stop_;
  QuorumMember member_;
  QuorumFollower follower_;
  QuorumServer server_;
  env::Lane& lane_;

  // Of the lane.
  LogReplay replay_;
  // Where a node begins that has published nothing: the snapshot.
  LogReplay loaded_;
  ImagePtr taken_;  // of the last update that was given to the publishers; null after a new snapshot
  ImagePtr given_;  // likewise, and stays
  std::deque<Update> sealed_;
  bool everything_pending_ = true;
  bool started_ = false;
  bool stopped_ = false;
  bool syncing_ = false;
  bool publishing_ = false;
  Status failure_;
  Offset published_end_{-1};  // -1: nothing is published
  std::atomic<int64_t> applied_offset_{-1};
  std::vector<Waiter> waiters_;
  std::vector<CatchUp> catching_up_;
  RecentLatency commit_latency_;
  int64_t last_append_ms_ = 0;
  int64_t no_room_told_ms_ = INT64_MIN / 2;
  uint64_t bytes_since_snapshot_ = 0;
  int64_t last_snapshot_ms_ = 0;
  bool taking_snapshot_ = false;
  std::shared_ptr<env::OneShot<bool>> drained_;  // Stop() waits for it

  // Leadership of this node that isn't told yet: everything before it has to be published.
  std::optional<Offset> own_epoch_start_;
  std::deque<QuorumLeader> leaders_to_tell_;
  QuorumLeader last_leader_;
  bool telling_ = false;
  std::shared_ptr<env::OneShot<bool>> told_;

  Published<QuorumDescription> description_;
  Published<QuorumLeader> leader_;
};

}  // namespace dohle::metadata
