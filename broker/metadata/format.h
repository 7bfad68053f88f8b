// Log directories: what `storage format` writes, as Kafka 4.3.1 does.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/metadata/image.h"
#include "lib/base/status.h"
#include "lib/env/clock.h"
#include "lib/env/file_system.h"
#include "lib/env/random.h"

namespace dohle::metadata {

// Creates `path` so that it is there after a power cut.
Status CreateDirectoryDurably(env::FileSystem& file_system, const std::string& path);

// metadata.version levels (MetadataVersion of Kafka): 7 = 3.3-IV3 … 30 = 4.3-IV0.
inline constexpr int16_t kMinMetadataVersion = 7;
inline constexpr int16_t kLatestMetadataVersion = 30;
// "4.3-IV0"; "" if unknown.
std::string_view MetadataVersionName(int16_t level);
// By name ("4.3-IV0", or a release, "4.3": the last of it). Nothing if unknown.
std::optional<int16_t> MetadataVersionByName(std::string_view name);

// Whether a downgrade from `from` to `to` would change what records mean.
bool MetadataChangedBetween(int16_t to, int16_t from);

// What this build can run with, for BrokerRegistration, ControllerRegistration, ApiVersions.
const SupportedFeatures& BrokerSupportedFeatures();

struct FormatOptions {
  std::string cluster_id;
  NodeId node_id = kNoNode;
  std::vector<std::string> log_dirs;
  std::string metadata_log_dir;  // one of them
  // --standalone: this node is the only voter, reachable there.
  std::vector<raft::VoterEndpoint> controller_endpoints;
  // --initial-controllers: these are the voters; one that is formatted takes its directory's id from here.
  // Without both no voters are written: --no-initial-controllers, or they are configured
  // (controller.quorum.voters, which is kraft.version 0).
  raft::VoterSet initial_controllers;
  int16_t metadata_version = kLatestMetadataVersion;  // --release-version
  std::map<std::string, int16_t> features;            // --feature name=level, over the defaults
  bool ignore_formatted = false;                      // --ignore-formatted
};
// Returns what Kafka's tool prints, line by line. kAlreadyExists with its message if a directory is
// formatted; kInvalidArgument for bad ids or levels.
StatusOr<std::vector<std::string>> FormatStorage(env::FileSystem& file_system, env::Random& random,
                                                 const env::Clock& clock, const FormatOptions& options);

struct StorageInfo {
  std::vector<std::string> lines;     // as `kafka-storage info` prints
  std::vector<std::string> problems;  // not empty: exit status 1
};
StorageInfo DescribeStorage(env::FileSystem& file_system, const std::vector<std::string>& log_dirs);

// The framed records of bootstrap.checkpoint: the first ones of a new cluster. The default feature levels if
// there is no such file.
StatusOr<std::vector<std::string>> ReadBootstrapRecords(env::FileSystem& file_system,
                                                        const std::string& log_dir);
// The finalized levels of a cluster that is formatted at `metadata_version`: of what this build serves.
std::map<std::string, int16_t> DefaultFeatureLevels(int16_t metadata_version);

// .kafka_cleanshutdown: the broker epoch of a clean stop, -1 if there was none or it says none.
BrokerEpoch ReadCleanShutdownEpoch(env::FileSystem& file_system, const std::string& log_dir);
Status WriteCleanShutdown(env::FileSystem& file_system, const std::string& log_dir, BrokerEpoch epoch);

}  // namespace dohle::metadata
