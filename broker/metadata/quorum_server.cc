#include "broker/metadata/quorum_server.h"

#include <algorithm>
#include <utility>

#include "lib/base/log.h"
#include "lib/env/blocking_pool.h"

namespace dohle::metadata {
namespace {

using kafka::ErrorCode;
using raft::RaftError;

constexpr int32_t kMaxFetchBytes = 8 << 20;

int16_t Code(ErrorCode code) { return static_cast<int16_t>(code); }

template <typename Response>
Response Refused(ErrorCode code) {
  Response response;
  response.error_code = Code(code);
  return response;
}

}  // namespace

bool QuorumServer::IsOurCluster(const std::optional<kafka::Text>& cluster_id) const {
  return !cluster_id || member_.names().cluster_id.empty() ||
         cluster_id->view() == member_.names().cluster_id;
}

// ---- elections

env::Task<kafka::VoteResponse> QuorumServer::Vote(const kafka::VoteRequest& request, int16_t version) {
  using Response = kafka::VoteResponse;
  const env::RunningTasks::Hold hold = member_.tasks().Take();
  if (!IsOurCluster(request.cluster_id)) co_return Refused<Response>(ErrorCode::kInconsistentClusterId);
  const std::optional<raft::VoteRequest> asked = FromWire(request);
  if (!asked) co_return Refused<Response>(ErrorCode::kInvalidRequest);
  const env::LaneGuard in_lane = co_await member_.lane().Enter();
  if (ended()) co_return Refused<Response>(ErrorCode::kBrokerNotAvailable);
  raft::Answered<raft::VoteResponse> answered = member_.raft().Vote(*asked, member_.NowMs());
  const Status performed = co_await member_.Perform(std::move(answered.effects));
  if (!performed.ok()) co_return Refused<Response>(ErrorCode::kUnknownServerError);
  co_return ToWire(answered.response, version, member_.names());
}

env::Task<kafka::BeginQuorumEpochResponse> QuorumServer::BeginQuorumEpoch(
    const kafka::BeginQuorumEpochRequest& request, int16_t version) {
  using Response = kafka::BeginQuorumEpochResponse;
  const env::RunningTasks::Hold hold = member_.tasks().Take();
  if (!IsOurCluster(request.cluster_id)) co_return Refused<Response>(ErrorCode::kInconsistentClusterId);
  const std::optional<raft::BeginQuorumEpochRequest> asked = FromWire(request);
  if (!asked) co_return Refused<Response>(ErrorCode::kInvalidRequest);
  const env::LaneGuard in_lane = co_await member_.lane().Enter();
  if (ended()) co_return Refused<Response>(ErrorCode::kBrokerNotAvailable);
  auto answered = member_.raft().BeginQuorumEpoch(*asked, member_.NowMs());
  const Status performed = co_await member_.Perform(std::move(answered.effects));
  if (!performed.ok()) co_return Refused<Response>(ErrorCode::kUnknownServerError);
  co_return ToWire<Response>(answered.response, version, member_.names());
}

env::Task<kafka::EndQuorumEpochResponse> QuorumServer::EndQuorumEpoch(
    const kafka::EndQuorumEpochRequest& request, int16_t version) {
  using Response = kafka::EndQuorumEpochResponse;
  const env::RunningTasks::Hold hold = member_.tasks().Take();
  if (!IsOurCluster(request.cluster_id)) co_return Refused<Response>(ErrorCode::kInconsistentClusterId);
  const std::optional<raft::EndQuorumEpochRequest> asked = FromWire(request);
  if (!asked) co_return Refused<Response>(ErrorCode::kInvalidRequest);
  const env::LaneGuard in_lane = co_await member_.lane().Enter();
  if (ended()) co_return Refused<Response>(ErrorCode::kBrokerNotAvailable);
  auto answered = member_.raft().EndQuorumEpoch(*asked, member_.NowMs());
  const Status performed = co_await member_.Perform(std::move(answered.effects));
  if (!performed.ok()) co_return Refused<Response>(ErrorCode::kUnknownServerError);
  co_return ToWire<Response>(answered.response, version, member_.names());
}

// ---- Fetch

env::Task<kafka::FetchResponse> QuorumServer::Fetch(const kafka::FetchRequest& request, int16_t version) {
  using Response = kafka::FetchResponse;
  const env::RunningTasks::Hold hold = member_.tasks().Take();
  if (!IsOurCluster(request.cluster_id)) co_return Refused<Response>(ErrorCode::kInconsistentClusterId);
  const std::optional<raft::FetchRequest> asked = FromWire(request);
  if (!asked) co_return Refused<Response>(ErrorCode::kInvalidRequest);
  const env::MonotonicTime deadline =
      member_.options().clock->Now() + absl::Milliseconds(request.max_wait_ms);
  FetchOutcome outcome;
  for (;;) {
    const absl::Duration left = deadline - member_.options().clock->Now();
    outcome = co_await TryFetch(request, *asked, left > absl::ZeroDuration());
    if (outcome.wake == nullptr) break;
    const std::optional<bool> woken = co_await outcome.wake->WaitFor(left);
    if (!woken) break;
  }
  co_return ToWire(outcome.decision, outcome.log_start_offset, std::move(outcome.records), version,
                   member_.names());
}

env::Task<QuorumServer::FetchOutcome> QuorumServer::TryFetch(const kafka::FetchRequest& request,
                                                             raft::FetchRequest asked, bool may_wait) {
  FetchOutcome outcome;
  const auto& partition = request.topics[0].partitions[0];
  const env::LaneGuard in_lane = co_await member_.lane().Enter();
  if (ended()) {
    outcome.decision.error = RaftError::kBrokerNotAvailable;
    co_return outcome;
  }
  raft::Answered<raft::FetchDecision> answered = member_.raft().Fetch(asked, member_.NowMs());
  outcome.decision = std::move(answered.response);
  raft::FetchDecision& decision = outcome.decision;
  const Status performed = co_await member_.Perform(std::move(answered.effects));
  if (!performed.ok()) decision.error = RaftError::kUnknownServerError;
  outcome.log_start_offset = member_.store().StartOffset();
  if (decision.error != RaftError::kNone || decision.diverging || decision.snapshot) co_return outcome;

  // Who isn't a replica sees what is committed, as any consumer.
  Offset end = member_.store().end_offset();
  if (asked.replica.id == kNoNode) end = std::min(end, std::max(decision.high_watermark, asked.fetch_offset));
  if (asked.fetch_offset < end) {
    const int32_t max_bytes = std::clamp(std::min(request.max_bytes, partition.partition_max_bytes), 1,
                                         kMaxFetchBytes);
    StatusOr<std::string> records =
        member_.store().ReadBytes(asked.fetch_offset, end, static_cast<uint64_t>(max_bytes));
    if (records.ok()) {
      outcome.records = *std::move(records);
    } else {
      log::Error("metadata", "can't read the metadata log at offset {}: {}", asked.fetch_offset.value(),
                 Message(records.status()));
      decision.error = RaftError::kUnknownServerError;
    }
    co_return outcome;
  }
  const Offset told(partition.high_watermark);
  if (may_wait && decision.high_watermark <= told)
    outcome.wake = member_.AwaitInLane({asked.fetch_offset, told});
  co_return outcome;
}

// ---- FetchSnapshot

env::Task<kafka::FetchSnapshotResponse> QuorumServer::FetchSnapshot(
    const kafka::FetchSnapshotRequest& request, int16_t version) {
  using Response = kafka::FetchSnapshotResponse;
  const env::RunningTasks::Hold hold = member_.tasks().Take();
  if (!IsOurCluster(request.cluster_id)) co_return Refused<Response>(ErrorCode::kInconsistentClusterId);
  const std::optional<raft::FetchSnapshotRequest> asked = FromWire(request);
  if (!asked) co_return Refused<Response>(ErrorCode::kInvalidRequest);
  raft::FetchDecision decision;
  std::string path;
  const bool known = request.topics[0].name.view() == kMetadataTopic;
  if (known && request.topics[0].partitions[0].partition == 0) {
    const env::LaneGuard in_lane = co_await member_.lane().Enter();
    if (ended()) co_return Refused<Response>(ErrorCode::kBrokerNotAvailable);
    decision = member_.raft().FetchSnapshotAllowed(*asked, member_.NowMs());
    // The one of `storage format` is every member's own.
    const bool there =
        member_.store().HasSnapshot(asked->snapshot) && asked->snapshot != raft::OffsetAndEpoch();
    if (decision.error == RaftError::kNone && !there) decision.error = RaftError::kSnapshotNotFound;
    path = member_.store().SnapshotPath(asked->snapshot);
  }
  Response response = SnapshotToWire(decision, version, member_.names());
  auto& partition = response.topics[0].partitions[0];
  if (path.empty()) partition.error_code = Code(ErrorCode::kUnknownTopicOrPartition);
  if (partition.error_code != 0) co_return response;

  uint64_t size = 0;
  const int64_t position = request.topics[0].partitions[0].position;
  StatusOr<std::string> piece =
      co_await ReadPiece(std::move(path), position, std::clamp(request.max_bytes, 1, kMaxFetchBytes), &size);
  if (!piece.ok()) {
    partition.error_code = Code(absl::IsOutOfRange(piece.status()) ? ErrorCode::kPositionOutOfRange
                                                                   : ErrorCode::kSnapshotNotFound);
    co_return response;
  }
  partition.snapshot_id.end_offset = asked->snapshot.offset.value();
  partition.snapshot_id.epoch = asked->snapshot.epoch.value();
  partition.size = static_cast<int64_t>(size);
  partition.position = position;
  partition.unaligned_records = kafka::Records(*std::move(piece));
  co_return response;
}

env::Task<StatusOr<std::string>> QuorumServer::ReadPiece(std::string path, int64_t position,
                                                         int32_t max_bytes, uint64_t* size) {
  env::FileSystem* file_system = member_.options().file_system;
  absl::AnyInvocable<StatusOr<std::string>()> read = [&]() -> StatusOr<std::string> {
    DOHLE_ASSIGN_OR_RETURN(const std::unique_ptr<env::File> file,
                           file_system->Open(path, env::OpenMode::kReadOnly));
    DOHLE_ASSIGN_OR_RETURN(*size, file->Size());
    if (position < 0 || static_cast<uint64_t>(position) >= *size)
      return MakeStatus(StatusCode::kOutOfRange, "{} has {} bytes", path, *size);
    const uint64_t left = *size - static_cast<uint64_t>(position);
    std::string bytes(std::min<uint64_t>(left, static_cast<uint64_t>(max_bytes)), '\0');
    DOHLE_ASSIGN_OR_RETURN(const size_t n,
                           file->ReadAt(static_cast<uint64_t>(position), bytes.data(), bytes.size()));
    bytes.resize(n);
    return bytes;
  };
  co_return co_await env::RunBlocking<StatusOr<std::string>>(*member_.options().blocking_pool,
                                                             std::move(read));
}

}  // namespace dohle::metadata
