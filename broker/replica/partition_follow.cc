// The follower's side of a Partition.
#include <algorithm>
#include <utility>

#include "broker/replica/partition.h"
#include "lib/base/log.h"

namespace dohle::replica {
namespace {

Status NotFollower(const TopicPartition& name, LeaderEpoch leader_epoch) {
  return MakeStatus(StatusCode::kFailedPrecondition, "{} isn't followed here in leader epoch {}",
                    ToString(name), leader_epoch.value());
}

// Where the log is to end, of which the leader said where an epoch ends (AbstractFetcherThread's
// getOffsetTruncationState).
Offset TruncationOffset(const storage::Log& log, Offset high_watermark, storage::EpochEnd leaders) {
  if (leaders.end_offset == kNoOffset) return high_watermark;
  const Offset end = log.log_end_offset();
  if (leaders.epoch == kNoLeaderEpoch) return std::min(leaders.end_offset, end);
  const storage::EpochEnd ours = log.EndOffsetForEpoch(leaders.epoch);
  return std::min(leaders.end_offset, ours.end_offset == kNoOffset ? end : ours.end_offset);
}

}  // namespace

env::Task<FetchPosition> Partition::FollowPosition() {
  FetchPosition position;
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (gone()) co_return position;
  if (!leads()) position.leader = leadership_.leader;
  position.leader_epoch = leadership_.leader_epoch;
  position.fetch_offset = log_->log_end_offset();
  position.last_fetched_epoch = log_->latest_epoch();
  position.log_start_offset = log_->log_start_offset();
  position.high_watermark = high_watermark_;
  co_return position;
}

env::Task<Status> Partition::AppendFetched(LeaderEpoch leader_epoch, std::span<const char> batches,
                                           Offset leader_high_watermark, Offset leader_log_start_offset,
                                           int64_t now_ms) {
  News news;
  Offset flush_to = kNoOffset;
  {
    env::LaneGuard in_lane = co_await lane_.Enter();
    if (!follows(leader_epoch)) co_return offline_.ok() ? NotFollower(name_, leader_epoch) : offline_;
    if (!batches.empty()) {
      if (!log_->has_files()) DOHLE_CO_RETURN_IF_ERROR(co_await CreateFilesOf(*log_));
      auto appended = log_->AppendReplicated(batches, now_ms);
      if (!appended.ok()) {
        NoteFailure("append of fetched records", appended.status());
        co_return appended.status();
      }
      NoteUnflushed(now_ms, false);
      NoteAppended(*appended, news);
      if (appended->flush_due) flush_to = log_->log_end_offset();
    }
    AdvanceHighWatermark(std::min(leader_high_watermark, log_->log_end_offset()), news);
    if (leader_log_start_offset > log_->log_start_offset() &&
        leader_log_start_offset <= log_->log_end_offset()) {
      DOHLE_CO_RETURN_IF_ERROR(log_->AdvanceLogStartOffset(leader_log_start_offset));
    }
  }
  Tell(std::move(news));
  if (flush_to != kNoOffset) co_return co_await FlushTo(flush_to, now_ms);
  co_return OkStatus();
}

env::Task<StatusOr<Truncation>> Partition::Truncate(LeaderEpoch leader_epoch,
                                                    absl::FunctionRef<Status()> cut) {
  Truncation truncation;
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (!follows(leader_epoch)) co_return offline_.ok() ? NotFollower(name_, leader_epoch) : offline_;
  const Offset end = log_->log_end_offset();
  const Offset recovery_point = log_->recovery_point();
  Status done = co_await env::RunBlocking<Status>(pool_, cut);
  if (!done.ok()) {
    NoteFailure("truncation", done);
    co_return done;
  }
  truncation.log_end_offset = log_->log_end_offset();
  truncation.truncated = truncation.log_end_offset != end;
  truncation.checkpoint_due = log_->recovery_point() < recovery_point;
  if (high_watermark_ > truncation.log_end_offset) {
    log::Warning("replica", "{} is truncated to {}, below its high watermark {}", ToString(name_),
                 truncation.log_end_offset.value(), high_watermark_.value());
  }
  high_watermark_ = std::clamp(high_watermark_, log_->log_start_offset(), truncation.log_end_offset);
  unreadable_.Truncate(truncation.log_end_offset);
  unflushed_bytes_.store(log_->unflushed_bytes(), std::memory_order_relaxed);
  co_return truncation;
}

env::Task<StatusOr<Truncation>> Partition::TruncateToDiverging(LeaderEpoch leader_epoch,
                                                               storage::EpochEnd leaders_answer) {
  auto cut = [this, leaders_answer]() -> Status {
    const Offset target = TruncationOffset(*log_, high_watermark_, leaders_answer);
    if (target < log_->log_start_offset()) return log_->TruncateFullyAndStartAt(target);
    return log_->TruncateTo(target);
  };
  co_return co_await Truncate(leader_epoch, cut);
}

env::Task<StatusOr<Truncation>> Partition::RestartAt(LeaderEpoch leader_epoch, Offset offset) {
  auto cut = [this, offset] { return log_->TruncateFullyAndStartAt(offset); };
  co_return co_await Truncate(leader_epoch, cut);
}

}  // namespace dohle::replica
