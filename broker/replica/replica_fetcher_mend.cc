// What a fetcher does with logs that aren't a beginning of the leader's.
#include <algorithm>

#include "broker/replica/replica_fetcher.h"
#include "broker/storage/batch_header.h"
#include "lib/base/log.h"
#include "lib/kafka/messages/list_offsets_request.h"
#include "lib/kafka/messages/list_offsets_response.h"

namespace dohle::replica {
namespace {

using kafka::ErrorCode;
using kafka::ListOffsetsRequest;
using kafka::ListOffsetsResponse;
using Kind = FetchVerdict::Kind;

constexpr int64_t kLatest = -1, kEarliest = -2;  // ListOffsets' timestamps
// A leader that finds us out of range again and again, though our end lies within its log, has nothing of
// our last epoch or an older one: then none of what we have is of its log.
constexpr int kMostOutOfRange = 3;

bool SameTail(const FetchPosition& a, const FetchPosition& b) {
  return a.fetch_offset == b.fetch_offset && a.last_fetched_epoch == b.last_fetched_epoch &&
         a.log_start_offset == b.log_start_offset;
}

}  // namespace

env::Task<void> ReplicaFetcher::RunMends(std::shared_ptr<ReplicaFetcher> self) {
  while (!self->mends_.empty() && !self->stopped_) {
    std::vector<Mend> mends = std::exchange(self->mends_, {});
    co_await self->MendLogs(std::move(mends));
    if (self->change_ != nullptr) self->change_->Set(true);
  }
  self->mending_ = false;
  self->Ended();
}

env::Task<void> ReplicaFetcher::MendLogs(std::vector<Mend> mends) {
  Status found = co_await FindOffsets(mends);
  bool checkpoint_due = false;
  std::vector<const Mend*> mended;
  for (const Mend& mend : mends) {
    const bool unknown = mend.verdict.kind == Kind::kFindOffsets &&
                         (mend.log_end_offset == kNoOffset || mend.log_start_offset == kNoOffset);
    if (unknown) {
      plan_.Delay(mend.key, mend.verdict.leader_epoch, NowMs());
      continue;
    }
    auto truncated = co_await MendLog(mend);
    if (truncated.ok()) {
      checkpoint_due = checkpoint_due || truncated->checkpoint_due;
      mended.push_back(&mend);
    } else {
      NoteFailure(mend.key, *mend.partition, mend.verdict.leader_epoch, "truncation", truncated.status());
    }
  }
  Status written = co_await PayCheckpoint(checkpoint_due);
  for (const Mend* mend : mended) {
    if (!written.ok()) {
      NoteFailure(mend->key, *mend->partition, mend->verdict.leader_epoch, "checkpoint", written);
      continue;
    }
    const FetchPosition position = co_await mend->partition->FollowPosition();
    if (position.leader == leader_ && !SameTail(position, mend->before)) {
      plan_.MoveTo(mend->key, position, kNoOffset);
    } else {
      plan_.Delay(mend->key, mend->verdict.leader_epoch, NowMs());
    }
  }
}

// Before anything is appended: else a crash would take it for flushed.
env::Task<Status> ReplicaFetcher::PayCheckpoint(bool due) {
  if (!due && !commons_.checkpoint_owed.load(std::memory_order_relaxed)) co_return OkStatus();
  Status written = co_await options_.write_checkpoints();
  commons_.checkpoint_owed = !written.ok();
  co_return written;
}

env::Task<Status> ReplicaFetcher::FindOffsets(std::vector<Mend>& mends) {
  const bool any = std::any_of(mends.begin(), mends.end(),
                               [](const Mend& mend) { return mend.verdict.kind == Kind::kFindOffsets; });
  if (!any) co_return OkStatus();
  Status latest = co_await ListOffsets(mends, kLatest);
  if (!latest.ok()) co_return latest;
  co_return co_await ListOffsets(mends, kEarliest);
}

env::Task<Status> ReplicaFetcher::ListOffsets(std::vector<Mend>& mends, int64_t timestamp) {
  if (connection_ == nullptr) co_return MakeStatus(StatusCode::kUnavailable, "no connection");
  ListOffsetsRequest request;
  request.replica_id = options_.plan.node_id.value();
  absl::flat_hash_map<TopicPartition, Mend*> asked;
  for (Mend& mend : mends) {
    if (mend.verdict.kind != Kind::kFindOffsets) continue;
    const TopicPartition& name = mend.partition->name();
    asked[name] = &mend;
    if (request.topics.empty() || request.topics.back().name != name.topic) {
      request.topics.emplace_back().name = std::string_view(name.topic);
    }
    auto& partition = request.topics.back().partitions.emplace_back();
    partition.partition_index = name.partition.value();
    partition.current_leader_epoch = mend.verdict.leader_epoch.value();
    partition.timestamp = timestamp;
  }
  const int16_t version = ReplicaListOffsetsVersion(options_.metadata_version());
  auto answer = co_await connection_->Call<ListOffsetsResponse>(std::move(request), version);
  if (!answer.ok()) co_return answer.status();
  for (const auto& topic : answer->message.topics) {
    for (const auto& partition : topic.partitions) {
      const TopicPartition name{std::string(topic.name), PartitionIndex(partition.partition_index)};
      const auto found = asked.find(name);
      if (found == asked.end() || partition.error_code != 0) continue;
      Mend& mend = *found->second;
      (timestamp == kLatest ? mend.log_end_offset : mend.log_start_offset) = Offset(partition.offset);
    }
  }
  co_return OkStatus();
}

env::Task<Status> ReplicaFetcher::BeginWithin(Partition& partition, LeaderEpoch leader_epoch,
                                              const kafka::FetchResponse::PartitionData& data) {
  const std::string_view records = data.records ? data.records->contiguous() : std::string_view();
  const FetchPosition position = co_await partition.FollowPosition();
  Status refused = MakeStatus(StatusCode::kInvalidArgument, "the records don't follow the log's end, {}",
                              position.fetch_offset.value());
  if (records.size() < storage::kBatchHeaderBytes) co_return refused;
  const storage::BatchHeader first = storage::DecodeBatchHeader(records.data());
  const bool within =
      first.base_offset < position.fetch_offset && first.last_offset() >= position.fetch_offset;
  // What lies below the leader's beginning would go anyway.
  const Offset leader_start(data.log_start_offset);
  const bool nothing_in_common =
      position.log_start_offset == position.fetch_offset || leader_start >= position.fetch_offset;
  if (!within || !nothing_in_common) co_return refused;
  auto begun = co_await partition.RestartAt(leader_epoch, first.base_offset);
  if (!begun.ok()) co_return begun.status();
  co_return co_await PayCheckpoint(begun->checkpoint_due);
}

env::Task<StatusOr<Truncation>> ReplicaFetcher::MendLog(const Mend& mend) {
  const LeaderEpoch leader_epoch = mend.verdict.leader_epoch;
  if (mend.verdict.kind == Kind::kTruncate) {
    co_return co_await mend.partition->TruncateToDiverging(leader_epoch, mend.verdict.diverging_epoch);
  }
  const Offset end = mend.before.fetch_offset;
  log::Info("replica", "{} at {} is out of leader {}'s range, {} to {}", ToString(mend.partition->name()),
            end.value(), leader_.value(), mend.log_start_offset.value(), mend.log_end_offset.value());
  if (mend.log_end_offset < end) {
    const storage::EpochEnd leaders_end{kNoLeaderEpoch, mend.log_end_offset};
    co_return co_await mend.partition->TruncateToDiverging(leader_epoch, leaders_end);
  }
  if (mend.log_start_offset > end || mend.verdict.out_of_range > kMostOutOfRange) {
    co_return co_await mend.partition->RestartAt(leader_epoch, mend.log_start_offset);
  }
  Truncation nothing;
  nothing.log_end_offset = end;
  co_return nothing;
}

}  // namespace dohle::replica
