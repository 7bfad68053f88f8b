#include "broker/coordinator/shard_driver.h"

#include <iterator>
#include <map>

#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/env/sleep.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::coordinator {
namespace {

using kafka::ErrorCode;

constexpr std::string_view kModule = "coordinator";
constexpr absl::Duration kLoadRetryDelay = absl::Seconds(1);

ErrorCode FromAppend(const Status& status) {
  switch (status.code()) {
    case StatusCode::kUnavailable:
    case StatusCode::kDeadlineExceeded:
      return ErrorCode::kNotEnoughReplicas;
    case StatusCode::kFailedPrecondition:
    case StatusCode::kAborted:
      return ErrorCode::kNotLeaderOrFollower;
    case StatusCode::kResourceExhausted:
    case StatusCode::kInvalidArgument:
      return ErrorCode::kRecordListTooLarge;
    default:
      return ErrorCode::kUnknownServerError;
  }
}

size_t SizeOf(const Write& write) {
  size_t size = 0;
  for (const Record& record : write.records) {
    std::optional<std::string_view> value;
    if (record.value) value = *record.value;
    size += kafka::MaxRecordSize(record.key, value);
  }
  return size;
}

}  // namespace

void ShardDriver::Elect(LeaderEpoch epoch) {
  env::Spawn(parts_.executor, RunElection(shared_from_this(), epoch));
}

void ShardDriver::Resign(LeaderEpoch epoch) {
  env::Spawn(parts_.executor, RunResignation(shared_from_this(), epoch));
}

env::Task<void> ShardDriver::RunElection(std::shared_ptr<ShardDriver> self, LeaderEpoch epoch) {
  uint64_t incarnation = 0;
  {
    env::LaneGuard in_lane = co_await self->lane_.Enter();
    if (self->stopped_ || epoch < self->epoch_) co_return;
    self->epoch_ = epoch;
    // Elected anew without having lost it: what it has is still what the log says.
    if (self->state_ == State::kActive || self->state_ == State::kLoading) co_return;
    self->state_ = State::kLoading;
    incarnation = ++self->incarnation_;
  }
  co_await self->Load(incarnation);
}

env::Task<void> ShardDriver::Load(uint64_t incarnation) {
  const env::MonotonicTime start = parts_.clock.Now();
  std::unique_ptr<GroupShard> shard;
  bool hopeless = false;
  while (!stopped_ && incarnation_ == incarnation && shard == nullptr && !hopeless) {
    StatusOr<std::unique_ptr<GroupShard>> loaded = co_await ReadLog(incarnation);
    if (loaded.ok()) {
      shard = *std::move(loaded);
      break;
    }
    if (loaded.status().code() == StatusCode::kCancelled) co_return;
    hopeless = loaded.status().code() == StatusCode::kDataLoss;
    log::Error(kModule, "can't load partition {} of __consumer_offsets: {}; its groups have no coordinator{}",
               partition_.value(), Message(loaded.status()), hopeless ? "" : " until a retry succeeds");
    if (!hopeless) co_await env::Sleep(kLoadRetryDelay);
  }
  Afterwards afterwards;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (stopped_ || incarnation_ != incarnation) co_return;
    if (shard == nullptr) {
      state_ = State::kFailed;
      co_return;
    }
    shard_ = std::move(shard);
    state_ = State::kActive;
    log::Info(kModule, "loaded partition {}: {} groups, {} offsets, in {} ms", partition_.value(),
              shard_->group_count(), shard_->offset_count(),
              absl::ToInt64Milliseconds(parts_.clock.Now() - start));
    afterwards = Absorb(shard_->OnLoaded(Now()));
  }
  Perform(std::move(afterwards));
}

env::Task<StatusOr<std::unique_ptr<GroupShard>>> ShardDriver::ReadLog(uint64_t incarnation) {
  auto shard = std::make_unique<GroupShard>(config_, parts_.random);
  shard->StartLoading(Now());
  Offset next(0);
  for (bool at_end = false; !at_end;) {
    if (stopped_ || incarnation_ != incarnation) co_return absl::CancelledError("resigned");
    const auto size = static_cast<size_t>(config_.offsets_load_buffer_size);
    StatusOr<PartitionLog::Chunk> chunk = co_await parts_.log.Read(partition_, next, size);
    if (!chunk.ok()) {
      // Not a matter of what lies in the log.
      if (chunk.status().code() == StatusCode::kDataLoss) co_return chunk.status();
      co_return MakeStatus(StatusCode::kUnavailable, "{}", Message(chunk.status()));
    }
    absl::AnyInvocable<Status()> replay = [&chunk, &shard] {
      return ReplayBatches(chunk->batches, shard.get());
    };
    const Status replayed = co_await env::RunBlocking<Status>(parts_.blocking_pool, std::move(replay));
    if (!replayed.ok()) co_return MakeStatus(StatusCode::kDataLoss, "{}", Message(replayed));
    if (chunk->next_offset <= next && !chunk->at_end) {
      co_return MakeStatus(StatusCode::kDataLoss, "nothing to read at offset {}", next.value());
    }
    next = chunk->next_offset;
    at_end = chunk->at_end;
  }
  co_return shard;
}

env::Task<void> ShardDriver::RunResignation(std::shared_ptr<ShardDriver> self, LeaderEpoch epoch) {
  Afterwards afterwards;
  {
    env::LaneGuard in_lane = co_await self->lane_.Enter();
    if (epoch < self->epoch_) co_return;
    self->epoch_ = epoch;
    ++self->incarnation_;
    self->state_ = State::kInactive;
    if (self->shard_ != nullptr) {
      log::Info(kModule, "unloaded partition {}", self->partition_.value());
      afterwards = self->Absorb(self->shard_->OnUnloaded());
      afterwards.batch.reset();
      afterwards.timer.reset();
      self->shard_.reset();
    }
    self->writes_.clear();
    self->appending_ = false;
    // In the order asked: a run of a simulation must not depend on a hash.
    std::map<RequestId, Waiter> in_order(std::make_move_iterator(self->waiters_.begin()),
                                         std::make_move_iterator(self->waiters_.end()));
    for (auto& [id, waiter] : in_order) {
      afterwards.answers.emplace_back(std::move(waiter), Answer{ErrorCode::kNotCoordinator, std::nullopt});
    }
    self->waiters_.clear();
  }
  self->Perform(std::move(afterwards));
}

ErrorCode ShardDriver::Unavailable() const {
  if (state_ == State::kActive) return ErrorCode::kNone;
  return state_ == State::kLoading ? ErrorCode::kCoordinatorLoadInProgress : ErrorCode::kNotCoordinator;
}

env::Task<ShardDriver::Answer> ShardDriver::Ask(Operation operation) {
  Waiter waiter;
  Afterwards afterwards;
  Answer answer;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    answer.error = Unavailable();
    if (answer.error != ErrorCode::kNone) co_return answer;
    const RequestId id = ++last_request_;
    Effects effects = operation(*shard_, id, Now());
    for (Reply& reply : effects.replies) {
      if (reply.request == id && !answer.response) answer.response = std::move(reply.response);
    }
    if (!answer.response) {
      waiter = std::make_shared<env::OneShot<Answer>>();
      waiters_.emplace(id, waiter);
    }
    afterwards = Absorb(std::move(effects));
  }
  Perform(std::move(afterwards));
  if (waiter == nullptr) co_return answer;
  std::optional<Answer> waited = co_await waiter->WaitForever();
  co_return *std::move(waited);
}

env::Task<bool> ShardDriver::Tell(Operation operation) {
  Afterwards afterwards;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (stopped_ || state_ != State::kActive) co_return false;
    afterwards = Absorb(operation(*shard_, ++last_request_, Now()));
  }
  Perform(std::move(afterwards));
  co_return true;
}

env::Task<ErrorCode> ShardDriver::Look(absl::AnyInvocable<void(const GroupShard&)> look) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  const ErrorCode error = Unavailable();
  if (error == ErrorCode::kNone) look(*shard_);
  co_return error;
}

ShardDriver::Afterwards ShardDriver::Absorb(Effects effects) {
  Afterwards afterwards;
  for (Reply& reply : effects.replies) {
    const auto waiter = waiters_.find(reply.request);
    if (waiter == waiters_.end()) continue;
    afterwards.answers.emplace_back(std::move(waiter->second),
                                    Answer{ErrorCode::kNone, std::move(reply.response)});
    waiters_.erase(waiter);
  }
  writes_.insert(writes_.end(), std::make_move_iterator(effects.writes.begin()),
                 std::make_move_iterator(effects.writes.end()));
  if (!appending_) afterwards.batch = TakeBatch();
  if (const env::MonotonicTime next = shard_->NextDeadline(); next < armed_) {
    armed_ = next;
    afterwards.timer = next;
  }
  return afterwards;
}

std::optional<ShardDriver::Batch> ShardDriver::TakeBatch() {
  appending_ = !writes_.empty();
  if (!appending_) return std::nullopt;
  Batch batch;
  batch.incarnation = incarnation_;
  std::vector<Record> records;
  size_t size = kafka::kBatchHeaderSize;
  const size_t most_bytes = parts_.log.MaxBatchBytes(partition_);
  while (!writes_.empty()) {
    Write& write = writes_.front();
    size += SizeOf(write);
    if (!records.empty() && size > most_bytes) break;
    records.insert(records.end(), std::make_move_iterator(write.records.begin()),
                   std::make_move_iterator(write.records.end()));
    batch.last = write.position;
    writes_.pop_front();
  }
  batch.bytes = EncodeBatch(records, parts_.clock.WallTimeMs());
  return batch;
}

void ShardDriver::Perform(Afterwards afterwards) {
  for (auto& [waiter, answer] : afterwards.answers) waiter->Set(std::move(answer));
  if (afterwards.timer) {
    parts_.executor.Post([self = shared_from_this(), deadline = *afterwards.timer] {
      const absl::Duration delay = std::max(deadline - self->parts_.clock.Now(), absl::ZeroDuration());
      self->parts_.executor.RunAfter(delay, [self, deadline] {
        if (!self->stopped_) env::Spawn(self->parts_.executor, Tick(self, deadline));
      });
    });
  }
  if (afterwards.batch) {
    env::Executor* here = env::Executor::Current();
    DOHLE_CHECK(here != nullptr);
    env::Spawn(*here, Flush(shared_from_this(), *std::move(afterwards.batch)));
  }
}

env::Task<void> ShardDriver::Tick(std::shared_ptr<ShardDriver> self, env::MonotonicTime deadline) {
  Afterwards afterwards;
  {
    env::LaneGuard in_lane = co_await self->lane_.Enter();
    // Another timer has taken its place since: were it to arm the next one too, there would be ever more of
    // them.
    if (self->armed_ != deadline) co_return;
    self->armed_ = env::MonotonicTime::Max();
    if (self->stopped_ || self->state_ != State::kActive) co_return;
    afterwards = self->Absorb(self->shard_->Advance(self->Now()));
  }
  self->Perform(std::move(afterwards));
}

env::Task<void> ShardDriver::Flush(std::shared_ptr<ShardDriver> self, Batch batch) {
  for (std::optional<Batch> next = std::move(batch); next && !self->stopped_;) {
    const StatusOr<Offset> appended =
        co_await self->parts_.log.Append(self->partition_, std::move(next->bytes));
    Afterwards afterwards;
    {
      env::LaneGuard in_lane = co_await self->lane_.Enter();
      if (self->stopped_ || self->incarnation_ != next->incarnation) co_return;
      self->appending_ = false;
      if (appended.ok()) {
        afterwards = self->Absorb(self->shard_->OnWritten(next->last, *appended, self->Now()));
      } else {
        log::Warning(kModule, "can't append to partition {} of __consumer_offsets: {}",
                     self->partition_.value(), Message(appended.status()));
        // What was decided since stands on what has failed.
        self->writes_.clear();
        afterwards = self->Absorb(self->shard_->OnWriteFailed(FromAppend(appended.status()), self->Now()));
      }
      next = std::move(afterwards.batch);
      afterwards.batch.reset();
    }
    self->Perform(std::move(afterwards));
  }
}

}  // namespace dohle::coordinator
