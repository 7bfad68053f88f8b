#include "broker/metadata/format.h"

#include <algorithm>
#include <set>

#include "broker/metadata/metadata_log.h"
#include "broker/metadata/record.h"
#include "broker/metadata/snapshot.h"
#include "broker/raft/flat_json.h"
#include "broker/storage/meta_properties.h"
#include "fmt/format.h"
#include "lib/kafka/record.h"

namespace dohle::metadata {
namespace {

constexpr std::string_view kBootstrapCheckpoint = "bootstrap.checkpoint";
constexpr std::string_view kCleanShutdown = ".kafka_cleanshutdown";

std::vector<std::string> FeatureRecords(const std::map<std::string, int16_t>& levels) {
  std::vector<std::string> records;
  const auto add = [&](const std::string& name, int16_t level) {
    kafka::FeatureLevelRecord record;
    record.name = name;
    record.feature_level = level;
    records.push_back(kafka::EncodeMetadataRecord(std::move(record), 0));
  };
  const std::string metadata_version(kMetadataVersion);
  if (levels.contains(metadata_version)) add(metadata_version, levels.at(metadata_version));
  for (const auto& [name, level] : levels) {
    if (name != metadata_version && level > 0) add(name, level);
  }
  return records;
}

std::string DescribeBootstrap(const std::map<std::string, int16_t>& levels) {
  std::string records;
  const auto add = [&](std::string_view name, int16_t level) {
    records +=
        fmt::format("{}ApiMessageAndVersion(FeatureLevelRecord(name='{}', featureLevel={}) at version 0)",
                    records.empty() ? "" : ", ", name, level);
  };
  add(kMetadataVersion, levels.at(std::string(kMetadataVersion)));
  for (const auto& [name, level] : levels) {
    if (name != kMetadataVersion && level > 0) add(name, level);
  }
  return fmt::format(
      "Bootstrap metadata: BootstrapMetadata(records=[{}], metadataVersionLevel={}, source=format command)",
      records, levels.at(std::string(kMetadataVersion)));
}

StatusOr<std::map<std::string, int16_t>> ChooseLevels(const FormatOptions& options) {
  const auto invalid = [](std::string message) {
    return Status(StatusCode::kInvalidArgument, std::move(message));
  };
  if (MetadataVersionName(options.metadata_version).empty()) {
    return invalid(fmt::format("Unknown metadata.version {}", options.metadata_version));
  }
  std::map<std::string, int16_t> levels = DefaultFeatureLevels(options.metadata_version);
  for (const auto& [name, level] : options.features) {
    const auto supported = BrokerSupportedFeatures().find(name);
    if (name == kMetadataVersion) {
      return invalid("Use --release-version instead of --feature metadata.version=X to avoid ambiguity.");
    }
    if (supported == BrokerSupportedFeatures().end()) {
      std::string known;
      for (const auto& [feature, range] : BrokerSupportedFeatures())
        known += (known.empty() ? "" : ", ") + feature;
      return invalid(fmt::format("Unsupported feature: {}. Supported features are: {}", name, known));
    }
    if (level < supported->second.min || level > supported->second.max) {
      return invalid(fmt::format("No feature:{} with feature level {}", name, level));
    }
    if (name == kKraftVersion) continue;  // decided by how the voters are given
    levels[name] = level;
  }
  return levels;
}

raft::VoterSet InitialVoters(const FormatOptions& options, const DirectoryId& directory_id) {
  raft::VoterSet voters = options.initial_controllers;
  if (!options.controller_endpoints.empty())
    voters.voters = {{{options.node_id, directory_id}, options.controller_endpoints, 0, 1}};
  std::sort(voters.voters.begin(), voters.voters.end(),
            [](const raft::Voter& a, const raft::Voter& b) { return a.key < b.key; });
  return voters;
}

// The snapshot that a quorum with kraft.version 1 begins with; none without voters.
Status WriteVoters(env::FileSystem& file_system, const std::string& dir, const raft::VoterSet& voters,
                   int64_t now_ms) {
  if (voters.voters.empty()) return OkStatus();
  ControlState control{1, voters};
  DOHLE_ASSIGN_OR_RETURN(const std::string checkpoint,
                         EncodeSnapshot(LeaderEpoch(0), &control, now_ms, {}, now_ms));
  const std::string log_dir = env::JoinPath(dir, kMetadataLogDirectory);
  DOHLE_RETURN_IF_ERROR(CreateDirectoryDurably(file_system, log_dir));
  return WriteSnapshotFile(file_system, env::JoinPath(log_dir, SnapshotFileName({})), checkpoint);
}

}  // namespace

Status CreateDirectoryDurably(env::FileSystem& file_system, const std::string& path) {
  DOHLE_RETURN_IF_ERROR(file_system.CreateDirectories(path));
  return file_system.SyncDirectory(env::ParentPath(path));
}

// ---- meta.properties

// ---- storage format

std::map<std::string, int16_t> DefaultFeatureLevels(int16_t metadata_version) {
  constexpr int16_t kElrByDefault = 26;  // 4.1-IV0
  std::map<std::string, int16_t> levels{{std::string(kMetadataVersion), metadata_version}};
  // Of the others only what is served: consumer groups of KIP-848, share and streams groups and transactions
  // aren't yet.
  if (metadata_version >= kElrByDefault) levels[std::string(kElrVersion)] = 1;
  return levels;
}

StatusOr<std::vector<std::string>> FormatStorage(env::FileSystem& file_system, env::Random& random,
                                                 const env::Clock& clock, const FormatOptions& options) {
  const auto invalid = [](std::string message) {
    return Status(StatusCode::kInvalidArgument, std::move(message));
  };
  if (options.log_dirs.empty()) return invalid("You must specify at least one directory to format");
  if (options.cluster_id.empty()) return invalid("You must specify the cluster id.");
  if (options.node_id < NodeId(0)) return invalid("You must specify a valid non-negative node ID.");
  if (std::find(options.log_dirs.begin(), options.log_dirs.end(), options.metadata_log_dir) ==
      options.log_dirs.end()) {
    return invalid(
        fmt::format("The specified metadata log directory, {} was not one of the given directories: {}",
                    options.metadata_log_dir, fmt::join(options.log_dirs, ", ")));
  }
  DOHLE_ASSIGN_OR_RETURN(const auto levels, ChooseLevels(options));

  std::vector<std::string> to_format;
  for (const std::string& dir : options.log_dirs) {
    const StatusOr<storage::MetaProperties> existing = storage::ReadMetaProperties(file_system, dir);
    if (existing.status().code() == StatusCode::kNotFound) {
      to_format.push_back(dir);
      continue;
    }
    if (!existing.ok()) return existing.status();
    if (!options.ignore_formatted) {
      return MakeStatus(
          StatusCode::kAlreadyExists,
          "Log directory {} is already formatted. Use --ignore-formatted to ignore this directory and "
          "format the others.",
          dir);
    }
    if (existing->cluster_id != options.cluster_id || existing->node_id != options.node_id) {
      return invalid(fmt::format(
          "Invalid cluster.id or node.id in: {}/meta.properties. Expected {} and {}, but read "
          "{} and {}",
          dir, options.cluster_id, options.node_id.value(), existing->cluster_id, existing->node_id.value()));
    }
  }
  if (to_format.empty()) return std::vector<std::string>{"All of the log directories are already formatted."};

  std::vector<std::string> lines{DescribeBootstrap(levels)};
  DOHLE_ASSIGN_OR_RETURN(
      const std::string bootstrap,
      EncodeSnapshot(LeaderEpoch(0), nullptr, 0, FeatureRecords(levels), clock.WallTimeMs()));
  for (const std::string& dir : to_format) {
    storage::MetaProperties meta{options.cluster_id, options.node_id, random.NextUuid()};
    const bool metadata = dir == options.metadata_log_dir;
    const raft::VoterSet voters = metadata ? InitialVoters(options, meta.directory_id) : raft::VoterSet();
    const raft::Voter* self = voters.Find(options.node_id);
    if (self != nullptr) meta.directory_id = self->key.directory_id;
    DOHLE_RETURN_IF_ERROR(CreateDirectoryDurably(file_system, dir));
    lines.push_back(fmt::format("Formatting {} {} with metadata.version {}.",
                                self != nullptr          ? "dynamic metadata voter directory"
                                : !voters.voters.empty() ? "dynamic metadata directory"
                                : metadata               ? "metadata directory"
                                                         : "data directory",
                                dir, MetadataVersionName(options.metadata_version)));
    DOHLE_RETURN_IF_ERROR(file_system.WriteWhole(env::JoinPath(dir, kBootstrapCheckpoint), bootstrap));
    DOHLE_RETURN_IF_ERROR(WriteVoters(file_system, dir, voters, clock.WallTimeMs()));
    // Last: what has it is formatted.
    DOHLE_RETURN_IF_ERROR(file_system.WriteWhole(env::JoinPath(dir, storage::kMetaPropertiesFile),
                                                 storage::EncodeMetaProperties(meta, clock.WallTimeMs())));
  }
  return lines;
}

// ---- storage info

StorageInfo DescribeStorage(env::FileSystem& file_system, const std::vector<std::string>& log_dirs) {
  StorageInfo info;
  std::vector<std::string> found;
  std::optional<storage::MetaProperties> first;
  std::set<std::string> clusters;
  std::set<NodeId> nodes;
  for (const std::string& dir : log_dirs) {
    if (!file_system.Exists(dir)) {
      info.problems.push_back(fmt::format("{} does not exist", dir));
      continue;
    }
    found.push_back(dir);
    const StatusOr<storage::MetaProperties> meta = storage::ReadMetaProperties(file_system, dir);
    if (meta.status().code() == StatusCode::kNotFound) {
      info.problems.push_back(fmt::format("{} is not formatted.", dir));
      continue;
    }
    if (!meta.ok()) {
      info.problems.push_back(
          fmt::format("Error loading {}/meta.properties: {}", dir, Message(meta.status())));
      continue;
    }
    clusters.insert(meta->cluster_id);
    nodes.insert(meta->node_id);
    if (!first.has_value()) first = *meta;
  }
  if (clusters.size() > 1) info.problems.push_back("Mismatched cluster IDs between storage directories.");
  if (nodes.size() > 1) info.problems.push_back("Mismatched node IDs between storage directories.");
  const auto section = [&](std::string_view title, const std::vector<std::string>& entries) {
    if (entries.empty()) return;
    info.lines.emplace_back(title);
    for (const std::string& entry : entries) info.lines.push_back("  " + entry);
    info.lines.emplace_back();
  };
  section(found.size() == 1 ? "Found log directory:" : "Found log directories:", found);
  if (first.has_value()) {
    info.lines.push_back(
        fmt::format("Found metadata: {{cluster.id={}, directory.id={}, node.id={}, version=1}}",
                    first->cluster_id, ToString(first->directory_id), first->node_id.value()));
    info.lines.emplace_back();
  }
  section(info.problems.size() == 1 ? "Found problem:" : "Found problems:", info.problems);
  return info;
}

// ---- the small files

StatusOr<std::vector<std::string>> ReadBootstrapRecords(env::FileSystem& file_system,
                                                        const std::string& log_dir) {
  const std::string path = env::JoinPath(log_dir, kBootstrapCheckpoint);
  if (!file_system.Exists(path)) return FeatureRecords(DefaultFeatureLevels(kLatestMetadataVersion));
  DOHLE_ASSIGN_OR_RETURN(const std::string bytes, file_system.ReadWhole(path));
  std::vector<std::string> records;
  kafka::BatchCursor cursor(bytes);
  while (const std::optional<kafka::RecordBatchView> batch = cursor.Next()) {
    if (const Status status = kafka::CheckCrc(*batch); !status.ok()) {
      return MakeStatus(StatusCode::kDataLoss, "{}: {}", path, Message(status));
    }
    if (batch->is_control()) continue;
    DOHLE_ASSIGN_OR_RETURN(kafka::RecordReader reader, kafka::RecordReader::Open(*batch, 64 << 20));
    kafka::Record record;
    while (reader.Next(&record)) {
      if (record.value.has_value()) records.emplace_back(*record.value);
    }
    DOHLE_RETURN_IF_ERROR(reader.status());
  }
  if (!cursor.rest().empty() || records.empty()) {
    return MakeStatus(StatusCode::kDataLoss, "{}: is no whole snapshot of bootstrap records", path);
  }
  return records;
}

BrokerEpoch ReadCleanShutdownEpoch(env::FileSystem& file_system, const std::string& log_dir) {
  const StatusOr<std::string> text = file_system.ReadWhole(env::JoinPath(log_dir, kCleanShutdown), 4096);
  if (!text.ok()) return BrokerEpoch(-1);
  const StatusOr<raft::FlatJson> json = raft::FlatJson::Parse(*text);
  return BrokerEpoch(json.ok() ? json->Int("brokerEpoch").value_or(-1) : -1);
}

Status WriteCleanShutdown(env::FileSystem& file_system, const std::string& log_dir, BrokerEpoch epoch) {
  return file_system.WriteWhole(env::JoinPath(log_dir, kCleanShutdown),
                                fmt::format(R"({{"version":0,"brokerEpoch":{}}})", epoch.value()));
}

}  // namespace dohle::metadata
