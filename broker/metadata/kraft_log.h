// KraftLog: the MetadataLog of a quorum member. Inside of this folder only; others see metadata_log.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/metadata/log_replay.h"
#include "broker/metadata/metadata_log.h"
#include "broker/metadata/recent_latency.h"
#include "broker/metadata/snapshot.h"
#include "broker/storage/log.h"
#include "lib/env/lane.h"
#include "lib/env/one_shot.h"
#include "lib/env/stop_signal.h"

namespace dohle::metadata {

inline constexpr std::string_view kQuorumState = "quorum-state";

class KraftLog final : public MetadataLog {
 public:
  explicit KraftLog(MetadataLogOptions options)
      : options_(std::move(options)),
        directory_(env::JoinPath(options_.log_dir, kMetadataLogDirectory)),
        replay_(std::make_shared<const MetadataImage>()) {}

  Status Load();

  void AddPublisher(MetadataPublisher* publisher) override { publishers_.push_back(publisher); }
  void AddQuorumListener(QuorumListener* listener) override { listeners_.push_back(listener); }
  env::Task<Status> Start() override;
  env::Task<Status> WaitUntilCaughtUp() override;
  env::Task<StatusOr<Offset>> Write(Decide decide) override;
  env::Task<StatusOr<raft::OffsetAndEpoch>> TakeSnapshot() override;
  env::Task<Status> Stop() override;
  const MetadataCache& cache() const override { return cache_; }
  QuorumDescription Describe() const override;
  std::shared_ptr<const QuorumLeader> leader() const override { return leader_.Current(); }

 private:
  using Done = env::OneShot<Status>;
  struct Waiter {
    Offset end_offset;
    std::shared_ptr<Done> done;
    std::optional<env::MonotonicTime> appended_at;  // nothing: it wrote nothing itself
  };

  // ---- loading
  Status LoadSnapshot();
  Status OpenLog();
  Status ReplayLog();
  Status MakeRaft();

  // ---- inside the lane
  Status Refusal() const;
  Status Perform(raft::Effects effects);
  Status AppendLeaderChange(const raft::AppendLeaderChange& change);
  Status AppendRecords(const EncodedRecords& records);
  StatusOr<uint64_t> AppendBatch(std::string batch);
  std::shared_ptr<Done> WaitFor(Offset end_offset, bool appended, bool* start_syncing);
  void NoteCommitLatency(Offset committed_end);
  std::vector<std::shared_ptr<Done>> TakeWaiters(Offset end_offset);
  void Fail(const Status& status);
  // A full disk: what the writer is told, now and then the operator as well.
  Status NoRoom(const Status& status);
  void RefreshDescription();
  bool SnapshotDue() const;
  void TellDrained();
  Status DeleteOld(const std::vector<SnapshotFile>& snapshots);

  // ---- outside
  env::Task<void> SyncLoop();
  env::Task<void> Publish(MetadataUpdate update);
  env::Task<void> TellLeader();
  env::Task<void> NoOpLoop();
  env::Task<void> SnapshotLoop();
  env::Task<void> SnapshotNow();
  int64_t NowMs() const { return options_.clock->WallTimeMs(); }

  MetadataLogOptions options_;
  std::string directory_;
  std::vector<MetadataPublisher*> publishers_;
  std::vector<QuorumListener*> listeners_;
  MetadataCache cache_;
  env::StopSignal stop_;

  env::Lane lane_;
  // Of the lane.
  std::unique_ptr<storage::Log> log_;
  std::optional<raft::Raft> raft_;
  LogReplay replay_;  // everything appended
  bool everything_pending_ = true;
  bool started_ = false;
  bool stopped_ = false;
  bool syncing_ = false;
  Status failure_;
  Offset published_end_{0};
  std::vector<Waiter> waiters_;
  RecentLatency commit_latency_;
  int64_t last_append_ms_ = 0;
  int64_t no_room_told_ms_ = INT64_MIN / 2;
  uint64_t bytes_since_snapshot_ = 0;
  int64_t last_snapshot_ms_ = 0;
  raft::OffsetAndEpoch last_snapshot_;
  bool taking_snapshot_ = false;
  std::shared_ptr<env::OneShot<bool>> drained_;  // Stop() waits for it

  Published<QuorumDescription> description_;
  Published<QuorumLeader> leader_;
};

}  // namespace dohle::metadata
