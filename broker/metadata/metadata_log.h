// MetadataLog: the driver of the metadata quorum on this node, voter or observer. It owns
// `__cluster_metadata-0` (segments, snapshots, quorum-state), performs the effects of raft::Raft, talks to
// the other members, replays records into images, commits writes and publishes what is committed.
//
//   auto log = MetadataLog::Open(options);       // on an I/O thread: loads snapshot and log
//   log->AddPublisher(&replicas); …              // before Start
//   log->AddQuorumListener(&controller); …       // likewise
//   Status s = co_await log->Start();            // takes part: quorum_api() must be reachable by now
//   s = co_await log->WaitUntilCaughtUp();       // a leader is known, all that it committed is published
//   auto end = co_await log->Write(decide);      // any executor; on the leader
//   co_await log->Stop();
//
// A write is decided, encoded and appended inside the metadata lane, as one batch; the lane is left while the
// disk syncs, and all writes that wait share one sync (group commit). Write returns when the records are on
// disk, committed and published. A device that fails stops the log: every later write is refused with
// kUnavailable and `on_fatal` is told once.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "broker/metadata/publisher.h"
#include "broker/raft/raft.h"
#include "broker/storage/flush_times.h"
#include "lib/base/metrics.h"
#include "lib/env/env.h"

namespace dohle::metadata {

class QuorumApi;

inline constexpr std::string_view kMetadataLogDirectory = "__cluster_metadata-0";

struct MetadataLogConfig {
  int64_t segment_bytes = 1 << 30;                     // metadata.log.segment.bytes
  int64_t segment_ms = int64_t{7} * 24 * 3600 * 1000;  // metadata.log.segment.ms
  int64_t max_record_bytes_between_snapshots = int64_t{20}
                                               << 20;  // metadata.log.max.record.bytes.between.snapshots
  int64_t max_snapshot_interval_ms = 3'600'000;        // metadata.log.max.snapshot.interval.ms, 0 = never
  int64_t max_retention_bytes = int64_t{100} << 20;    // metadata.max.retention.bytes, -1 = no bound
  int64_t max_retention_ms = int64_t{7} * 24 * 3600 * 1000;  // metadata.max.retention.ms, -1 = for ever
  int64_t max_idle_interval_ms = 500;  // metadata.max.idle.interval.ms, 0 = no NoOp records
};

// What the log notes while it works; by default into nothing.
struct MetadataLogMetrics {
  storage::FlushTimes flush_times;
  metrics::Histogram queue_time_us;       // how long a write waits for the metadata lane
  metrics::Histogram processing_time_us;  // how long it takes inside, without the disk's sync
};

struct QuorumTimeouts {
  int64_t election_timeout_ms = 1000;      // controller.quorum.election.timeout.ms
  int64_t election_backoff_max_ms = 1000;  // controller.quorum.election.backoff.max.ms
  int64_t fetch_timeout_ms = 2000;         // controller.quorum.fetch.timeout.ms
  int64_t request_timeout_ms = 2000;       // controller.quorum.request.timeout.ms
  int64_t retry_backoff_ms = 20;           // controller.quorum.retry.backoff.ms
};

struct MetadataLogOptions {
  env::FileSystem* file_system = nullptr;
  env::Clock* clock = nullptr;
  env::BlockingPool* blocking_pool = nullptr;
  env::Executor* executor = nullptr;  // where publishers run and timers live
  std::string log_dir;                // metadata.log.dir, else the first of log.dirs; holds meta.properties
  NodeId node_id = kNoNode;
  DirectoryId directory_id;  // of meta.properties
  // controller.quorum.voters, for directories formatted with kraft.version 0. Else the log's voters count.
  raft::VoterSet static_voters;
  // What this node is reached at as a controller; if others are written in the log, the leader writes these.
  std::vector<raft::VoterEndpoint> controller_endpoints;
  // For quorums of several nodes; none of it is used by a quorum of one. All outlive the log.
  env::Transport* transport = nullptr;
  env::Random* random = nullptr;
  std::string cluster_id;
  bool is_controller = true;  // process.roles: a broker alone only observes
  std::vector<env::Endpoint>
      bootstrap_servers;  // controller.quorum.bootstrap.servers, or those of the voters
  QuorumTimeouts timeouts;
  MetadataLogConfig config;
  std::function<void(const Status&)> on_fatal;  // any thread; may be empty
  MetadataLogMetrics metrics;
};

// Who leads the metadata quorum, as far as this node knows.
struct QuorumLeader {
  NodeId id = kNoNode;  // kNoNode: nobody that is known
  LeaderEpoch epoch{0};
  std::vector<raft::VoterEndpoint> endpoints;  // where it is reached; empty if not known
  bool is_local = false;

  friend bool operator==(const QuorumLeader&, const QuorumLeader&) = default;
};

// Is told who leads, each change once, in order, on the log's executor, outside of every lane; the next call
// waits for the end of the task. Of this node's own leadership once everything that was in the log before is
// committed and published; its end is told at once.
class QuorumListener {
 public:
  virtual ~QuorumListener() = default;
  virtual env::Task<void> OnLeaderChange(QuorumLeader leader) = 0;
};

// For DescribeQuorum (KIP-836, KIP-853) and metrics.
struct QuorumDescription {
  NodeId leader_id = kNoNode;
  LeaderEpoch leader_epoch{0};
  Offset high_watermark{-1};
  std::vector<raft::ReplicaProgress> voters;
  std::vector<raft::ReplicaProgress> observers;
  raft::VoterSet voter_set;  // endpoints and directory ids
  Offset log_end_offset{0};
  // From a write to its commit, over the last minute or so; NaN without writes.
  double commit_latency_avg_ms = std::numeric_limits<double>::quiet_NaN();
  double commit_latency_max_ms = std::numeric_limits<double>::quiet_NaN();
  bool failed = false;  // the log accepts nothing any more
};

// What a decision sees.
struct WriteContext {
  const MetadataImage& image;  // everything appended so far, committed or not
  Offset next_offset;          // that the first record of this write will get
  LeaderEpoch epoch;
  int64_t now_ms;
};

// What a decision returns: the framed records of one batch, all or none of which become part of the log.
// EncodeRecords (record_batches.h) makes it.
using EncodedRecords = std::vector<std::string>;
using Decide = absl::AnyInvocable<EncodedRecords(const WriteContext&)>;

class MetadataLog {
 public:
  // Reads everything that is stored: call it on an I/O thread. kNotFound if the directory isn't formatted,
  // kDataLoss if what is stored is broken, kFailedPrecondition if neither voters nor bootstrap servers are
  // known.
  static StatusOr<std::unique_ptr<MetadataLog>> Open(MetadataLogOptions options);
  virtual ~MetadataLog() = default;

  // Before Start. They outlive the log.
  virtual void AddPublisher(MetadataPublisher* publisher) = 0;
  virtual void AddQuorumListener(QuorumListener* listener) = 0;

  // Takes part in the quorum from here on, on the executor of the options. Once. The only voter leads when
  // this returns.
  virtual env::Task<Status> Start() = 0;
  // Returns when a leader is known and all that was committed by then is published. kCancelled: stopped.
  virtual env::Task<Status> WaitUntilCaughtUp() = 0;

  // Runs `decide` in the metadata lane. With no records it waits until what the decision saw is committed.
  // Returns the end offset. kUnavailable when stopped, failed or not leader. Any executor; from outside of
  // every lane.
  virtual env::Task<StatusOr<Offset>> Write(Decide decide) = 0;

  // Writes a snapshot of the committed image now. For tests, the command line and before an upgrade.
  virtual env::Task<StatusOr<raft::OffsetAndEpoch>> TakeSnapshot() = 0;

  // Refuses further writes, waits for those under way, closes the log cleanly. Idempotent.
  virtual env::Task<Status> Stop() = 0;

  // What peers ask of this node.
  virtual QuorumApi* quorum_api() = 0;

  // Any thread.
  virtual const MetadataCache& cache() const = 0;
  // The last offset whose changes all publishers have taken over; -1: none. The cache may be ahead of it.
  virtual Offset applied_offset() const = 0;
  virtual QuorumDescription Describe() const = 0;
  virtual std::shared_ptr<const QuorumLeader> leader() const = 0;
};

}  // namespace dohle::metadata
