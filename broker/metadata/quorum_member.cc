#include "broker/metadata/quorum_member.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "lib/base/log.h"
#include "lib/env/blocking_pool.h"

namespace dohle::metadata {
namespace {

constexpr std::string_view kModule = "metadata";
constexpr int16_t kFirstVersionWithPreVote = 2;
constexpr int64_t kLongestTimerMs = 3'600'000;
constexpr absl::Duration kHandOverTimeout = absl::Milliseconds(400);

void Append(raft::Effects more, raft::Effects* effects) {
  effects->insert(effects->end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

QuorumMember::QuorumMember(const MetadataLogOptions& options, QuorumHandler& handler)
    : options_(options),
      handler_(handler),
      names_{options.cluster_id,
             options.controller_endpoints.empty() ? "" : options.controller_endpoints.front().name},
      store_(*options.file_system, env::JoinPath(options.log_dir, kMetadataLogDirectory)) {
  if (options_.transport == nullptr) return;
  peers_ = std::make_unique<QuorumPeers>(*options_.transport, *options_.executor,
                                         absl::Milliseconds(options_.timeouts.request_timeout_ms));
}

QuorumMember::~QuorumMember() = default;

std::optional<env::Endpoint> QuorumMember::EndpointOf(
    const std::vector<raft::VoterEndpoint>& endpoints) const {
  const raft::VoterEndpoint* found = FindListener(endpoints, names_.listener);
  if (found == nullptr) return std::nullopt;
  return env::Endpoint{found->host, found->port};
}

raft::KnownLeader QuorumMember::LeaderInLane() const {
  raft::KnownLeader leader{raft_->leader_id(), raft_->epoch(), {}};
  if (leader.id == options_.node_id) {
    leader.endpoints = options_.controller_endpoints;
  } else if (leader.id != kNoNode) {
    leader.endpoints = raft_->fetch_target().endpoints;
  }
  const raft::Voter* voter = raft_->voters().Find(leader.id);
  if (leader.endpoints.empty() && voter != nullptr) leader.endpoints = voter->endpoints;
  return leader;
}

std::optional<Offset> QuorumMember::CommittedInLane() const {
  if (!raft_->is_leader()) return told_committed_;
  // Before it has committed anything of its own epoch a leader doesn't know.
  if (raft_->high_watermark() <= raft_->epoch_start_offset()) return std::nullopt;
  return raft_->high_watermark();
}

void QuorumMember::NoteCommittedInLane(const raft::FetchResponse& response) {
  if (response.error == raft::RaftError::kNone && response.high_watermark != kNoOffset)
    told_committed_ = response.high_watermark;
}

Status QuorumMember::MakeRaft() {
  raft::RaftConfig config;
  config.local = local();
  config.log = &store_;
  DOHLE_ASSIGN_OR_RETURN(config.persisted, store_.ReadElection());
  const raft::OffsetAndEpoch end = store_.End();
  config.persisted.epoch = std::max(config.persisted.epoch, end.epoch);
  const ControlState& control = control_.Latest();
  // Without a record of them in the log itself the leader has to write the voters there.
  config.voters_in_log = control.kraft_version == 0 || end.offset > Offset(0);
  config.voters = control.voters;
  config.kraft_version = control.kraft_version;
  config.local_endpoints = options_.controller_endpoints;
  config.random_seed = options_.random != nullptr ? options_.random->Next() : 0;
  config.election_timeout_ms = options_.timeouts.election_timeout_ms;
  config.election_backoff_max_ms = options_.timeouts.election_backoff_max_ms;
  config.fetch_timeout_ms = options_.timeouts.fetch_timeout_ms;
  config.request_timeout_ms = options_.timeouts.request_timeout_ms;
  config.retry_backoff_ms = options_.timeouts.retry_backoff_ms;
  DOHLE_ASSIGN_OR_RETURN(raft::Raft raft, raft::Raft::Create(std::move(config)));
  raft_.emplace(std::move(raft));
  return OkStatus();
}

// ---- effects

env::Task<Status> QuorumMember::Start() { return Perform(Step(raft::Started{})); }

env::Task<Status> QuorumMember::Perform(raft::Effects effects, Fetched* fetched) {
  Status status = failed_ ? MakeStatus(StatusCode::kUnavailable, "the metadata log failed") : OkStatus();
  for (size_t i = 0; i < effects.size() && status.ok(); ++i) {
    const raft::Effect effect = std::move(effects[i]);
    if (const auto* persist = std::get_if<raft::PersistElection>(&effect)) {
      // A state that is followed by another at once need not reach the disk: nothing happens in between.
      if (i + 1 < effects.size() && std::holds_alternative<raft::PersistElection>(effects[i + 1])) continue;
      status = co_await Persist(persist->state);
    } else if (const auto* cut = std::get_if<raft::TruncateTo>(&effect)) {
      status = co_await Truncate(cut->offset, &effects);
    } else {
      status = PerformAtOnce(effect, fetched, &effects);
    }
  }
  if (!status.ok()) Fail(status);
  AfterSteps();
  co_return status;
}

Status QuorumMember::PerformAtOnce(const raft::Effect& effect, Fetched* fetched, raft::Effects* more) {
  if (const auto* leader = std::get_if<raft::BecomeLeader>(&effect)) {
    leading_ = true;
    told_committed_.reset();
    log::Info(kModule, "leads the metadata quorum in epoch {} from offset {}", leader->epoch.value(),
              store_.end_offset().value());
    return store_.log().AssignEpochStart(leader->epoch, store_.end_offset());
  }
  if (const auto* changed = std::get_if<raft::LeaderChanged>(&effect)) {
    log::Info(kModule, "the metadata quorum is led by {} in epoch {}", changed->leader.value(),
              changed->epoch.value());
    raft::KnownLeader known = LeaderInLane();
    // The machine may have gone on already.
    if (known.id != changed->leader || known.epoch != changed->epoch)
      known = {changed->leader, changed->epoch, {}};
    told_committed_.reset();
    handler_.OnLeaderChange(std::move(known), std::exchange(leading_, false));
    WakeFetchers();
  } else if (const auto* change = std::get_if<raft::AppendLeaderChange>(&effect)) {
    DOHLE_RETURN_IF_ERROR(AppendLeaderChangeBatch(*change, more));
    return handler_.OnBecomeLeader(more);
  } else if (const auto* voters = std::get_if<raft::AppendVoters>(&effect)) {
    return AppendVotersBatch(voters->voters, more);
  } else if (std::holds_alternative<raft::AdvanceHighWatermark>(effect)) {
    handler_.OnHighWatermark();
    WakeFetchers();
  } else if (const auto* vote = std::get_if<raft::SendVote>(&effect)) {
    SpawnAsk(*vote);
  } else if (const auto* begin = std::get_if<raft::SendBeginQuorumEpoch>(&effect)) {
    SpawnAsk(*begin);
  } else if (const auto* end = std::get_if<raft::SendEndQuorumEpoch>(&effect)) {
    SpawnAsk(*end);
  } else if (std::holds_alternative<raft::AcceptRecords>(effect)) {
    if (fetched != nullptr) return AppendFetched(fetched, more);
  } else if (const auto* snapshot = std::get_if<raft::FetchSnapshot>(&effect)) {
    if (fetched != nullptr) fetched->snapshot = snapshot->id;
  } else if (const auto* done = std::get_if<raft::VoterChangeDone>(&effect)) {
    if (voter_change_ != nullptr) std::exchange(voter_change_, nullptr)->Set(done->error);
  }
  return OkStatus();
}

void QuorumMember::AfterSteps() {
  if (raft_->deadline_ms() < timer_due_ms_) timer_bell_.Ring();
  raft::Raft::FetchTarget target = raft_->fetch_target();
  if (target != fetch_target_) {
    fetch_target_ = std::move(target);
    if (fetch_under_way_ != nullptr) fetch_under_way_->Set(false);
    fetch_bell_.Ring();
  }
  handler_.OnStepped();
}

void QuorumMember::Fail(const Status& status) {
  if (std::exchange(failed_, true)) return;
  handler_.OnFailure(status);
  WakeFetchers();
  fetch_bell_.Ring();
  timer_bell_.Ring();
}

env::Task<Status> QuorumMember::Persist(const raft::ElectionState& state) {
  const int16_t kraft_version = control_.Latest().kraft_version;
  absl::AnyInvocable<Status()> write = [this, state, kraft_version] {
    return store_.WriteElection(state, kraft_version);
  };
  co_return co_await env::RunBlocking<Status>(*options_.blocking_pool, std::move(write));
}

env::Task<Status> QuorumMember::Truncate(Offset offset, raft::Effects* more) {
  log::Info(kModule, "cuts the metadata log from offset {} to {}", store_.end_offset().value(),
            offset.value());
  absl::AnyInvocable<Status()> cut = [this, offset] { return store_.log().TruncateTo(offset); };
  Status status = co_await env::RunBlocking<Status>(*options_.blocking_pool, std::move(cut));
  if (!status.ok()) co_return status;
  Append(Step(raft::Truncated{store_.End()}), more);
  if (control_.TruncateTo(offset))
    Append(Step(raft::VotersChanged{control_.Latest().voters, control_.latest_offset()}), more);
  co_return status;
}

ControlState QuorumMember::WithStaticVoters(ControlState state) const {
  if (state.kraft_version == 0) state.voters = options_.static_voters;
  return state;
}

env::Task<Status> QuorumMember::RestartBehind(LogReplay replay) {
  control_.Reset(WithStaticVoters(replay.control()));
  handler_.OnSnapshotFetched(std::move(replay));
  raft::Effects effects = Step(raft::Truncated{store_.End()});
  Append(Step(raft::VotersChanged{control_.Latest().voters, kNoOffset}), &effects);
  co_return co_await Perform(std::move(effects));
}

// ---- appending

StatusOr<uint64_t> QuorumMember::AppendAsLeader(std::string batch, raft::Effects* effects) {
  const int64_t now_ms = options_.clock->WallTimeMs();
  storage::Log& log = store_.log();
  DOHLE_RETURN_IF_ERROR(log.MaybeRoll(now_ms));
  DOHLE_ASSIGN_OR_RETURN(const storage::AppendResult appended,
                         log.Append(std::span<char>(batch.data(), batch.size()),
                                    storage::AppendOrigin::kRaftLeader, raft_->epoch(), now_ms));
  if (appended.rejection != storage::AppendRejection::kNone) {
    return MakeStatus(StatusCode::kInternal, "the metadata log refused a batch: {}",
                      appended.rejection_reason);
  }
  Append(Step(raft::Appended{{log.log_end_offset(), raft_->epoch()}}), effects);
  WakeFetchers();
  return appended.bytes;
}

Status QuorumMember::AppendLeaderChangeBatch(const raft::AppendLeaderChange& change, raft::Effects* more) {
  const int64_t now_ms = options_.clock->WallTimeMs();
  kafka::BatchOptions options;
  options.base_offset = store_.end_offset();
  options.partition_leader_epoch = change.epoch;
  options.control = true;
  kafka::RecordBatchBuilder batch(options);
  AppendLeaderChangeRecord(change, now_ms, &batch);
  ControlState state = control_.Latest();
  if (change.with_voters) {
    state.voters = raft_->voters();
    AppendKraftVersionRecord(state.kraft_version, now_ms, &batch);
    AppendVotersRecord(state.voters, now_ms, &batch);
  }
  DOHLE_ASSIGN_OR_RETURN(std::string bytes, batch.Build());
  const Offset offset = store_.end_offset();
  DOHLE_RETURN_IF_ERROR(AppendAsLeader(std::move(bytes), more).status());
  if (!change.with_voters) return OkStatus();
  Append(Step(raft::VotersChanged{state.voters, offset}), more);
  control_.Add(offset, std::move(state));
  return OkStatus();
}

Status QuorumMember::AppendVotersBatch(const raft::VoterSet& voters, raft::Effects* more) {
  kafka::BatchOptions options;
  options.base_offset = store_.end_offset();
  options.partition_leader_epoch = raft_->epoch();
  options.control = true;
  kafka::RecordBatchBuilder batch(options);
  AppendVotersRecord(voters, options_.clock->WallTimeMs(), &batch);
  DOHLE_ASSIGN_OR_RETURN(std::string bytes, batch.Build());
  const Offset offset = store_.end_offset();
  DOHLE_RETURN_IF_ERROR(AppendAsLeader(std::move(bytes), more).status());
  ControlState state = control_.Latest();
  state.voters = voters;
  control_.Add(offset, std::move(state));
  Append(Step(raft::VotersChanged{voters, offset}), more);
  handler_.OnControlAppended();
  return OkStatus();
}

Status QuorumMember::AppendFetched(Fetched* fetched, raft::Effects* more) {
  if (fetched->records.empty()) return OkStatus();
  const Offset before = store_.end_offset();
  kafka::BatchCursor cursor(fetched->records);
  const std::optional<kafka::RecordBatchView> first = cursor.Next();
  if (!first || first->base_offset() != before) {
    fetched->malformed = true;
    return OkStatus();
  }
  const int64_t now_ms = options_.clock->WallTimeMs();
  DOHLE_RETURN_IF_ERROR(store_.log().MaybeRoll(now_ms));
  const StatusOr<storage::AppendResult> appended = store_.log().AppendReplicated(fetched->records, now_ms);
  if (!appended.ok()) {
    log::Warning(kModule, "can't append what the leader sent for offset {}: {}", before.value(),
                 Message(appended.status()));
    fetched->malformed = true;
    // Broken on the way, or there is no room: neither says that our disk is broken.
    return env::IsDeviceFailure(appended.status()) ? appended.status() : OkStatus();
  }
  kafka::BatchCursor batches(fetched->records);
  while (const std::optional<kafka::RecordBatchView> batch = batches.Next()) {
    if (batch->is_control()) DOHLE_RETURN_IF_ERROR(NoteControlRecords(*batch, more));
  }
  Append(Step(raft::Appended{store_.End()}), more);
  return OkStatus();
}

Status QuorumMember::NoteControlRecords(const kafka::RecordBatchView& batch, raft::Effects* more) {
  ControlState state = control_.Latest();
  DOHLE_ASSIGN_OR_RETURN(const bool changed, ApplyControlBatch(batch, &state));
  if (!changed) return OkStatus();
  raft::VoterSet voters = state.voters;
  control_.Add(batch.base_offset(), std::move(state));
  Append(Step(raft::VotersChanged{std::move(voters), batch.base_offset()}), more);
  return OkStatus();
}

// ---- those who fetch from here

QuorumMember::Wake QuorumMember::AwaitInLane(const Awaited& awaited) {
  auto wake = std::make_shared<env::OneShot<bool>>();
  std::erase_if(polls_, [](const Poll& poll) { return poll.wake->settled(); });
  polls_.push_back({awaited, wake});
  return wake;
}

void QuorumMember::WakeFetchers() {
  if (polls_.empty()) return;
  const bool answerable = raft_->is_leader() && !failed_ && !stopping_;
  std::erase_if(polls_, [&](const Poll& poll) {
    if (answerable && store_.end_offset() <= poll.awaited.log_end &&
        raft_->high_watermark() <= poll.awaited.high_watermark) {
      return false;
    }
    poll.wake->Set(true);
    return true;
  });
}

QuorumMember::VoterChange QuorumMember::AwaitVoterChangeInLane() {
  voter_change_ = std::make_shared<env::OneShot<raft::RaftError>>();
  return voter_change_;
}

// ---- time

void QuorumMember::StartTimers() { env::Spawn(*options_.executor, KeepTime(tasks_.Take())); }

env::Task<void> QuorumMember::KeepTime(Hold) {
  for (;;) {
    int64_t wait_ms = 0;
    {
      const env::LaneGuard in_lane = co_await lane_.Enter();
      if (stopping_ || failed_) co_return;
      if (raft_->deadline_ms() <= NowMs()) {
        timer_due_ms_ = INT64_MAX;
        (void)co_await Perform(Step(raft::TimePassed{}));
      }
      timer_due_ms_ = raft_->deadline_ms();
      // At least one: whatever the machine says, this thread has others to serve.
      wait_ms = timer_due_ms_ == INT64_MAX ? kLongestTimerMs
                                           : std::clamp<int64_t>(timer_due_ms_ - NowMs(), 1, kLongestTimerMs);
    }
    co_await timer_bell_.WaitFor(absl::Milliseconds(wait_ms));
  }
}

// ---- requests

template <typename Send>
void QuorumMember::SpawnAsk(const Send& send) {
  const raft::Voter* voter = raft_->voters().Find(send.to.id);
  if (voter == nullptr || peers_ == nullptr) return;
  std::optional<env::Endpoint> endpoint = EndpointOf(voter->endpoints);
  if (!endpoint) return;
  if constexpr (std::is_same_v<Send, raft::SendEndQuorumEpoch>) ++end_epochs_under_way_;
  env::Spawn(*options_.executor, Ask(send, *std::move(endpoint), tasks_.Take()));
}

env::Task<void> QuorumMember::Ask(raft::SendVote send, env::Endpoint to, Hold) {
  kafka::VoteRequest request = ToWire(send.request, names_);
  kafka::VersionRange versions = kafka::VoteRequest::kVersions;
  if (send.request.pre_vote) versions.min = kFirstVersionWithPreVote;
  const auto answer = co_await peers_->Call<kafka::VoteResponse>(std::move(to), Traffic::kElection,
                                                                 std::move(request), versions);
  std::optional<raft::VoteResponse> response;
  if (answer.ok()) response = FromWire(answer->message, names_);
  if (send.request.pre_vote && absl::IsUnimplemented(answer.status()))
    response = raft::VoteResponse{raft::RaftError::kUnsupportedVersion, {}, false};
  std::optional<raft::Input> input;
  if (response) input = raft::VoteAnswered{send.to, send.request, *std::move(response)};
  co_await Answered(send.to.id, std::move(input), answer.status());
}

env::Task<void> QuorumMember::Ask(raft::SendBeginQuorumEpoch send, env::Endpoint to, Hold) {
  kafka::BeginQuorumEpochRequest request = ToWire(send.request, names_);
  const auto answer = co_await peers_->Call<kafka::BeginQuorumEpochResponse>(
      std::move(to), Traffic::kElection, std::move(request));
  std::optional<raft::QuorumEpochResponse> response;
  if (answer.ok()) response = EpochFromWire(answer->message, names_);
  std::optional<raft::Input> input;
  if (response) input = raft::BeginQuorumEpochAnswered{send.to, *std::move(response)};
  co_await Answered(send.to.id, std::move(input), answer.status());
}

env::Task<void> QuorumMember::Ask(raft::SendEndQuorumEpoch send, env::Endpoint to, Hold) {
  kafka::EndQuorumEpochRequest request = ToWire(send.request, names_);
  const auto answer = co_await peers_->Call<kafka::EndQuorumEpochResponse>(
      std::move(to), Traffic::kElection, std::move(request));
  std::optional<raft::QuorumEpochResponse> response;
  if (answer.ok()) response = EpochFromWire(answer->message, names_);
  std::optional<raft::Input> input;
  if (response) input = raft::EndQuorumEpochAnswered{send.to, *std::move(response)};
  co_await Answered(send.to.id, std::move(input), answer.status());
  const env::LaneGuard in_lane = co_await lane_.Enter();
  if (--end_epochs_under_way_ == 0 && end_epochs_answered_ != nullptr) end_epochs_answered_->Set(true);
}

env::Task<void> QuorumMember::Answered(NodeId from, std::optional<raft::Input> input, Status status) {
  const env::LaneGuard in_lane = co_await lane_.Enter();
  if (stopping_ || failed_) co_return;
  raft::Effects effects = Step(input ? *std::move(input) : raft::Input(raft::RequestFailed{from}));
  // Nobody listens there.
  if (absl::IsUnavailable(status)) Append(Step(raft::PeerGone{from}), &effects);
  (void)co_await Perform(std::move(effects));
}

// ---- the end

env::Task<void> QuorumMember::Stop() {
  Wake handed_over;
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    if (raft_->is_leader() && raft_->voters().voters.size() > 1 && !failed_) {
      (void)co_await Perform(Step(raft::Resign{}));
      if (end_epochs_under_way_ > 0)
        handed_over = end_epochs_answered_ = std::make_shared<env::OneShot<bool>>();
    }
  }
  if (handed_over != nullptr) (void)co_await handed_over->WaitFor(kHandOverTimeout);
  {
    const env::LaneGuard in_lane = co_await lane_.Enter();
    stopping_ = true;
    WakeFetchers();
    if (fetch_under_way_ != nullptr) fetch_under_way_->Set(false);
    if (voter_change_ != nullptr)
      std::exchange(voter_change_, nullptr)->Set(raft::RaftError::kBrokerNotAvailable);
  }
  timer_bell_.Ring();
  fetch_bell_.Ring();
  if (peers_ != nullptr) env::Spawn(*options_.executor, CloseConnections(tasks_.Take()));
}

env::Task<void> QuorumMember::CloseConnections(Hold) {
  peers_->Close();
  co_return;
}

}  // namespace dohle::metadata
