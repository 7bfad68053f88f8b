#include "broker/storage/log.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/storage/file_names.h"
#include "broker/storage/leader_epoch_cache.h"
#include "broker/storage/log_internal.h"
#include "broker/storage/log_loader.h"
#include "broker/storage/partition_directory.h"
#include "broker/storage/producer_snapshot_files.h"
#include "broker/storage/segment_list.h"
#include "broker/storage/transaction_index.h"
#include "lib/base/check.h"
#include "lib/base/log.h"

namespace dohle::storage {
namespace {

// A snapshot at a flush, if so much was appended since the last: bounds what a restart replays.
constexpr uint64_t kSnapshotBytes = 16 << 20;

}  // namespace

Log::Log() = default;
Log::~Log() = default;

StatusOr<std::unique_ptr<Log>> Log::Open(const LogOpenOptions& options) {
  std::unique_ptr<Log> log(new Log());
  LogLoader loader(*log, options);
  DOHLE_RETURN_IF_ERROR(loader.Load());
  return log;
}

std::unique_ptr<Log> Log::Begin(const LogOpenOptions& options, const TopicId& topic_id) {
  std::unique_ptr<Log> log(new Log());
  log->partition_ = options.partition;
  log->directory_ = options.directory;
  log->config_ = options.config;
  log->file_system_ = options.file_system;
  log->last_flush_ms_ = options.now_ms;
  log->segments_ = std::make_unique<SegmentList>();
  log->producers_ = std::make_unique<ProducerStates>();
  log->snapshots_ = std::make_unique<ProducerSnapshotFiles>(std::vector<Offset>());
  log->epochs_ = std::make_unique<LeaderEpochCache>();
  log->producers_->set_end_offset(Offset(0));
  log->segments_->Add(Segment::Begin({options.file_system, &log->directory_, Offset(0), ""}, options.now_ms));
  log->begun_ = topic_id;
  return log;
}

Status Log::CreateFiles() {
  if (has_files()) return OkStatus();
  if (file_system_->Exists(directory_)) {
    // Neither found at the start nor made since: what is in it isn't ours to overwrite.
    return MakeStatus(StatusCode::kDataLoss, "{} is there already, but not as a log of this broker",
                      directory_);
  }
  const Status created = CreateFilesNow();
  if (created.ok()) {
    begun_.reset();
    directory_entries_.Add();
    parent_entries_.Add();
    return created;
  }
  // So that it can be tried again (disk full).
  if (const Status removed = file_system_->RemoveRecursively(directory_); !removed.ok())
    log::Error("storage", "{} was made in part and can't be removed: {}", directory_, Message(removed));
  return created;
}

Status Log::CreateFilesNow() {
  DOHLE_RETURN_IF_ERROR(file_system_->CreateDirectories(directory_));
  if (!begun_->is_zero()) {
    DOHLE_ASSIGN_OR_RETURN(const std::unique_ptr<env::File> file,
                           file_system_->Open(env::JoinPath(directory_, kPartitionMetadataFile),
                                              env::OpenMode::kCreateExclusive));
    DOHLE_RETURN_IF_ERROR(file->WriteAt(0, EncodePartitionMetadata(*begun_)));
  }
  return segments_->active().CreateFiles();
}

StatusOr<Log::Batches> Log::Batches::Parse(std::string_view bytes) {
  Batches batches;
  size_t at = 0;
  while (bytes.size() - at >= kBatchHeaderBytes) {
    const BatchHeader header = DecodeBatchHeader(bytes.data() + at);
    if (!header.plausible())
      return MakeStatus(StatusCode::kDataLoss, "no record batch of format v2 at byte {}", at);
    const auto size = static_cast<uint64_t>(header.size());
    if (size > bytes.size() - at) break;
    batches.headers.push_back(header);
    at += static_cast<size_t>(size);
  }
  batches.bytes = bytes.substr(0, at);
  return batches;
}

std::optional<AppendResult> Log::CheckProducers(const Batches& batches, AppendOrigin origin) const {
  size_t position = 0;
  for (const BatchHeader& header : batches.headers) {
    if (header.has_producer()) {
      ProducerStates::Verdict verdict = producers_->Check(header, batches.MarkerAt(header, position), origin);
      AppendResult result;
      result.log_start_offset = log_start_offset_;
      if (verdict.duplicate) {
        result.duplicate = true;
        result.first_offset = verdict.duplicate->first_offset();
        result.last_offset = verdict.duplicate->last_offset;
        // The first time may still be on its way to the disk, or have failed there.
        result.flush_due = result.last_offset >= recovery_point_ &&
                           log_end_offset_ - recovery_point_ >= config_->flush_messages;
        // Kafka's answer to a repetition, whatever timestamps the topic keeps.
        result.log_append_time_ms = verdict.duplicate->timestamp_ms;
        return result;
      }
      if (verdict.appended_before) {
        result.duplicate = true;
        result.last_offset = *verdict.appended_before - 1;
        result.flush_due = result.last_offset >= recovery_point_ &&
                           log_end_offset_ - recovery_point_ >= config_->flush_messages;
        return result;
      }
      if (verdict.rejection != AppendRejection::kNone) {
        result.rejection = verdict.rejection;
        result.rejection_reason = std::move(verdict.reason);
        return result;
      }
    }
    position += static_cast<size_t>(header.size());
  }
  return std::nullopt;
}

StatusOr<AppendResult> Log::Append(std::span<char> bytes, AppendOrigin origin, LeaderEpoch leader_epoch,
                                   int64_t now_ms) {
  DOHLE_ASSIGN_OR_RETURN(Batches batches, Batches::Parse({bytes.data(), bytes.size()}));
  if (batches.headers.empty() || batches.bytes.size() != bytes.size())
    return MakeStatus(StatusCode::kInvalidArgument, "records for {} are cut", ToString(partition_));
  if (bytes.size() > static_cast<size_t>(config_->segment_bytes)) {
    AppendResult result;
    result.rejection = AppendRejection::kRecordListTooLarge;
    result.rejection_reason = fmt::format("{} bytes of records exceed segment.bytes = {} of {}", bytes.size(),
                                          config_->segment_bytes, ToString(partition_));
    return result;
  }
  if (std::optional<AppendResult> done = CheckProducers(batches, origin)) return *std::move(done);

  const bool log_append_time =
      config_->timestamp_type == TimestampType::kLogAppendTime && origin != AppendOrigin::kRaftLeader;
  Offset next = log_end_offset_;
  char* at = bytes.data();
  for (BatchHeader& header : batches.headers) {
    const auto size = static_cast<size_t>(header.size());
    kafka::SetBaseOffset(at, next);
    kafka::SetPartitionLeaderEpoch(at, leader_epoch);
    if (log_append_time && !header.control()) kafka::SetLogAppendTime(at, now_ms);
    header = DecodeBatchHeader(at);
    next = header.next_offset();
    at += size;
  }
  DOHLE_ASSIGN_OR_RETURN(AppendResult result, Write(batches, now_ms));
  if (log_append_time) result.log_append_time_ms = now_ms;
  return result;
}

StatusOr<AppendResult> Log::AppendReplicated(std::span<const char> bytes, int64_t now_ms) {
  DOHLE_ASSIGN_OR_RETURN(Batches batches, Batches::Parse({bytes.data(), bytes.size()}));
  AppendResult result;
  result.log_start_offset = log_start_offset_;
  if (batches.headers.empty()) return result;
  Offset next = log_end_offset_;
  size_t position = 0;
  for (const BatchHeader& header : batches.headers) {
    if (header.base_offset < next)
      return MakeStatus(StatusCode::kInvalidArgument, "batch at offset {} of {} doesn't follow offset {}",
                        header.base_offset.value(), ToString(partition_), next.value());
    const auto size = static_cast<size_t>(header.size());
    if (!BatchCrcMatches(batches.bytes.substr(position, size)))
      return MakeStatus(StatusCode::kDataLoss, "batch at offset {} of {} is corrupt: wrong CRC",
                        header.base_offset.value(), ToString(partition_));
    next = header.next_offset();
    position += size;
  }
  return Write(batches, now_ms);
}

StatusOr<AppendResult> Log::Write(const Batches& batches, int64_t now_ms) {
  DOHLE_RETURN_IF_ERROR(CreateFiles());
  DOHLE_RETURN_IF_ERROR(RollIfNeeded(batches, now_ms));
  Segment& active = segments_->active();
  DOHLE_RETURN_IF_ERROR(active.Append(batches.bytes, batches.headers, config_->index_interval_bytes));
  log_end_offset_ = batches.headers.back().next_offset();
  unflushed_bytes_ += batches.bytes.size();
  snapshots_->AddBytes(batches.bytes.size());
  segments_->recent().Add(log_end_offset_, active.base_offset(), active.size());
  ApplyBatches(batches);

  AppendResult result;
  result.first_offset = batches.headers.front().base_offset;
  result.last_offset = log_end_offset_ - 1;
  result.log_start_offset = log_start_offset_;
  result.bytes = batches.bytes.size();
  result.flush_due = log_end_offset_ - recovery_point_ >= config_->flush_messages;
  return result;
}

// The records are written: nothing below may undo the append.
void Log::ApplyBatches(const Batches& batches) {
  size_t position = 0;
  for (const BatchHeader& header : batches.headers) {
    NoteEpoch(header.leader_epoch, header.base_offset);
    const auto completed = producers_->Apply(header, batches.MarkerAt(header, position));
    if (completed && completed->aborted) {
      Segment& active = segments_->active();
      active.set_maybe_has_transaction_index(true);
      directory_entries_.Add();
      const Status written =
          AppendToTransactionIndex(active.place(), {completed->producer_id, completed->first_offset,
                                                    completed->last_offset, completed->last_stable_offset});
      if (!written.ok()) log::Error("storage", "an aborted transaction is not indexed: {}", Message(written));
    }
    position += static_cast<size_t>(header.size());
  }
}

void Log::NoteEpoch(LeaderEpoch epoch, Offset start_offset) {
  if (epoch > epochs_->latest() && epochs_->Assign(epoch, start_offset)) epochs_assigned_ = true;
  // Saved with the next flush: until then a recovery finds it in the batches again.
  if (std::exchange(epochs_assigned_, false)) epochs_unsaved_ = true;
}

Status Log::AssignEpochStart(LeaderEpoch epoch, Offset start_offset) {
  // An epoch without records needn't outlive the process, and saving it would cost a flush of the disk for
  // each partition that a restarted broker leads again.
  if (epochs_->Assign(epoch, start_offset)) epochs_assigned_ = true;
  return OkStatus();
}

Status Log::SaveEpochsIfDirty() {
  if (!epochs_unsaved_) return OkStatus();
  if (!has_files()) {
    // Nothing has begun with records, and no file says otherwise.
    epochs_unsaved_ = false;
    return OkStatus();
  }
  DOHLE_RETURN_IF_ERROR(epochs_->Save(*file_system_, directory_));
  epochs_unsaved_ = false;
  epochs_file_.Add();
  return OkStatus();
}

void Log::SaveEpochsSoon() {
  epochs_unsaved_ = true;
  if (const Status saved = SaveEpochsIfDirty(); !saved.ok())
    log::Warning("storage", "leader epochs of {} are saved later: {}", ToString(partition_), Message(saved));
}

// segment.ms less the jitter, which differs from segment to segment but not from look to look.
int64_t Log::SegmentMs(Offset base_offset) const {
  // What is to be compacted in time must have left the active segment by then (KIP-354).
  const bool compacts_in_time = config_->cleanup_compact && config_->max_compaction_lag_ms > 0;
  const int64_t segment_ms =
      compacts_in_time ? std::min(config_->segment_ms, config_->max_compaction_lag_ms) : config_->segment_ms;
  const int64_t bound = std::min(config_->segment_jitter_ms, segment_ms);
  if (bound <= 0) return segment_ms;
  const uint64_t mixed =
      (std::hash<std::string>()(partition_.topic) + static_cast<uint64_t>(base_offset.value()) +
       static_cast<uint64_t>(partition_.partition.value()) * 31) *
      0x9e3779b97f4a7c15u;
  return segment_ms - static_cast<int64_t>((mixed >> 16) % static_cast<uint64_t>(bound));
}

Status Log::RollIfNeeded(const Batches& batches, int64_t now_ms) {
  Segment& active = segments_->active();
  int64_t max_timestamp = -1;
  for (const BatchHeader& header : batches.headers)
    max_timestamp = std::max(max_timestamp, header.max_timestamp);
  const Segment::RollLimits limits{SegmentMs(active.base_offset()),
                                   static_cast<uint64_t>(config_->segment_bytes),
                                   static_cast<uint64_t>(config_->segment_index_bytes)};
  DOHLE_ASSIGN_OR_RETURN(const bool roll,
                         active.ShouldRoll(limits, batches.bytes.size(), batches.headers.back().last_offset(),
                                           max_timestamp, now_ms));
  if (!roll) return OkStatus();
  // Also where a compacted leader's batches leave offsets out: a recovery must see that segments follow on
  // each other. Unless no segment could span that.
  const Offset last = batches.headers.back().last_offset();
  const bool far = last - log_end_offset_ > INT32_MAX;
  return Roll(far ? batches.headers.front().base_offset : log_end_offset_, now_ms);
}

Status Log::MaybeRoll(int64_t now_ms, bool force) {
  Segment& active = segments_->active();
  if (active.size() == 0) return OkStatus();
  if (!force) {
    const Segment::RollLimits limits{SegmentMs(active.base_offset()), UINT64_MAX, UINT64_MAX};
    DOHLE_ASSIGN_OR_RETURN(const TimestampOffset max, active.MaxTimestamp());
    DOHLE_ASSIGN_OR_RETURN(const bool roll,
                           active.ShouldRoll(limits, 0, log_end_offset_, max.timestamp_ms, now_ms));
    if (!roll) return OkStatus();
  }
  return Roll(log_end_offset_, now_ms);
}

Status Log::Roll(Offset base_offset, int64_t now_ms) {
  Segment& active = segments_->active();
  if (active.size() == 0 && active.base_offset() == base_offset) return OkStatus();
  DOHLE_RETURN_IF_ERROR(active.Seal());
  producers_->set_end_offset(base_offset);
  DOHLE_RETURN_IF_ERROR(snapshots_->Take(*file_system_, directory_, *producers_));
  DOHLE_ASSIGN_OR_RETURN(std::unique_ptr<Segment> segment,
                         Segment::Create({file_system_, &directory_, base_offset, ""}, now_ms));
  active.CloseFiles();
  segments_->Add(std::move(segment));
  directory_entries_.Add();
  return OkStatus();
}

uint64_t Log::size_bytes() const { return segments_->bytes(); }
size_t Log::segment_count() const { return segments_->size(); }
bool Log::needs_log_start_checkpoint() const { return log_start_offset_ > segments_->at(0).base_offset(); }

LeaderEpoch Log::EpochForOffset(Offset offset) const { return epochs_->EpochFor(offset); }
LeaderEpoch Log::latest_epoch() const { return epochs_->latest(); }
EpochEnd Log::EndOffsetForEpoch(LeaderEpoch epoch) const {
  const auto [found, end] = epochs_->EndOffsetFor(epoch, log_end_offset_);
  return {found, end};
}

std::optional<Offset> Log::first_unstable_offset() const {
  const std::optional<Offset> first = producers_->first_unstable_offset();
  if (!first) return std::nullopt;
  return std::max(*first, log_start_offset_);
}
void Log::OnHighWatermark(Offset high_watermark) { producers_->OnHighWatermark(high_watermark); }
bool Log::HasOngoingTransaction(ProducerId producer_id, ProducerEpoch epoch) const {
  return producers_->HasOngoingTransaction(producer_id, epoch);
}
bool Log::KnowsProducer(ProducerId producer_id) const {
  return producers_->producers().contains(producer_id);
}
size_t Log::producer_count() const { return producers_->producers().size(); }
std::vector<ProducerDescription> Log::DescribeProducers() const { return producers_->Describe(); }

Status FlushPlan::Judge(Status synced) {
  const bool refused = absl::IsResourceExhausted(synced) || absl::IsPermissionDenied(synced);
  if (!refused) return synced;
  return env::MarkDeviceFailure(MakeStatus(StatusCode::kDataLoss, "{}", Message(synced)));
}

Status FlushPlan::Execute() const {
  for (const std::shared_ptr<env::File>& file : files) DOHLE_RETURN_IF_ERROR(Judge(file->Sync()));
  for (const std::string& directory : directories)
    DOHLE_RETURN_IF_ERROR(file_system->SyncDirectory(directory));
  return OkStatus();
}

Status Log::AddFilesToSync(size_t index, FlushPlan& plan) {
  Segment& segment = segments_->at(index);
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, segment.file());
  plan.files.push_back(std::move(file));
  if (segment.maybe_has_transaction_index()) {
    auto aborted =
        file_system_->Open(segment.place().Path(kTransactionIndexSuffix), env::OpenMode::kReadWrite);
    if (aborted.ok()) plan.files.push_back(*std::move(aborted));
    if (!aborted.ok() && aborted.status().code() != StatusCode::kNotFound) return aborted.status();
  }
  // The active segment's indexes are checked against its log at recovery, so only sealed ones are synced.
  if (index + 1 == segments_->size()) return OkStatus();
  for (IndexFile* entries : {&segment.offset_index().file(), &segment.time_index().file()}) {
    DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> opened, entries->Open(segment.place()));
    plan.files.push_back(std::move(opened));
  }
  segment.CloseFiles();
  return OkStatus();
}

StatusOr<FlushPlan> Log::PlanFlush(FlushBy by) {
  FlushPlan plan;
  plan.offset = log_end_offset_;
  plan.bytes = unflushed_bytes_;
  plan.file_system = file_system_;
  plan.truncations = generation_;
  if (!needs_flush()) return plan;
  DOHLE_RETURN_IF_ERROR(SaveEpochsIfDirty());
  // From the segment before: it may have been synced while it was active, its indexes not.
  const Offset synced = std::max(recovery_point_, Offset(1)) - 1;
  for (size_t i = segments_->IndexOf(synced); i < segments_->size(); ++i) {
    // On a full disk the active segment's entries are written later.
    const Status indexed = segments_->at(i).WriteIndexes();
    if (i + 1 < segments_->size()) DOHLE_RETURN_IF_ERROR(indexed);
    if (by == FlushBy::kFiles) DOHLE_RETURN_IF_ERROR(AddFilesToSync(i, plan));
  }
  // Without one a restart replays more, no worse.
  if (snapshots_->bytes_since() >= kSnapshotBytes &&
      snapshots_->Take(*file_system_, directory_, *producers_).ok())
    directory_entries_.Add();
  if (epochs_file_.pending()) {
    DOHLE_ASSIGN_OR_RETURN(
        std::unique_ptr<env::File> file,
        file_system_->Open(env::JoinPath(directory_, kLeaderEpochFile), env::OpenMode::kReadWrite));
    plan.files.push_back(std::move(file));
    directory_entries_.Add();
  }
  if (directory_entries_.pending()) plan.directories.push_back(directory_);
  if (parent_entries_.pending()) plan.directories.push_back(env::ParentPath(directory_));
  plan.epoch_changes = epochs_file_.made;
  plan.directory_changes = directory_entries_.made;
  plan.parent_changes = parent_entries_.made;
  if (by == FlushBy::kFileSystem) plan.files.clear();
  return plan;
}

void Log::MarkFlushed(const FlushPlan& plan, int64_t now_ms) {
  last_flush_ms_ = now_ms;
  epochs_file_.MarkSynced(plan.epoch_changes);
  directory_entries_.MarkSynced(plan.directory_changes);
  parent_entries_.MarkSynced(plan.parent_changes);
  // What was cut off meanwhile was flushed, what came in its place wasn't.
  if (plan.offset <= recovery_point_ || plan.truncations != generation_) return;
  recovery_point_ = std::min(plan.offset, log_end_offset_);
  unflushed_bytes_ -= std::min(unflushed_bytes_, plan.bytes);
  if (const Status removed = snapshots_->RemoveStrays(*file_system_, directory_, *segments_); !removed.ok())
    log::Warning("storage", "old producer snapshots stay: {}", Message(removed));
}

bool Log::FlushDue(int64_t now_ms) const {
  return recovery_point_ < log_end_offset_ && config_->flush_ms != INT64_MAX &&
         now_ms - last_flush_ms_ >= config_->flush_ms;
}

bool Log::needs_flush() const {
  return recovery_point_ < log_end_offset_ || directory_entries_.pending() || epochs_unsaved_ ||
         epochs_file_.pending();
}

void Log::CloseIdleFiles() {
  for (size_t i = 0; i < segments_->size(); ++i) {
    Segment& segment = segments_->at(i);
    if (!segment.used_since_last_look()) segment.CloseFiles();
  }
}

Status Log::Close() {
  DOHLE_ASSIGN_OR_RETURN(const FlushPlan plan, PlanClose(FlushBy::kFiles));
  DOHLE_RETURN_IF_ERROR(plan.Execute());
  MarkFlushed(plan, last_flush_ms_);
  return OkStatus();
}

StatusOr<FlushPlan> Log::PlanClose(FlushBy by) {
  if (const Status created = CreateFiles(); !created.ok()) {
    if (env::IsDeviceFailure(created)) return created;
    // It has no record: the next start makes it anew.
    log::Warning("storage", "{} has no directory yet: {}", ToString(partition_), Message(created));
    return FlushPlan();
  }
  DOHLE_RETURN_IF_ERROR(segments_->active().Seal());
  DOHLE_RETURN_IF_ERROR(SaveEpochsIfDirty());
  producers_->set_end_offset(log_end_offset_);
  DOHLE_RETURN_IF_ERROR(snapshots_->Take(*file_system_, directory_, *producers_));
  DOHLE_ASSIGN_OR_RETURN(FlushPlan plan, PlanFlush(by));
  // What is to be synced file by file is held open by the plan.
  for (size_t i = 0; i < segments_->size(); ++i) segments_->at(i).CloseFiles();
  return plan;
}

Status Log::RenameDirectory(const std::string& directory) {
  for (size_t i = 0; i < segments_->size(); ++i) segments_->at(i).CloseFiles();
  if (has_files()) DOHLE_RETURN_IF_ERROR(file_system_->Rename(directory_, directory));
  directory_ = directory;
  return OkStatus();
}

std::vector<std::string> Log::TakeDeletedFiles() { return std::exchange(deleted_files_, {}); }

}  // namespace dohle::storage
