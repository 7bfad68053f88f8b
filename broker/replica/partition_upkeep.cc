// What is done to a Partition from time to time: flushes, retention, compaction, checkpoints.
#include <algorithm>
#include <utility>

#include "broker/replica/partition.h"

namespace dohle::replica {

env::Task<Status> Partition::FlushTo(Offset offset, int64_t now_ms) {
  for (;;) {
    storage::FlushPlan plan;
    std::shared_ptr<env::OneShot<bool>> other_flush;
    {
      env::LaneGuard in_lane = co_await lane_.Enter();
      if (gone()) co_return Refusal();
      // What was cut off meanwhile needs no flush, and never gets one.
      if (log_->recovery_point() >= std::min(offset, log_->log_end_offset())) co_return OkStatus();
      if (flushing_) {
        // Who comes while the disk works waits for it, and one of them then syncs for all of them.
        other_flush = std::make_shared<env::OneShot<bool>>();
        flush_waiters_.push_back(other_flush);
      } else {
        auto planned = log_->PlanFlush();
        if (!planned.ok()) {
          NoteFailure("flush", planned.status());
          co_return planned.status();
        }
        plan = std::move(*planned);
        flushing_ = true;
      }
    }
    if (other_flush != nullptr) {
      co_await other_flush->WaitForever();
      continue;
    }
    auto execute = [this, &plan] { return flush_times_.Measure([&plan] { return plan.Execute(); }); };
    Status flushed = co_await env::RunBlocking<Status>(pool_, execute);
    co_await EndFlush(std::move(plan), flushed, now_ms);
    if (!flushed.ok()) co_return flushed;
  }
}

env::Task<std::optional<storage::FlushPlan>> Partition::BeginFlush() {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (gone() || flushing_) co_return std::nullopt;
  auto planned = log_->PlanFlush(storage::Log::FlushBy::kFileSystem);
  if (!planned.ok()) {
    NoteFailure("flush", planned.status());
    co_return std::nullopt;
  }
  flushing_ = true;
  co_return *std::move(planned);
}

env::Task<void> Partition::EndFlush(storage::FlushPlan plan, Status synced, int64_t now_ms) {
  std::vector<std::shared_ptr<env::OneShot<bool>>> waiters;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    flushing_ = false;
    waiters.swap(flush_waiters_);
    if (synced.ok() && !gone()) {
      log_->MarkFlushed(plan, now_ms);
      NoteUnflushed(now_ms, true);
    }
    if (!synced.ok()) NoteFailure("flush", synced);
  }
  for (const auto& waiter : waiters) waiter->Set(true);
}

void Partition::NoteUnflushed(int64_t now_ms, bool flushed) {
  const bool first = unflushed_bytes_.exchange(log_->unflushed_bytes(), std::memory_order_relaxed) == 0;
  if (first || flushed) unflushed_since_ms_.store(now_ms, std::memory_order_relaxed);
}

env::Task<Status> Partition::CreateFilesOf(storage::Log& log) {
  auto create = [&log] { return log.CreateFiles(); };
  Status created = co_await env::RunBlocking<Status>(pool_, create);
  if (!created.ok()) NoteFailure("creation of the log", created);
  co_return created;
}

env::Task<Status> Partition::CreateFiles() {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (gone() || log_->has_files()) co_return OkStatus();
  co_return co_await CreateFilesOf(*log_);
}

env::Task<void> Partition::CloseIdleFiles() {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (log_ != nullptr) log_->CloseIdleFiles();
}

env::Task<Status> Partition::Flush(int64_t now_ms) {
  Offset end;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (gone()) co_return Refusal();
    end = log_->log_end_offset();
  }
  co_return co_await FlushTo(end, now_ms);
}

env::Task<StatusOr<std::vector<std::string>>> Partition::Maintain(int64_t now_ms) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (gone()) co_return Gone();
  Status maintained = log_->MaybeRoll(now_ms);
  if (maintained.ok()) maintained = log_->ApplyRetention(now_ms, high_watermark_).status();
  if (maintained.ok()) co_return log_->TakeDeletedFiles();
  if (env::IsDeviceFailure(maintained)) NoteFailure("retention", maintained);
  co_return maintained;
}

env::Task<StatusOr<storage::Cleanliness>> Partition::JudgeCleanliness(int64_t now_ms) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (gone()) co_return Gone();
  auto judge = [this, now_ms] {
    return storage::LogCleaner::Judge(*log_, cleaned_to_, high_watermark_, now_ms);
  };
  const storage::LogConfig& config = log_->config();
  // Only with lags are files read.
  if (config.min_compaction_lag_ms == 0 && config.max_compaction_lag_ms == INT64_MAX) co_return judge();
  co_return co_await env::RunBlocking<StatusOr<storage::Cleanliness>>(pool_, judge);
}

env::Task<StatusOr<storage::CleaningResult>> Partition::Clean(storage::CleaningLimits limits,
                                                              storage::HashKey hash_key, int64_t now_ms,
                                                              const std::atomic<bool>& stop) {
  std::unique_ptr<storage::LogCleaner> round;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (gone()) co_return Gone();
    auto plan = [&]() -> Status {
      // A recovery takes what is missing past the recovery point for lost.
      const Offset flushed = std::min(high_watermark_, log_->recovery_point());
      auto judged = storage::LogCleaner::Judge(*log_, cleaned_to_, flushed, now_ms);
      if (!judged.ok()) return judged.status();
      auto planned = storage::LogCleaner::Plan(*log_, *judged, limits, hash_key, now_ms);
      if (planned.ok()) round = std::move(*planned);
      return planned.status();
    };
    Status planned = co_await env::RunBlocking<Status>(pool_, plan);
    if (!planned.ok()) co_return planned;
  }
  auto map = [&] { return round->BuildOffsetMap(stop); };
  auto clean = [&] { return round->CleanGroup(stop); };
  Status done = co_await env::RunBlocking<Status>(pool_, map);
  while (done.ok() && !round->done()) {
    done = co_await env::RunBlocking<Status>(pool_, clean);
    if (!done.ok()) break;
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (gone()) co_return Gone();
    auto install = [&] { return round->Install(*log_); };
    done = co_await env::RunBlocking<Status>(pool_, install);
  }
  if (!done.ok()) co_return done;
  env::LaneGuard in_lane = co_await lane_.Enter();
  cleaned_to_ = round->cleaned_to();
  co_return round->result();
}

env::Task<std::optional<storage::PartitionCheckpoint>> Partition::Checkpoint() {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (gone()) co_return std::nullopt;
  storage::PartitionCheckpoint checkpoint;
  checkpoint.partition = name_;
  checkpoint.directory_id = directory_id_;
  checkpoint.recovery_point = log_->recovery_point();
  if (log_->needs_log_start_checkpoint()) checkpoint.log_start_offset = log_->log_start_offset();
  checkpoint.high_watermark = high_watermark_;
  checkpoint.cleaned_to = cleaned_to_;
  co_return checkpoint;
}

}  // namespace dohle::replica
