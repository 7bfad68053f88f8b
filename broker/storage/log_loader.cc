#include "broker/storage/log_loader.h"

#include <algorithm>

#include "broker/storage/batch_scanner.h"
#include "broker/storage/leader_epoch_cache.h"
#include "broker/storage/log_internal.h"
#include "broker/storage/producer_snapshot_files.h"
#include "broker/storage/producer_state.h"
#include "broker/storage/segment_list.h"
#include "broker/storage/segment_recovery.h"
#include "broker/storage/transaction_index.h"
#include "lib/base/log.h"

namespace dohle::storage {

std::string LogLoader::PathOf(std::string_view name) const { return env::JoinPath(options_.directory, name); }

Status LogLoader::Load() {
  log_.partition_ = options_.partition;
  log_.directory_ = options_.directory;
  log_.config_ = options_.config;
  log_.file_system_ = options_.file_system;
  log_.last_flush_ms_ = options_.now_ms;
  log_.segments_ = std::make_unique<SegmentList>();
  log_.producers_ = std::make_unique<ProducerStates>();
  auto epochs = LeaderEpochCache::Load(*options_.file_system, options_.directory);
  if (!epochs.ok() && epochs.status().code() != StatusCode::kDataLoss) return epochs.status();
  if (!epochs.ok())
    log::Warning("storage", "{}; reading the leader epochs out of the batches", Message(epochs.status()));
  log_.epochs_ = std::make_unique<LeaderEpochCache>(epochs.ok() ? *std::move(epochs) : LeaderEpochCache());

  DOHLE_ASSIGN_OR_RETURN(std::vector<env::DirectoryEntry> entries,
                         options_.file_system->List(options_.directory));
  DOHLE_RETURN_IF_ERROR(RemoveTemporaryFiles(entries));
  DOHLE_RETURN_IF_ERROR(FinishSwaps(entries));
  DOHLE_RETURN_IF_ERROR(OpenSegments(entries));
  log_.recovery_point_ = options_.recovery_point;
  if (!options_.clean_shutdown) DOHLE_RETURN_IF_ERROR(RecoverTail());
  DOHLE_RETURN_IF_ERROR(FindLogEnd());
  if (!epochs.ok()) DOHLE_RETURN_IF_ERROR(RebuildEpochs());
  log_.log_start_offset_ = std::max(options_.log_start_offset, log_.segments_->at(0).base_offset());
  log_.recovery_point_ = options_.clean_shutdown ? log_.log_end_offset_
                                                 : std::min(options_.recovery_point, log_.log_end_offset_);
  if (!options_.clean_shutdown) {
    // Nobody knows what the last process had synced of names.
    log_.directory_entries_.Add();
    log_.parent_entries_.Add();
    if (!log_.epochs_->entries().empty()) log_.epochs_file_.Add();
  }
  const bool epochs_cut = log_.epochs_->TruncateFromEnd(log_.log_end_offset_);
  if (log_.epochs_->TruncateFromStart(log_.log_start_offset_) || epochs_cut) log_.SaveEpochsSoon();
  // The log may end where a batch does, and yet there was more.
  if (log_.snapshots_->latest() > log_.log_end_offset_) cut_ = true;
  DOHLE_RETURN_IF_ERROR(LoadProducers(log_.log_end_offset_, options_.now_ms));
  // No file that speaks of what was cut off may come back once the log has grown past it.
  return cut_ ? options_.file_system->SyncDirectory(options_.directory) : OkStatus();
}

// *.deleted, *.cleaned; and the *.swap of a split that wasn't finished (KAFKA-6264).
Status LogLoader::RemoveTemporaryFiles(std::vector<env::DirectoryEntry>& entries) {
  Offset first_cleaned(INT64_MAX);
  for (const env::DirectoryEntry& entry : entries) {
    const auto parts = ParseSegmentFileName(entry.name);
    if (parts && parts->suffix.ends_with(kCleanedSuffix))
      first_cleaned = std::min(first_cleaned, parts->base_offset);
  }
  std::vector<env::DirectoryEntry> kept;
  for (env::DirectoryEntry& entry : entries) {
    const auto parts = ParseSegmentFileName(entry.name);
    const bool temporary =
        parts &&
        (parts->suffix.ends_with(kCleanedSuffix) ||
         (parts->suffix.ends_with(kDeletedSuffix) && !parts->suffix.ends_with(".checkpoint.deleted")) ||
         (parts->suffix.ends_with(kSwapSuffix) && parts->base_offset >= first_cleaned));
    if (temporary) {
      DOHLE_RETURN_IF_ERROR(options_.file_system->Remove(PathOf(entry.name)));
    } else {
      kept.push_back(std::move(entry));
    }
  }
  entries = std::move(kept);
  return OkStatus();
}

// A compaction got as far as its *.swap files: what they replace goes, they take its place.
Status LogLoader::FinishSwaps(std::vector<env::DirectoryEntry>& entries) {
  Offset first(INT64_MAX);
  Offset end(INT64_MIN);
  for (const env::DirectoryEntry& entry : entries) {
    const auto parts = ParseSegmentFileName(entry.name);
    if (!parts || parts->suffix != ".log.swap") continue;
    DOHLE_ASSIGN_OR_RETURN(
        const std::unique_ptr<Segment> swapped,
        Segment::Open({options_.file_system, &log_.directory_, parts->base_offset, kSwapSuffix},
                      options_.now_ms));
    DOHLE_ASSIGN_OR_RETURN(const Offset next, swapped->ReadNextOffset());
    first = std::min(first, parts->base_offset);
    end = std::max(end, next);
  }
  bool changed = false;
  for (const env::DirectoryEntry& entry : entries) {
    const auto parts = ParseSegmentFileName(entry.name);
    if (!parts || parts->suffix.ends_with(kSwapSuffix) || parts->suffix.ends_with(".checkpoint")) continue;
    if (parts->base_offset < first || parts->base_offset >= end) continue;
    DOHLE_RETURN_IF_ERROR(options_.file_system->Remove(PathOf(entry.name)));
    changed = true;
  }
  for (const env::DirectoryEntry& entry : entries) {
    const auto parts = ParseSegmentFileName(entry.name);
    if (!parts || !parts->suffix.ends_with(kSwapSuffix)) continue;
    log::Info("storage", "finishing the compaction that left {}", PathOf(entry.name));
    const std::string name = entry.name.substr(0, entry.name.size() - kSwapSuffix.size());
    DOHLE_RETURN_IF_ERROR(options_.file_system->Rename(PathOf(entry.name), PathOf(name)));
    changed = true;
  }
  if (!changed) return OkStatus();
  DOHLE_ASSIGN_OR_RETURN(entries, options_.file_system->List(options_.directory));
  return OkStatus();
}

Status LogLoader::OpenSegments(const std::vector<env::DirectoryEntry>& entries) {
  std::vector<Offset> snapshots;
  std::vector<Offset> logs;
  std::vector<Offset> with_transactions;
  for (const env::DirectoryEntry& entry : entries) {
    const auto parts = ParseSegmentFileName(entry.name);
    if (!parts || entry.is_directory) continue;
    if (parts->suffix == kSnapshotSuffix) snapshots.push_back(parts->base_offset);
    if (parts->suffix == kLogSuffix) logs.push_back(parts->base_offset);
    if (parts->suffix == kTransactionIndexSuffix) with_transactions.push_back(parts->base_offset);
  }
  std::sort(logs.begin(), logs.end());
  for (const env::DirectoryEntry& entry : entries) {
    const auto parts = ParseSegmentFileName(entry.name);
    const bool index = parts && (parts->suffix == kIndexSuffix || parts->suffix == kTimeIndexSuffix ||
                                 parts->suffix == kTransactionIndexSuffix);
    if (index && !std::binary_search(logs.begin(), logs.end(), parts->base_offset))
      DOHLE_RETURN_IF_ERROR(options_.file_system->Remove(PathOf(entry.name)));
  }
  log_.snapshots_ = std::make_unique<ProducerSnapshotFiles>(std::move(snapshots));
  for (const Offset base : logs) {
    DOHLE_ASSIGN_OR_RETURN(
        std::unique_ptr<Segment> segment,
        Segment::Open({options_.file_system, &log_.directory_, base, ""}, options_.now_ms));
    segment->set_maybe_has_transaction_index(
        std::find(with_transactions.begin(), with_transactions.end(), base) != with_transactions.end());
    log_.segments_->Add(std::move(segment));
  }
  return OkStatus();
}

Status LogLoader::RecoverTail() {
  SegmentList& segments = *log_.segments_;
  if (segments.empty()) return OkStatus();
  uint64_t scanned = 0;
  for (size_t i = segments.IndexOf(options_.recovery_point); i < segments.size(); ++i) {
    Segment& segment = segments.at(i);
    SegmentRecovery recovery(segment);
    const auto look = [&](const BatchHeader& header) {
      log_.NoteEpoch(header.leader_epoch, header.base_offset);
    };
    DOHLE_ASSIGN_OR_RETURN(
        const SegmentRecovery::Result result,
        recovery.Recover(options_.recovery_point, options_.config->index_interval_bytes, look));
    scanned += result.scanned_bytes;
    log_.unflushed_bytes_ += result.scanned_bytes;
    segment.CloseFiles();
    const Offset next_base = i + 1 < segments.size() ? segments.at(i + 1).base_offset() : result.next_offset;
    // A tail can be lost without a torn batch: then the next segment doesn't follow. Compaction leaves such
    // holes too, yet only where it says so; Kafka takes every one for that.
    const bool hole = next_base > result.next_offset && !options_.was_cleaned;
    const bool lost_tail = next_base < result.next_offset || hole;
    if (result.truncated_bytes == 0 && !lost_tail) continue;
    cut_ = true;
    while (segments.size() > i + 1) {
      log::Warning("storage", "{}: the segment at {} doesn't follow the one before and is removed",
                   ToString(log_.partition_), segments.active().base_offset().value());
      DOHLE_RETURN_IF_ERROR(log_.RemoveSegment(segments.size() - 1));
    }
  }
  if (scanned > 0) log::Debug("storage", "recovered {} out of {} bytes", ToString(log_.partition_), scanned);
  return OkStatus();
}

Status LogLoader::RebuildEpochs() {
  log_.epochs_->Clear();
  for (size_t i = 0; i < log_.segments_->size(); ++i) {
    Segment& segment = log_.segments_->at(i);
    if (segment.size() == 0) continue;
    DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, segment.file());
    BatchScanner scanner(*file, 0, segment.size());
    while (true) {
      DOHLE_ASSIGN_OR_RETURN(const bool more, scanner.Next());
      if (!more) break;
      log_.NoteEpoch(scanner.header().leader_epoch, scanner.header().base_offset);
    }
    segment.CloseFiles();
  }
  return OkStatus();
}

Status LogLoader::DropAll() {
  log::Warning("storage", "{} ends at {}, below its log start offset {}: beginning anew there",
               ToString(log_.partition_), log_.log_end_offset_.value(), options_.log_start_offset.value());
  while (!log_.segments_->empty()) DOHLE_RETURN_IF_ERROR(log_.RemoveSegment(log_.segments_->size() - 1));
  if (log_.epochs_->Clear()) log_.SaveEpochsSoon();
  return log_.snapshots_->RemoveAll(*options_.file_system, options_.directory);
}

Status LogLoader::FindLogEnd() {
  SegmentList& segments = *log_.segments_;
  if (!segments.empty()) {
    auto end = segments.active().ReadNextOffset();
    if (end.status().code() == StatusCode::kDataLoss) {
      // The shutdown claimed to be clean, yet the tail is torn: recover what is whole.
      DOHLE_RETURN_IF_ERROR(RecoverActive());
      end = segments.active().ReadNextOffset();
    }
    if (!end.ok()) return end.status();
    log_.log_end_offset_ = *end;
    if (*end < options_.log_start_offset) DOHLE_RETURN_IF_ERROR(DropAll());
  }
  if (!segments.empty()) return OkStatus();
  log_.log_end_offset_ = options_.log_start_offset;
  DOHLE_ASSIGN_OR_RETURN(
      std::unique_ptr<Segment> segment,
      Segment::Create({options_.file_system, &log_.directory_, options_.log_start_offset, ""},
                      options_.now_ms));
  segments.Add(std::move(segment));
  log_.directory_entries_.Add();
  log_.parent_entries_.Add();
  return OkStatus();
}

Status LogLoader::RecoverActive() {
  SegmentRecovery recovery(log_.segments_->active());
  return recovery
      .Recover(log_.segments_->active().base_offset(), options_.config->index_interval_bytes, nullptr)
      .status();
}

Status LogLoader::LoadProducers(Offset end_offset, int64_t now_ms) {
  ProducerSnapshotFiles& snapshots = *log_.snapshots_;
  ProducerStates& states = *log_.producers_;
  // As Kafka: a cleanly closed log without any snapshot had no producers.
  if (options_.clean_shutdown && snapshots.offsets().empty()) {
    states.set_end_offset(end_offset);
    return OkStatus();
  }
  DOHLE_RETURN_IF_ERROR(
      snapshots.LoadLatest(*log_.file_system_, log_.directory_, log_.log_start_offset_, end_offset, states));
  states.RemoveExpired(now_ms, log_.config_->producer_id_expiration_ms);
  SegmentList& segments = *log_.segments_;
  for (size_t i = segments.IndexOf(states.end_offset()); i < segments.size(); ++i) {
    if (segments.at(i).base_offset() >= end_offset || states.end_offset() >= end_offset) break;
    DOHLE_RETURN_IF_ERROR(Replay(segments.at(i), end_offset));
  }
  states.set_end_offset(end_offset);
  return snapshots.RemoveStrays(*log_.file_system_, log_.directory_, segments);
}

Status LogLoader::Replay(Segment& segment, Offset end_offset) {
  ProducerStates& states = *log_.producers_;
  if (segment.maybe_has_transaction_index())
    DOHLE_RETURN_IF_ERROR(TruncateTransactionIndex(segment.place(), states.end_offset()));
  DOHLE_ASSIGN_OR_RETURN(const auto first, segment.Find(states.end_offset()));
  if (!first.has_value()) return OkStatus();
  DOHLE_ASSIGN_OR_RETURN(std::shared_ptr<env::File> file, segment.file());
  BatchScanner scanner(*file, first->position, segment.size());
  while (true) {
    DOHLE_ASSIGN_OR_RETURN(const bool more, scanner.Next());
    if (!more || scanner.header().base_offset >= end_offset) return OkStatus();
    const BatchHeader& header = scanner.header();
    std::optional<EndTransactionMarker> marker;
    if (header.control() && header.has_producer()) {
      std::string batch(static_cast<size_t>(std::min<int64_t>(header.size(), 4096)), '\0');
      DOHLE_RETURN_IF_ERROR(file->ReadAt(scanner.position(), batch.data(), batch.size()).status());
      marker = ParseEndTransactionMarker(batch);
    }
    const auto completed = states.Apply(header, marker);
    if (!completed || !completed->aborted) continue;
    segment.set_maybe_has_transaction_index(true);
    DOHLE_RETURN_IF_ERROR(
        AppendToTransactionIndex(segment.place(), {completed->producer_id, completed->first_offset,
                                                   completed->last_offset, completed->last_stable_offset}));
  }
}

}  // namespace dohle::storage
