// The replicas of this broker as the metadata wants them: a publisher that opens, creates and removes logs,
// hands them to Partitions and tells those who leads.
//
// Publish is called by the metadata log, one update after the other; the rest from any executor.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/metadata/own_life.h"
#include "broker/metadata/publisher.h"
#include "broker/replica/delayed_removal.h"
#include "broker/replica/partition_registry.h"
#include "broker/replica/repeat_limit.h"
#include "broker/replica/replica_fetchers.h"
#include "broker/replica/replication_quota.h"
#include "broker/storage/log_registry.h"
#include "lib/env/env.h"
#include "lib/env/lane.h"

namespace dohle::replica {

// What a topic's configuration comes to for its logs; of a topic without a name that of all that have set
// nothing of their own. Any thread.
using LogConfigOf = std::function<std::shared_ptr<const storage::LogConfig>(
    const metadata::MetadataImage& image, std::string_view topic)>;

struct ReplicaSetOptions {
  NodeId node_id = kNoNode;
  Uuid incarnation_id;                                  // registered under; zero: leads as the metadata says
  int recovery_threads = 2;                             // num.recovery.threads.per.data.dir
  uint64_t cleaner_memory_bytes = uint64_t{128} << 20;  // log.cleaner.dedupe.buffer.size
  storage::FlushTimes flush_times;
  std::function<std::vector<std::string>()> cordoned;  // paths (KIP-1066); null: none ever
  const ReplicationContext* replication = nullptr;     // null: there is but this broker
};

// How the log directories and their compaction are, for metrics.
struct LogsHealth {
  std::vector<std::string> directories;  // all of log.dirs that are or were in use
  std::vector<std::string> offline_directories;
  uint64_t storage_errors = 0;       // requests that the storage refused since the start
  double max_dirty_ratio = 0;        // of the dirtiest compacted log, when compaction looked last; 0 to 1
  int64_t ms_since_cleaner_ran = 0;  // since it looked last, or since the start
  FetchersHealth fetchers;
};

// A log directory with what is in it, for DescribeLogDirs.
struct DirectorySummary {
  std::string path;
  bool offline = false;
  int64_t total_bytes = -1;
  int64_t usable_bytes = -1;
  std::vector<PartitionSummary> partitions;
};

// Log directories that have failed since the broker started, or at its start (those without an id). They
// stay so until a restart.
struct OfflineDirectories {
  std::vector<DirectoryId> ids;
  std::vector<std::string> paths;
};

// Where a replica lies, for AssignReplicasToDirs (KIP-858).
struct DirectoryAssignment {
  TopicId topic_id;
  PartitionIndex partition;
  DirectoryId directory_id;
};

class ReplicaSet : public metadata::MetadataPublisher, public StorageListener {
 public:
  // All references outlive the set.
  ReplicaSet(ReplicaSetOptions options, env::Env& env, storage::LogRegistry& logs,
             PartitionRegistry& partitions, LogConfigOf log_config_of);

  // Who fetches for those that follow. Before the first Publish; outlives the last one. Without, nobody does.
  void SetFetchers(ReplicaFetchers* fetchers) { fetchers_ = fetchers; }
  ReplicationQuota& leader_quota() { return leader_quota_; }
  ReplicationQuota& follower_quota() { return follower_quota_; }

  std::string_view name() const override { return "replicas"; }
  env::Task<void> Publish(const metadata::MetadataUpdate& update) override;

  // Recovery points, log start offsets and high watermarks, as of now, to the directories.
  env::Task<Status> WriteCheckpoints();
  // Rolls, retention, expired producers; one partition after the other. Deleted files go after their delay.
  env::Task<void> ApplyRetention();
  // Brings unflushed tails to the disk that have grown large or old, so that a recovery has little to read.
  env::Task<void> FlushTails();
  // Has every partition that is led here look at its followers.
  env::Task<void> CheckFollowers();
  // Gives up the descriptors of logs that weren't used since the last call.
  env::Task<void> CloseIdleFiles();
  // Makes directories and files of logs that were new when it was called last and had no record since.
  env::Task<void> CreateFiles();
  // Compacts the dirtiest log, then the next, until none is dirty enough. One caller.
  env::Task<void> CleanLogs();
  // Makes a running CleanLogs return soon, and later ones at once. Any thread.
  void StopCleaning() { cleaning_stopped_ = true; }
  // Removes files and directories whose delay is over.
  env::Task<void> RemoveWhatIsDue();

  env::Task<std::vector<DirectorySummary>> DescribeDirectories();
  env::Task<LogsHealth> CheckHealth();

  // StorageListener: every partition in the directory goes offline, soon.
  void DirectoryFailed(const DirectoryId& directory, const TopicPartition& partition,
                       const Status& failure) override;
  // Counted; logged once in ten seconds.
  void RequestFailed(const TopicPartition& partition, std::string_view what, const Status& failure) override;
  // As of now. Any thread.
  std::shared_ptr<const OfflineDirectories> offline_directories() const { return offline_.load(); }
  // Replicas of which `image` doesn't know in which of several directories they lie; at most `max`.
  std::vector<DirectoryAssignment> UnknownDirectories(const metadata::MetadataImage& image, size_t max) const;

  // Closes every log and marks the directories as cleanly shut down, with the incarnation of a registration
  // that nothing was heard of, if there is one. Nothing may follow.
  env::Task<Status> ShutDown(BrokerEpoch broker_epoch, Uuid unheard_incarnation = Uuid());

 private:
  using ImagePtr = metadata::ImagePtr;
  static constexpr absl::Duration kFailureLogInterval = absl::Seconds(10);
  // A partition with a replica here that an update says something about; of its image.
  struct Touched {
    const metadata::TopicImage* topic = nullptr;
    PartitionIndex partition;
    const metadata::PartitionRegistration* registration = nullptr;
  };

  // One look at what is due. Whether another may be due at once.
  env::Task<bool> FlushWhatIsDue();
  // With one sync of their file system. False: it can't do that.
  env::Task<bool> FlushTogether(DirectoryId directory,
                                const std::vector<std::shared_ptr<Partition>>& partitions);
  env::Task<void> FlushOneByOne(const std::vector<std::shared_ptr<Partition>>& partitions);
  env::Task<void> TakeOffline(DirectoryId directory, Status why);
  void PublishOffline();
  // Whether an empty log may be begun for what has none here. In the registry's lane.
  bool MayCreate(const metadata::MetadataUpdate& update, const Touched& touched) const;
  // One value for all topics that have set nothing.
  std::shared_ptr<const storage::LogConfig> ConfigOf(const metadata::MetadataImage& image,
                                                     std::string_view topic) const;
  env::Task<void> LoadStored(const metadata::MetadataUpdate& update);
  // Whose topic is deleted, or whose replica here has been reassigned to others.
  std::vector<std::shared_ptr<Partition>> GoneWith(const metadata::MetadataUpdate& update) const;
  env::Task<void> RemoveGone(const metadata::MetadataUpdate& update);
  env::Task<void> BeginMissing(const metadata::MetadataUpdate& update, const std::vector<Touched>& touched);
  env::Task<void> SetLeadership(const std::vector<Touched>& touched);
  env::Task<void> TakeOverConfigs(const metadata::MetadataUpdate& update);
  // `all`: whatever the update says that it changes.
  std::vector<Touched> TouchedBy(const metadata::MetadataUpdate& update, bool all) const;
  env::Task<std::vector<storage::PartitionCheckpoint>> CollectCheckpoints();
  env::Task<std::shared_ptr<Partition>> FindDirtiest();
  env::Task<StatusOr<storage::CleaningResult>> Clean(Partition& partition);
  int64_t MonotonicMs() const;

  const ReplicaSetOptions options_;
  env::Env& env_;
  storage::LogRegistry& logs_;
  PartitionRegistry& partitions_;
  const LogConfigOf log_config_of_;
  ReplicationQuota leader_quota_;
  ReplicationQuota follower_quota_;
  ReplicaFetchers* fetchers_ = nullptr;
  bool loaded_ = false;      // Publish's own
  metadata::OwnLife life_;   // the same
  env::Lane registry_lane_;  // guards logs_, removals_ and new_partitions_
  DelayedRemoval removals_;
  std::atomic<std::shared_ptr<const OfflineDirectories>> offline_{
      std::make_shared<const OfflineDirectories>()};
  // One line each: what an operator must do differs.
  RepeatLimit no_room_{kFailureLogInterval};
  RepeatLimit read_only_{kFailureLogInterval};
  RepeatLimit corrupt_{kFailureLogInterval};
  std::atomic<uint64_t> storage_errors_{0};
  std::set<TopicPartition> unloadable_;  // Publish's own: their files are there, yet can't be opened
  std::atomic<bool> cleaning_stopped_{false};
  std::atomic<double> max_dirty_ratio_{0};
  std::atomic<int64_t> cleaner_ran_ms_;   // monotonic
  std::set<TopicPartition> uncleanable_;  // CleanLogs' own: corrupt, left alone until a restart
  std::shared_ptr<const storage::LogConfig>
      default_config_;  // changed by Publish only, before it is used there
  std::vector<std::shared_ptr<Partition>> new_partitions_;
  std::vector<std::shared_ptr<Partition>> without_files_;  // CreateFiles' own: those of the call before
};

}  // namespace dohle::replica
