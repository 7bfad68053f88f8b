#include "broker/storage/log_directory.h"

#include <fmt/format.h>

#include <charconv>

#include "lib/base/log.h"

namespace dohle::storage {
namespace {

// {"version":0,"brokerEpoch":13}; other fields, spaces and their order don't matter.
BrokerEpoch ParseBrokerEpoch(std::string_view json) {
  constexpr std::string_view kKey = "\"brokerEpoch\"";
  size_t at = json.find(kKey);
  if (at == std::string_view::npos) return BrokerEpoch(-1);
  at = json.find_first_of("-0123456789", at + kKey.size());
  if (at == std::string_view::npos) return BrokerEpoch(-1);
  int64_t epoch = -1;
  std::from_chars(json.data() + at, json.data() + json.size(), epoch);
  return BrokerEpoch(epoch);
}

Uuid ParseIncarnation(std::string_view json) {
  constexpr std::string_view kKey = "\"incarnationId\":\"";
  constexpr size_t kTextSize = 22;
  const size_t at = json.find(kKey);
  if (at == std::string_view::npos) return Uuid();
  return Uuid::Parse(json.substr(at + kKey.size(), kTextSize)).value_or(Uuid());
}

}  // namespace

StatusOr<std::unique_ptr<LogDirectory>> LogDirectory::Open(env::FileSystem& file_system,
                                                           const std::string& path) {
  auto directory = std::unique_ptr<LogDirectory>(new LogDirectory(file_system, path));
  DOHLE_ASSIGN_OR_RETURN(directory->properties_, ReadMetaProperties(file_system, path));
  DOHLE_ASSIGN_OR_RETURN(directory->lock_, file_system.Lock(env::JoinPath(path, kLockFile)));
  auto whole = file_system.OpenWhole(path);
  if (whole.ok()) directory->whole_file_system_ = *std::move(whole);
  DOHLE_RETURN_IF_ERROR(directory->ReadCleanShutdownMark());
  DOHLE_ASSIGN_OR_RETURN(directory->recovery_points_, directory->ReadLenient(kRecoveryPointCheckpoint));
  DOHLE_ASSIGN_OR_RETURN(directory->log_start_offsets_, directory->ReadLenient(kLogStartCheckpoint));
  return directory;
}

Status LogDirectory::ReadCleanShutdownMark() {
  const std::string path = env::JoinPath(path_, kCleanShutdownFile);
  auto content = file_system_.ReadWhole(path);
  if (content.status().code() == StatusCode::kNotFound) return OkStatus();
  if (!content.ok()) return content.status();
  clean_shutdown_ = true;
  previous_broker_epoch_ = ParseBrokerEpoch(*content);
  unheard_incarnation_ = ParseIncarnation(*content);
  DOHLE_RETURN_IF_ERROR(file_system_.Remove(path));
  return file_system_.SyncDirectory(path_);
}

// A corrupt checkpoint costs a longer recovery, no more.
StatusOr<OffsetCheckpoint> LogDirectory::ReadLenient(std::string_view name) const {
  auto offsets = ReadOffsetCheckpoint(file_system_, env::JoinPath(path_, name));
  if (offsets.status().code() != StatusCode::kDataLoss) return offsets;
  log::Warning("storage", "{}; going on without it", Message(offsets.status()));
  return OffsetCheckpoint();
}

StatusOr<std::vector<StoredPartition>> LogDirectory::ListPartitions() const {
  DOHLE_ASSIGN_OR_RETURN(const std::vector<env::DirectoryEntry> entries, file_system_.List(path_));
  std::vector<StoredPartition> partitions;
  for (const env::DirectoryEntry& entry : entries) {
    if (!entry.is_directory || entry.name == kMetadataPartition) continue;
    auto name = ParsePartitionDirectoryName(entry.name);
    if (!name) {
      log::Warning("storage", "{} is no partition's directory, leaving it alone",
                   env::JoinPath(path_, entry.name));
      continue;
    }
    partitions.push_back({std::move(name->partition), name->kind, env::JoinPath(path_, entry.name)});
  }
  return partitions;
}

Status LogDirectory::WriteCheckpoint(std::string_view name, const OffsetCheckpoint& offsets) {
  return file_system_.WriteWhole(env::JoinPath(path_, name), EncodeOffsetCheckpoint(offsets));
}
Status LogDirectory::WriteRecoveryPoints(const OffsetCheckpoint& offsets) {
  return WriteCheckpoint(kRecoveryPointCheckpoint, offsets);
}
Status LogDirectory::WriteLogStartOffsets(const OffsetCheckpoint& offsets) {
  return WriteCheckpoint(kLogStartCheckpoint, offsets);
}
Status LogDirectory::WriteHighWatermarks(const OffsetCheckpoint& offsets) {
  return WriteCheckpoint(kHighWatermarkCheckpoint, offsets);
}
Status LogDirectory::WriteCleanerOffsets(const OffsetCheckpoint& offsets) {
  return WriteCheckpoint(kCleanerCheckpoint, offsets);
}
StatusOr<OffsetCheckpoint> LogDirectory::ReadHighWatermarks() const {
  return ReadLenient(kHighWatermarkCheckpoint);
}
StatusOr<OffsetCheckpoint> LogDirectory::ReadCleanerOffsets() const {
  return ReadLenient(kCleanerCheckpoint);
}

Status LogDirectory::MarkCleanShutdown(BrokerEpoch broker_epoch, const Uuid& unheard_incarnation) {
  std::string mark = fmt::format(R"({{"version":0,"brokerEpoch":{})", broker_epoch.value());
  if (!unheard_incarnation.is_zero()) {
    mark += fmt::format(R"(,"incarnationId":"{}")", ToString(unheard_incarnation));
  }
  return file_system_.WriteWhole(env::JoinPath(path_, kCleanShutdownFile), mark + "}");
}

}  // namespace dohle::storage
