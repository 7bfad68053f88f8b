// Drives one GroupShard: its lane, its log, its timers, its loading. A batch is appended while the next one
// gathers.
//
// Any thread, on an executor, not from inside a lane. Held by shared_ptr: timers and appends may outlive what
// started them.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "broker/coordinator/group_config.h"
#include "broker/coordinator/group_shard.h"
#include "broker/coordinator/partition_log.h"
#include "lib/base/ids.h"
#include "lib/env/blocking_pool.h"
#include "lib/env/clock.h"
#include "lib/env/executor.h"
#include "lib/env/lane.h"
#include "lib/env/one_shot.h"
#include "lib/env/random.h"
#include "lib/env/task.h"

namespace dohle::coordinator {

class ShardDriver : public std::enable_shared_from_this<ShardDriver> {
 public:
  // All outlive the driver, but `log`, which isn't touched after Stop.
  struct Parts {
    const env::Clock& clock;
    env::Random& random;
    env::BlockingPool& blocking_pool;
    PartitionLog& log;
    env::Executor& executor;  // of its timers and its loading
  };
  ShardDriver(PartitionIndex partition, const GroupConfig& config, Parts parts)
      : partition_(partition), config_(config), parts_(parts) {}

  // Leadership of the partition; stale epochs are ignored.
  void Elect(LeaderEpoch epoch);
  void Resign(LeaderEpoch epoch);
  // Nothing happens any more. Once, at the end.
  void Stop() { stopped_ = true; }

  // What became of an operation: a response, or the error that kept it from being tried or finished.
  struct Answer {
    kafka::ErrorCode error = kafka::ErrorCode::kNone;
    std::optional<Response> response;
  };
  using Operation = absl::AnyInvocable<Effects(GroupShard&, RequestId, Instant)>;
  // Runs `operation` in the lane and waits, outside of it, for its answer.
  env::Task<Answer> Ask(Operation operation);
  // Runs `operation`, which nobody waits for an answer of. True if the shard was there.
  env::Task<bool> Tell(Operation operation);
  // Looks into the shard: kNone, or why one can't.
  env::Task<kafka::ErrorCode> Look(absl::AnyInvocable<void(const GroupShard&)> look);

  PartitionIndex partition() const { return partition_; }

 private:
  enum class State : uint8_t { kInactive, kLoading, kActive, kFailed };
  using Waiter = std::shared_ptr<env::OneShot<Answer>>;
  struct Batch {
    std::string bytes;
    WritePosition last = 0;
    uint64_t incarnation = 0;
  };
  // What is to be done once the lane has been left.
  struct Afterwards {
    std::vector<std::pair<Waiter, Answer>> answers;
    std::optional<Batch> batch;
    std::optional<env::MonotonicTime> timer;
  };

  static env::Task<void> RunElection(std::shared_ptr<ShardDriver> self, LeaderEpoch epoch);
  static env::Task<void> RunResignation(std::shared_ptr<ShardDriver> self, LeaderEpoch epoch);
  static env::Task<void> Tick(std::shared_ptr<ShardDriver> self, env::MonotonicTime deadline);
  static env::Task<void> Flush(std::shared_ptr<ShardDriver> self, Batch batch);

  // Retries until it is loaded, resigned or hopeless.
  env::Task<void> Load(uint64_t incarnation);
  env::Task<StatusOr<std::unique_ptr<GroupShard>>> ReadLog(uint64_t incarnation);

  // In the lane:
  Afterwards Absorb(Effects effects);
  std::optional<Batch> TakeBatch();
  kafka::ErrorCode Unavailable() const;
  Instant Now() const { return {parts_.clock.WallTimeMs(), parts_.clock.Now()}; }

  // Outside of it:
  void Perform(Afterwards afterwards);

  const PartitionIndex partition_;
  const GroupConfig config_;
  const Parts parts_;
  std::atomic<bool> stopped_ = false;
  std::atomic<uint64_t> incarnation_ = 0;  // changes with every load and unload; written in the lane

  env::Lane lane_;  // owns what follows
  State state_ = State::kInactive;
  LeaderEpoch epoch_ = kNoLeaderEpoch;
  std::unique_ptr<GroupShard> shard_;
  std::deque<Write> writes_;  // to be appended
  bool appending_ = false;
  RequestId last_request_ = 0;
  absl::flat_hash_map<RequestId, Waiter> waiters_;
  env::MonotonicTime armed_ = env::MonotonicTime::Max();  // deadline of the timer that counts
};

// Replays whole batches, as the log has them, into a shard that is loading.
Status ReplayBatches(std::string_view batches, GroupShard* shard);
// One batch of `records`, as Kafka's coordinator writes them: CreateTime, base sequence 0 without a producer
// id.
std::string EncodeBatch(const std::vector<Record>& records, int64_t timestamp_ms);

}  // namespace dohle::coordinator
