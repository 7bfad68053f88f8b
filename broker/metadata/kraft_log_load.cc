// Loading: the newest snapshot, the log behind it, the quorum's state.
#include <algorithm>

#include "broker/metadata/format.h"
#include "broker/metadata/kraft_log.h"

namespace dohle::metadata {
namespace {

constexpr uint64_t kReadBytes = uint64_t{4} << 20;
constexpr std::string_view kPartitionMetadata = "partition.metadata";

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

Status KraftLog::Load() {
  env::FileSystem& file_system = *options_.file_system;
  if (!file_system.Exists(directory_)) DOHLE_RETURN_IF_ERROR(CreateDirectoryDurably(file_system, directory_));
  DOHLE_RETURN_IF_ERROR(LoadSnapshot());
  DOHLE_RETURN_IF_ERROR(OpenLog());
  DOHLE_RETURN_IF_ERROR(ReplayLog());
  const std::string partition_metadata = env::JoinPath(directory_, kPartitionMetadata);
  if (!file_system.Exists(partition_metadata)) {
    DOHLE_RETURN_IF_ERROR(file_system.WriteWhole(
        partition_metadata, fmt::format("version: 0\ntopic_id: {}", ToString(kMetadataTopicId))));
  }
  DOHLE_RETURN_IF_ERROR(MakeRaft());
  RefreshDescription();
  return OkStatus();
}

Status KraftLog::LoadSnapshot() {
  DOHLE_ASSIGN_OR_RETURN(const std::vector<SnapshotFile> snapshots,
                         ListSnapshots(*options_.file_system, directory_));
  last_snapshot_ms_ = NowMs();
  if (snapshots.empty()) return OkStatus();
  DOHLE_RETURN_IF_ERROR(ReadSnapshot(*options_.file_system, snapshots.back(), &replay_));
  last_snapshot_ = snapshots.back().id;
  return OkStatus();
}

Status KraftLog::OpenLog() {
  storage::LogOpenOptions open;
  open.file_system = options_.file_system;
  open.directory = directory_;
  open.partition = {"__cluster_metadata", PartitionIndex(0)};
  open.config = LogConfigOf(options_.config);
  open.now_ms = NowMs();
  DOHLE_ASSIGN_OR_RETURN(log_, storage::Log::Open(open));
  if (log_->log_end_offset() < last_snapshot_.offset) {
    // The snapshot was fetched or copied: the log goes on behind it.
    DOHLE_RETURN_IF_ERROR(log_->TruncateFullyAndStartAt(last_snapshot_.offset));
    DOHLE_RETURN_IF_ERROR(log_->AssignEpochStart(last_snapshot_.epoch, last_snapshot_.offset));
  }
  if (log_->log_start_offset() > last_snapshot_.offset) {
    return MakeStatus(StatusCode::kDataLoss,
                      "{}: the log begins at offset {}, but there is no snapshot of what was before",
                      directory_, log_->log_start_offset().value());
  }
  return OkStatus();
}

Status KraftLog::ReplayLog() {
  Offset next = last_snapshot_.offset;
  const Offset end = log_->log_end_offset();
  std::string buffer;
  while (next < end) {
    storage::ReadOptions read;
    read.offset = next;
    read.max_bytes = kReadBytes;
    read.upper_bound = end;
    DOHLE_ASSIGN_OR_RETURN(const storage::ReadResult result, log_->Read(read));
    buffer.resize(result.records.length);
    DOHLE_ASSIGN_OR_RETURN(
        const size_t n, result.records.file->ReadAt(result.records.position, buffer.data(), buffer.size()));
    buffer.resize(n);
    const Offset before = next;
    kafka::BatchCursor cursor(buffer);
    while (const std::optional<kafka::RecordBatchView> batch = cursor.Next()) {
      // The first one may begin before the snapshot ends.
      if (batch->last_offset() < next) continue;
      DOHLE_RETURN_IF_ERROR(replay_.Apply(*batch));
      next = batch->next_offset();
      bytes_since_snapshot_ += batch->size();
    }
    if (next == before) {
      return MakeStatus(StatusCode::kDataLoss, "{}: no whole batch at offset {}", directory_, next.value());
    }
  }
  return OkStatus();
}

Status KraftLog::MakeRaft() {
  raft::RaftConfig config;
  config.local = {options_.node_id, options_.directory_id};
  config.log_end = {log_->log_end_offset(), std::max(log_->latest_epoch(), last_snapshot_.epoch)};
  const std::string path = env::JoinPath(directory_, kQuorumState);
  if (options_.file_system->Exists(path)) {
    DOHLE_ASSIGN_OR_RETURN(const std::string content, options_.file_system->ReadWhole(path));
    StatusOr<raft::ElectionState> state = raft::ParseQuorumState(content);
    if (!state.ok()) return MakeStatus(state.status().code(), "{}: {}", path, Message(state.status()));
    config.persisted = *state;
  }
  config.persisted.epoch = std::max(config.persisted.epoch, config.log_end.epoch);
  ControlState control = replay_.control();
  if (control.voters.voters.empty()) {
    if (options_.static_voters.voters.empty()) {
      return MakeStatus(StatusCode::kFailedPrecondition,
                        "{}: no voters are known: format the directory with --standalone, or set "
                        "controller.quorum.voters",
                        directory_);
    }
    control.voters = options_.static_voters;
  }
  // Without a record of them in the log itself the leader has to write the voters there; also when its own
  // endpoints are others than what was written (KIP-853).
  config.voters_in_log = control.kraft_version == 0 || log_->log_end_offset() > Offset(0);
  raft::Voter* self = nullptr;
  for (raft::Voter& voter : control.voters.voters) {
    if (voter.key.id == options_.node_id) self = &voter;
  }
  if (self != nullptr && control.kraft_version > 0 && !options_.controller_endpoints.empty() &&
      self->endpoints != options_.controller_endpoints) {
    self->endpoints = options_.controller_endpoints;
    config.voters_in_log = false;
  }
  config.voters = control.voters;
  replay_.set_control(std::move(control));
  DOHLE_ASSIGN_OR_RETURN(raft::Raft raft, raft::Raft::Create(std::move(config)));
  raft_.emplace(std::move(raft));
  return OkStatus();
}

StatusOr<std::unique_ptr<MetadataLog>> MetadataLog::Open(MetadataLogOptions options) {
  auto log = std::make_unique<KraftLog>(std::move(options));
  DOHLE_RETURN_IF_ERROR(log->Load());
  return log;
}

}  // namespace dohle::metadata
