#include "broker/metadata/snapshot.h"

#include <algorithm>
#include <charconv>

#include "broker/metadata/image_writer.h"

namespace dohle::metadata {
namespace {

constexpr std::string_view kSuffix = ".checkpoint";
constexpr size_t kNameSize = 20 + 1 + 10 + kSuffix.size();
constexpr uint64_t kMaxSnapshotBytes = uint64_t{4} << 30;
constexpr size_t kBatchBytes = size_t{1} << 20;

class SnapshotEncoder {
 public:
  SnapshotEncoder(LeaderEpoch epoch, int64_t now_ms) : epoch_(epoch), now_ms_(now_ms) {}

  template <typename Fill>
  Status Batch(bool control, Fill&& fill) {
    kafka::BatchOptions options;
    options.base_offset = next_offset_;
    options.partition_leader_epoch = epoch_;
    options.control = control;
    kafka::RecordBatchBuilder batch(options);
    fill(&batch);
    if (batch.empty()) return OkStatus();
    next_offset_ = batch.next_offset();
    DOHLE_ASSIGN_OR_RETURN(const std::string bytes, batch.Build());
    bytes_ += bytes;
    return OkStatus();
  }

  Status Records(const std::vector<std::string>& records) {
    for (size_t i = 0; i < records.size();) {
      DOHLE_RETURN_IF_ERROR(Batch(false, [&](kafka::RecordBatchBuilder* batch) {
        for (; i < records.size() && batch->size() < kBatchBytes; ++i) {
          batch->Append(now_ms_, std::nullopt, records[i]);
        }
      }));
    }
    return OkStatus();
  }

  std::string Take() { return std::move(bytes_); }

 private:
  LeaderEpoch epoch_;
  int64_t now_ms_;
  Offset next_offset_{0};
  std::string bytes_;
};

}  // namespace

std::string SnapshotFileName(const raft::OffsetAndEpoch& id) {
  return fmt::format("{:020}-{:010}{}", id.offset.value(), id.epoch.value(), kSuffix);
}

std::optional<raft::OffsetAndEpoch> ParseSnapshotFileName(std::string_view name) {
  if (name.size() != kNameSize || name[20] != '-' || !name.ends_with(kSuffix)) return std::nullopt;
  int64_t offset = 0;
  int32_t epoch = 0;
  const auto [offset_end, offset_error] = std::from_chars(name.data(), name.data() + 20, offset);
  const auto [epoch_end, epoch_error] = std::from_chars(name.data() + 21, name.data() + 31, epoch);
  if (offset_error != std::errc() || epoch_error != std::errc() || offset_end != name.data() + 20 ||
      epoch_end != name.data() + 31 || offset < 0 || epoch < 0) {
    return std::nullopt;
  }
  return raft::OffsetAndEpoch{Offset(offset), LeaderEpoch(epoch)};
}

StatusOr<std::vector<SnapshotFile>> ListSnapshots(env::FileSystem& file_system,
                                                  const std::string& directory) {
  DOHLE_ASSIGN_OR_RETURN(const std::vector<env::DirectoryEntry> entries, file_system.List(directory));
  std::vector<SnapshotFile> snapshots;
  for (const env::DirectoryEntry& entry : entries) {
    const std::string path = env::JoinPath(directory, entry.name);
    const std::optional<raft::OffsetAndEpoch> id = ParseSnapshotFileName(entry.name);
    if (!id.has_value()) continue;
    DOHLE_ASSIGN_OR_RETURN(const std::unique_ptr<env::File> file,
                           file_system.Open(path, env::OpenMode::kReadOnly));
    DOHLE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    snapshots.push_back({*id, path, size});
  }
  std::sort(snapshots.begin(), snapshots.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return snapshots;
}

Status RemoveUnfinishedSnapshots(env::FileSystem& file_system, const std::string& directory) {
  DOHLE_ASSIGN_OR_RETURN(const std::vector<env::DirectoryEntry> entries, file_system.List(directory));
  for (const env::DirectoryEntry& entry : entries) {
    if (entry.name.find(kSuffix) == std::string::npos) continue;
    if (entry.name.ends_with(".part") || entry.name.ends_with(".deleted") || entry.name.ends_with(".tmp")) {
      DOHLE_RETURN_IF_ERROR(file_system.Remove(env::JoinPath(directory, entry.name)));
    }
  }
  return OkStatus();
}

Status ReadSnapshot(env::FileSystem& file_system, const SnapshotFile& file, LogReplay* replay) {
  DOHLE_ASSIGN_OR_RETURN(const std::string bytes, file_system.ReadWhole(file.path, kMaxSnapshotBytes));
  kafka::BatchCursor cursor(bytes);
  while (const std::optional<kafka::RecordBatchView> batch = cursor.Next()) {
    if (replay->saw_footer())
      return MakeStatus(StatusCode::kDataLoss, "{}: goes on behind its footer", file.path);
    if (const Status status = replay->Apply(*batch); !status.ok()) {
      return MakeStatus(status.code(), "{}: {}", file.path, Message(status));
    }
  }
  if (!cursor.rest().empty() || !replay->saw_header() || !replay->saw_footer() || replay->in_transaction()) {
    return MakeStatus(StatusCode::kDataLoss, "{}: is no whole snapshot", file.path);
  }
  replay->Advance({file.id.offset - 1, file.id.epoch, replay->snapshot_timestamp_ms()});
  return OkStatus();
}

StatusOr<std::string> EncodeSnapshot(LeaderEpoch epoch, const ControlState* control,
                                     int64_t last_timestamp_ms, const std::vector<std::string>& records,
                                     int64_t now_ms) {
  SnapshotEncoder encoder(epoch, now_ms);
  DOHLE_RETURN_IF_ERROR(encoder.Batch(true, [&](kafka::RecordBatchBuilder* batch) {
    AppendSnapshotHeader(last_timestamp_ms, now_ms, batch);
    if (control == nullptr || control->kraft_version == 0) return;
    AppendKraftVersionRecord(control->kraft_version, now_ms, batch);
    if (!control->voters.voters.empty()) AppendVotersRecord(control->voters, now_ms, batch);
  }));
  DOHLE_RETURN_IF_ERROR(encoder.Records(records));
  DOHLE_RETURN_IF_ERROR(
      encoder.Batch(true, [&](kafka::RecordBatchBuilder* batch) { AppendSnapshotFooter(now_ms, batch); }));
  return encoder.Take();
}

Status WriteSnapshot(env::FileSystem& file_system, const std::string& directory,
                     const raft::OffsetAndEpoch& id, const MetadataImage& image, const ControlState& control,
                     int64_t now_ms) {
  const std::string path = env::JoinPath(directory, SnapshotFileName(id));
  if (file_system.Exists(path)) return OkStatus();
  std::vector<std::string> records;
  WriteImage(image, [&](std::string framed) { records.push_back(std::move(framed)); });
  DOHLE_ASSIGN_OR_RETURN(
      const std::string bytes,
      EncodeSnapshot(id.epoch, &control, image.provenance.last_contained_log_time_ms, records, now_ms));
  return WriteSnapshotFile(file_system, path, bytes);
}

Status WriteSnapshotFile(env::FileSystem& file_system, const std::string& path, std::string_view bytes) {
  DOHLE_RETURN_IF_ERROR(file_system.WriteWhole(path, bytes));
  return file_system.MakeReadOnly(path);
}

}  // namespace dohle::metadata
