// Follows one leader broker: fetches over one connection what it leads and this broker has replicas of, and
// appends it. What to ask for and what to make of answers is FetchPlan's; here it is done.
//
// One fetch is under way at a time, as the order of a session demands; the next one leaves as soon as the
// records of the last are appended. Logs that have to be mended (truncated, or begun anew) are mended aside.
// Partitions that come while a fetch waits at the leader break it off: they would wait for as long as it.
//
// Everything runs on one executor; the public methods may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "broker/replica/fetch_plan.h"
#include "broker/replica/partition.h"
#include "broker/replica/repeat_limit.h"
#include "broker/replica/replication_quota.h"
#include "lib/base/metrics.h"
#include "lib/env/executor.h"
#include "lib/env/one_shot.h"
#include "lib/env/task.h"
#include "lib/env/transport.h"
#include "lib/kafka/client/connection.h"

namespace dohle::replica {

struct FetcherOptions {
  FetchPlanOptions plan;
  int fetchers_per_leader = 1;                        // num.replica.fetchers
  absl::Duration socket_timeout = absl::Seconds(30);  // replica.socket.timeout.ms
  uint64_t max_batch_bytes = uint64_t{100} << 20;     // socket.request.max.bytes: what a batch can have
  // Each may be called from any thread.
  std::function<std::optional<env::Endpoint>(NodeId leader)> endpoint_of;  // as the metadata has it now
  std::function<BrokerEpoch()> broker_epoch;             // of this broker; -1: none yet, nothing is fetched
  std::function<int16_t()> metadata_version;             // its level
  std::function<env::Task<Status>()> write_checkpoints;  // ReplicaSet::WriteCheckpoints
  // The connection to a leader was lost or couldn't be made, each time; and: it has answered. May be null.
  std::function<void(NodeId leader)> lost_leader;
  std::function<void(NodeId leader)> heard_leader;
};

// Of all fetchers of this broker. Any thread.
struct FetcherCounters {
  metrics::Counter bytes;  // of records that were fetched
};

// What the fetchers of a broker have in common.
struct FetcherCommons {
  FetcherOptions options;
  env::Transport& transport;
  FetcherCounters counters;
  ReplicationQuota* quota = nullptr;  // of the follower's side; may be null
  // A log was truncated, and the checkpoint of its recovery point couldn't be written: nothing is appended
  // until it is.
  std::atomic<bool> checkpoint_owed{false};
};

struct FetcherView {
  NodeId leader;
  int index = 0;
  size_t partitions = 0;
  size_t failed_partitions = 0;
  int64_t max_lag = 0;
  int64_t requests = 0;  // since the fetcher began
  int64_t bytes = 0;
  std::vector<std::pair<TopicPartition, int64_t>> lags;  // those that are known
};

class ReplicaFetcher : public std::enable_shared_from_this<ReplicaFetcher> {
 public:
  // Both outlive the fetcher's coroutines: see Stop.
  ReplicaFetcher(FetcherCommons& commons, env::Executor& executor, NodeId leader, int index);

  std::pair<NodeId, int> id() const { return {leader_, index_}; }

  void Start();  // once
  struct Change {
    std::shared_ptr<Partition> partition;
    bool follow = false;  // false: it follows another leader, or none
  };
  // The partition's leadership is set already: what is followed is asked of it.
  void Take(std::vector<Change> changes);
  // Ends when nothing of it runs any more.
  env::Task<void> Stop();
  env::Task<FetcherView> View();

 private:
  // A log that the leader's answer showed to be in need.
  struct Mend {
    TopicIdPartition key;
    std::shared_ptr<Partition> partition;
    FetchPosition before;
    FetchVerdict verdict;
    // kFindOffsets: of the leader.
    Offset log_start_offset{-1};
    Offset log_end_offset{-1};
  };

  static env::Task<void> Run(std::shared_ptr<ReplicaFetcher> self);
  static env::Task<void> RunMends(std::shared_ptr<ReplicaFetcher> self);
  void Ended();
  void Accept(std::vector<Change> changes);
  void BreakOff();
  env::Task<void> TakeOverChanges();
  env::Task<void> WaitForChange(std::optional<int64_t> until_ms);
  void Connect();
  static env::Task<void> Open(std::shared_ptr<ReplicaFetcher> self, env::Endpoint endpoint,
                              kafka::client::ConnectionOptions options);
  void NoteLost(std::string_view what, const Status& why);
  void TellLost();
  env::Task<void> FetchOnce(kafka::FetchRequest request);
  env::Task<void> TakeAnswer(const kafka::FetchResponse& response);
  env::Task<void> Append(TopicIdPartition key, FetchVerdict verdict,
                         const kafka::FetchResponse::PartitionData& data);
  env::Task<Status> AppendTo(Partition& partition, LeaderEpoch leader_epoch,
                             const kafka::FetchResponse::PartitionData& data);
  // The leader's log may start in the middle of a batch: one that has nothing of the leader's is to begin
  // with that batch. kInvalidArgument if it isn't so.
  env::Task<Status> BeginWithin(Partition& partition, LeaderEpoch leader_epoch,
                                const kafka::FetchResponse::PartitionData& data);
  void NoteFailure(const TopicIdPartition& key, const Partition& partition, LeaderEpoch leader_epoch,
                   std::string_view what, const Status& why);
  void NoteRefusal(const TopicIdPartition& key, const FetchVerdict& verdict);
  void Throttle(const TopicIdPartition& key, size_t bytes);
  env::Task<void> MendLogs(std::vector<Mend> mends);
  // Ends with success once no checkpoint of a truncation is owed.
  env::Task<Status> PayCheckpoint(bool due);
  env::Task<Status> FindOffsets(std::vector<Mend>& mends);
  env::Task<Status> ListOffsets(std::vector<Mend>& mends, int64_t timestamp);
  env::Task<StatusOr<Truncation>> MendLog(const Mend& mend);
  int64_t NowMs() const;  // monotonic
  int64_t WallTimeMs() const;

  FetcherCommons& commons_;
  const FetcherOptions& options_;
  env::Executor& executor_;
  const NodeId leader_;
  const int index_;

  FetchPlan plan_;
  absl::flat_hash_map<TopicIdPartition, std::shared_ptr<Partition>> partitions_;
  std::vector<Change> changes_;  // not taken over yet
  std::vector<Mend> mends_;      // not begun yet
  std::unique_ptr<kafka::client::BrokerConnection> connection_;
  int connect_failures_ = 0;
  int64_t connect_at_ms_ = 0;
  int64_t broke_off_ms_ = INT64_MIN / 2;
  bool waiting_at_leader_ = false;
  bool broken_off_ = false;
  bool break_off_due_ = false;
  bool connecting_ = false;
  bool mending_ = false;
  bool started_ = false;
  bool stopped_ = false;
  int running_ = 0;
  int64_t requests_ = 0;
  int64_t bytes_ = 0;
  std::shared_ptr<env::OneShot<bool>> change_;  // while it waits for one
  const std::shared_ptr<env::OneShot<bool>> ended_ = std::make_shared<env::OneShot<bool>>();
  RepeatLimit refusals_{absl::Seconds(10)};
  RepeatLimit failures_{absl::Seconds(10)};
};

// The versions of Fetch and ListOffsets that replicas speak at a level of metadata.version, as Kafka's do:
// every member speaks them.
int16_t ReplicaFetchVersion(int16_t metadata_version);
int16_t ReplicaListOffsetsVersion(int16_t metadata_version);

}  // namespace dohle::replica
