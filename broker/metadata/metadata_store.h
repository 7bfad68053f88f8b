// MetadataStore: the directory `__cluster_metadata-0`: the log's batches, its snapshots, quorum-state. Knows
// nothing of what metadata records mean.
//
// Of the metadata log's lane, which may stay with it while an I/O thread works. Failures as storage::Log's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/metadata/snapshot.h"
#include "broker/raft/log_view.h"
#include "broker/storage/log.h"
#include "lib/env/file_system.h"
#include "lib/kafka/record_batch.h"

namespace dohle::metadata {

struct MetadataLogConfig;

class MetadataStore final : public raft::LogView {
 public:
  MetadataStore(env::FileSystem& file_system, std::string directory)
      : file_system_(file_system), directory_(std::move(directory)) {}

  // Reads what is there, or begins it. I/O threads. kDataLoss if the snapshot that the log needs is missing.
  Status Open(const MetadataLogConfig& config, int64_t now_ms);

  const std::string& directory() const { return directory_; }
  storage::Log& log() { return *log_; }
  Offset end_offset() const { return log_->log_end_offset(); }
  bool unflushed() const { return log_->recovery_point() < log_->log_end_offset(); }

  // raft::LogView
  raft::OffsetAndEpoch End() const override;
  Offset StartOffset() const override { return log_->log_start_offset(); }
  std::optional<raft::OffsetAndEpoch> LatestSnapshot() const override;
  raft::OffsetAndEpoch EndOffsetForEpoch(LeaderEpoch epoch) const override;

  // Gives each batch that ends behind `from` and begins below `end` to `sink`, reading `max_bytes` or one
  // batch at most. Returns where it came to.
  using Sink = std::function<Status(const kafka::RecordBatchView&)>;
  StatusOr<Offset> Read(Offset from, Offset end, uint64_t max_bytes, const Sink& sink);
  // The stored bytes from `from` on, in whole batches but for the last.
  StatusOr<std::string> ReadBytes(Offset from, Offset end, uint64_t max_bytes);

  // Of the newest snapshot, if there is one.
  Status ReadLatestSnapshot(LogReplay* replay);
  bool HasSnapshot(const raft::OffsetAndEpoch& id) const;
  std::string SnapshotPath(const raft::OffsetAndEpoch& id) const;
  // It has been written under its name.
  void NoteSnapshot(const raft::OffsetAndEpoch& id);
  // The log begins anew behind the newest snapshot. I/O threads.
  Status RestartBehindSnapshot();
  // Deletes old snapshots and what of the log is older than the next one; the newest stays. I/O threads.
  Status DeleteOld(const std::vector<SnapshotFile>& snapshots, const MetadataLogConfig& config,
                   Offset high_watermark, int64_t now_ms);

  // quorum-state. Both block.
  StatusOr<raft::ElectionState> ReadElection();
  Status WriteElection(const raft::ElectionState& state, int16_t kraft_version);

 private:
  Status FitToSnapshot();

  env::FileSystem& file_system_;
  const std::string directory_;
  std::unique_ptr<storage::Log> log_;
  std::vector<raft::OffsetAndEpoch> snapshots_;  // ascending
};

}  // namespace dohle::metadata
