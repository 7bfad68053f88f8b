#include "broker/metadata/metadata_store.h"

#include <algorithm>

#include "broker/metadata/format.h"
#include "broker/metadata/metadata_log.h"
#include "broker/storage/log_config.h"

namespace dohle::metadata {
namespace {

constexpr std::string_view kPartitionMetadata = "partition.metadata";
constexpr std::string_view kQuorumState = "quorum-state";

std::shared_ptr<const storage::LogConfig> LogConfigOf(const MetadataLogConfig& config) {
  auto log_config = std::make_shared<storage::LogConfig>();
  log_config->segment_bytes = static_cast<int32_t>(std::min<int64_t>(config.segment_bytes, INT32_MAX));
  log_config->segment_ms = config.segment_ms;
  log_config->retention_bytes = -1;  // snapshots decide what may go
  log_config->retention_ms = -1;
  log_config->max_message_bytes = INT32_MAX;
  return log_config;
}

}  // namespace

Status MetadataStore::Open(const MetadataLogConfig& config, int64_t now_ms) {
  if (!file_system_.Exists(directory_))
    DOHLE_RETURN_IF_ERROR(CreateDirectoryDurably(file_system_, directory_));
  DOHLE_RETURN_IF_ERROR(RemoveUnfinishedSnapshots(file_system_, directory_));
  DOHLE_ASSIGN_OR_RETURN(const std::vector<SnapshotFile> snapshots, ListSnapshots(file_system_, directory_));
  for (const SnapshotFile& file : snapshots) snapshots_.push_back(file.id);
  storage::LogOpenOptions open;
  open.file_system = &file_system_;
  open.directory = directory_;
  open.partition = {"__cluster_metadata", PartitionIndex(0)};
  open.config = LogConfigOf(config);
  open.now_ms = now_ms;
  DOHLE_ASSIGN_OR_RETURN(log_, storage::Log::Open(open));
  DOHLE_RETURN_IF_ERROR(FitToSnapshot());
  const std::string partition_metadata = env::JoinPath(directory_, kPartitionMetadata);
  if (file_system_.Exists(partition_metadata)) return OkStatus();
  return file_system_.WriteWhole(partition_metadata,
                                 fmt::format("version: 0\ntopic_id: {}", ToString(kMetadataTopicId)));
}

Status MetadataStore::FitToSnapshot() {
  const raft::OffsetAndEpoch latest = LatestSnapshot().value_or(raft::OffsetAndEpoch());
  const bool empty = log_->log_start_offset() == log_->log_end_offset();
  // It was fetched or copied, and the log goes on behind it: what is there is older, or of another history.
  if (log_->log_end_offset() < latest.offset || (!empty && log_->latest_epoch() < latest.epoch)) {
    DOHLE_RETURN_IF_ERROR(RestartBehindSnapshot());
  } else if (empty && !snapshots_.empty()) {
    DOHLE_RETURN_IF_ERROR(log_->AssignEpochStart(latest.epoch, latest.offset));
  }
  if (log_->log_start_offset() <= latest.offset) return OkStatus();
  return MakeStatus(StatusCode::kDataLoss,
                    "{}: the log begins at offset {}, but there is no snapshot of what was before",
                    directory_, log_->log_start_offset().value());
}

raft::OffsetAndEpoch MetadataStore::End() const {
  const Offset end = log_->log_end_offset();
  const LeaderEpoch of_snapshot = snapshots_.empty() ? LeaderEpoch(0) : snapshots_.back().epoch;
  // An epoch that has begun without records isn't that of the log's end.
  const LeaderEpoch of_log = end > log_->log_start_offset() ? log_->EpochForOffset(end - 1) : kNoLeaderEpoch;
  return {end, std::max(of_log, of_snapshot)};
}

std::optional<raft::OffsetAndEpoch> MetadataStore::LatestSnapshot() const {
  if (snapshots_.empty()) return std::nullopt;
  return snapshots_.back();
}

raft::OffsetAndEpoch MetadataStore::EndOffsetForEpoch(LeaderEpoch epoch) const {
  const raft::OffsetAndEpoch end = End();
  if (epoch >= end.epoch) return end;
  const Offset start = log_->log_start_offset();
  const storage::EpochEnd found = log_->EndOffsetForEpoch(epoch);
  if (found.end_offset > start) return {found.end_offset, found.epoch};
  // Older than the log: all that is known of its beginning is what the snapshot there says.
  const auto there = std::find_if(snapshots_.begin(), snapshots_.end(),
                                  [start](const raft::OffsetAndEpoch& id) { return id.offset == start; });
  return {start, there == snapshots_.end() ? LeaderEpoch(0) : there->epoch};
}

StatusOr<std::string> MetadataStore::ReadBytes(Offset from, Offset end, uint64_t max_bytes) {
  storage::ReadOptions read;
  read.offset = from;
  read.max_bytes = max_bytes;
  read.upper_bound = end;
  DOHLE_ASSIGN_OR_RETURN(const storage::ReadResult result, log_->Read(read));
  std::string bytes(result.records.length, '\0');
  if (bytes.empty()) return bytes;
  DOHLE_ASSIGN_OR_RETURN(
      const size_t n, result.records.file->ReadAt(result.records.position, bytes.data(), bytes.size()));
  bytes.resize(n);
  return bytes;
}

StatusOr<Offset> MetadataStore::Read(Offset from, Offset end, uint64_t max_bytes, const Sink& sink) {
  DOHLE_ASSIGN_OR_RETURN(const std::string bytes, ReadBytes(from, end, max_bytes));
  Offset next = from;
  kafka::BatchCursor cursor(bytes);
  while (const std::optional<kafka::RecordBatchView> batch = cursor.Next()) {
    // The first one may begin before.
    if (batch->last_offset() < next) continue;
    if (batch->base_offset() >= end) break;
    DOHLE_RETURN_IF_ERROR(sink(*batch));
    next = batch->next_offset();
  }
  if (next == from && from < end) {
    return MakeStatus(StatusCode::kDataLoss, "{}: no whole batch at offset {}", directory_, next.value());
  }
  return next;
}

Status MetadataStore::ReadLatestSnapshot(LogReplay* replay) {
  if (snapshots_.empty()) return OkStatus();
  return ReadSnapshot(file_system_, {snapshots_.back(), SnapshotPath(snapshots_.back())}, replay);
}

bool MetadataStore::HasSnapshot(const raft::OffsetAndEpoch& id) const {
  return std::find(snapshots_.begin(), snapshots_.end(), id) != snapshots_.end();
}

void MetadataStore::NoteSnapshot(const raft::OffsetAndEpoch& id) {
  if (snapshots_.empty() || snapshots_.back() < id) snapshots_.push_back(id);
}

std::string MetadataStore::SnapshotPath(const raft::OffsetAndEpoch& id) const {
  return env::JoinPath(directory_, SnapshotFileName(id));
}

Status MetadataStore::RestartBehindSnapshot() {
  const raft::OffsetAndEpoch& latest = snapshots_.back();
  DOHLE_RETURN_IF_ERROR(log_->TruncateFullyAndStartAt(latest.offset));
  return log_->AssignEpochStart(latest.epoch, latest.offset);
}

Status MetadataStore::DeleteOld(const std::vector<SnapshotFile>& snapshots, const MetadataLogConfig& config,
                                Offset high_watermark, int64_t now_ms) {
  uint64_t size = log_->size_bytes();
  for (const SnapshotFile& file : snapshots) size += file.size_bytes;
  for (size_t i = 0; i + 1 < snapshots.size(); ++i) {
    const bool too_large =
        config.max_retention_bytes >= 0 && size > static_cast<uint64_t>(config.max_retention_bytes);
    bool too_old = false;
    if (config.max_retention_ms >= 0) {
      DOHLE_ASSIGN_OR_RETURN(const int64_t written_ms, file_system_.ModifiedTimeMs(snapshots[i].path));
      too_old = now_ms - written_ms > config.max_retention_ms;
    }
    if (!too_large && !too_old) break;
    DOHLE_RETURN_IF_ERROR(file_system_.Remove(snapshots[i].path));
    std::erase(snapshots_, snapshots[i].id);
    const uint64_t log_size = log_->size_bytes();
    if (snapshots[i + 1].id.offset > log_->log_start_offset()) {
      DOHLE_RETURN_IF_ERROR(log_->AdvanceLogStartOffset(snapshots[i + 1].id.offset));
      DOHLE_RETURN_IF_ERROR(log_->ApplyRetention(now_ms, high_watermark).status());
      for (const std::string& path : log_->TakeDeletedFiles()) {
        DOHLE_RETURN_IF_ERROR(file_system_.Remove(path));
      }
    }
    size -= snapshots[i].size_bytes + (log_size - log_->size_bytes());
  }
  return OkStatus();
}

StatusOr<raft::ElectionState> MetadataStore::ReadElection() {
  const std::string path = env::JoinPath(directory_, kQuorumState);
  if (!file_system_.Exists(path)) return raft::ElectionState();
  DOHLE_ASSIGN_OR_RETURN(const std::string content, file_system_.ReadWhole(path));
  StatusOr<raft::ElectionState> state = raft::ParseQuorumState(content);
  if (!state.ok()) return MakeStatus(state.status().code(), "{}: {}", path, Message(state.status()));
  return state;
}

Status MetadataStore::WriteElection(const raft::ElectionState& state, int16_t kraft_version) {
  return file_system_.WriteWhole(env::JoinPath(directory_, kQuorumState),
                                 raft::FormatQuorumState(state, kraft_version));
}

}  // namespace dohle::metadata
