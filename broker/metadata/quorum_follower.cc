#include "broker/metadata/quorum_follower.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/env/blocking_pool.h"

namespace dohle::metadata {
namespace {

constexpr std::string_view kModule = "metadata";
constexpr int32_t kSnapshotPieceBytes = 1 << 20;  // controller.quorum.fetch.snapshot.max.bytes
constexpr int64_t kMaxSnapshotBytes = int64_t{4} << 30;

template <typename Response>
using Outcome = std::optional<StatusOr<kafka::client::Answer<Response>>>;

template <typename Response, typename Request>
env::Task<void> Exchange(QuorumPeers* peers, env::Endpoint to, Request request, QuorumMember::Wake wake,
                         std::shared_ptr<Outcome<Response>> outcome, env::RunningTasks::Hold) {
  auto answer = co_await peers->Call<Response>(std::move(to), Traffic::kFetch, std::move(request));
  outcome->emplace(std::move(answer));
  wake->Set(true);
}

}  // namespace

// A snapshot on its way.
struct QuorumFollower::Download {
  raft::OffsetAndEpoch id;
  std::string path;
  std::shared_ptr<env::File> file;
  uint64_t position = 0;
  bool complete = false;
};

env::Task<void> QuorumFollower::Run(env::RunningTasks::Hold) {
  const absl::Duration backoff = absl::Milliseconds(member_.options().timeouts.retry_backoff_ms);
  for (;;) {
    std::optional<Plan> plan;
    bool unflushed = false;
    {
      const env::LaneGuard in_lane = co_await member_.lane().Enter();
      if (ended()) co_return;
      unflushed = member_.store().unflushed() && !member_.raft().is_leader();
      if (!unflushed) plan = MakePlan();
    }
    if (unflushed) {
      const Status flushed = co_await Flush();
      if (!flushed.ok()) co_await member_.fetch_bell().WaitFor(backoff);
      continue;
    }
    if (!plan) {
      co_await member_.fetch_bell().WaitFor(absl::Hours(1));
      continue;
    }
    if (plan->update) co_await UpdateVoter(*plan);
    const bool at_once = co_await Fetch(*plan);
    if (!at_once) co_await member_.fetch_bell().WaitFor(backoff);
  }
}

std::optional<QuorumFollower::Plan> QuorumFollower::MakePlan() {
  using Kind = raft::Raft::FetchTarget::Kind;
  Plan plan;
  plan.target = member_.raft().fetch_target();
  plan.from = plan.target.leader;
  std::optional<env::Endpoint> endpoint;
  if (plan.target.kind == Kind::kLeader) endpoint = member_.EndpointOf(plan.target.endpoints);
  if (plan.target.kind == Kind::kBootstrapServer) endpoint = NextBootstrapServer(&plan.from);
  if (!endpoint || member_.peers() == nullptr) return std::nullopt;
  plan.endpoint = *std::move(endpoint);
  plan.log_end = member_.store().End();
  plan.request = {member_.local(), plan.target.epoch, plan.log_end.offset, plan.log_end.epoch};
  plan.high_watermark = member_.raft().high_watermark();
  plan.update = UpdateOfSelf(plan);
  return plan;
}

// The servers of the configuration and the other voters in turn: either may be out of date.
std::optional<env::Endpoint> QuorumFollower::NextBootstrapServer(NodeId* id) {
  const std::vector<env::Endpoint>& servers = member_.options().bootstrap_servers;
  const std::vector<raft::Voter>& voters = member_.raft().voters().voters;
  const size_t count = servers.size() + voters.size();
  for (size_t tried = 0; tried < count; ++tried) {
    const size_t turn = next_bootstrap_++ % count;
    if (turn < servers.size()) return servers[turn];
    const raft::Voter& voter = voters[turn - servers.size()];
    const std::optional<env::Endpoint> endpoint = member_.EndpointOf(voter.endpoints);
    if (voter.key.id == member_.local().id || !endpoint) continue;
    *id = voter.key.id;
    return endpoint;
  }
  return std::nullopt;
}

std::optional<raft::Voter> QuorumFollower::UpdateOfSelf(const Plan& plan) {
  const raft::Voter* self = member_.raft().voters().Find(member_.local().id);
  if (plan.target.kind != raft::Raft::FetchTarget::Kind::kLeader || self == nullptr ||
      !member_.raft().is_voter() || member_.control().Latest().kraft_version < 1 ||
      member_.options().controller_endpoints.empty() ||
      member_.NowMs() - updated_ms_ < member_.options().timeouts.fetch_timeout_ms) {
    return std::nullopt;
  }
  raft::Voter now{member_.local(), member_.options().controller_endpoints};
  if (*self == now) return std::nullopt;
  updated_ms_ = member_.NowMs();
  return now;
}

bool QuorumFollower::Holds(const Plan& plan) {
  return !ended() && member_.raft().fetch_target() == plan.target && member_.store().End() == plan.log_end;
}

env::Task<Status> QuorumFollower::Flush() {
  StatusOr<storage::FlushPlan> plan = Status(StatusCode::kUnavailable, "");
  {
    const env::LaneGuard in_lane = co_await member_.lane().Enter();
    plan = member_.store().log().PlanFlush();
    if (absl::IsDataLoss(plan.status())) member_.Fail(plan.status());
    if (!plan.ok()) co_return plan.status();
  }
  absl::AnyInvocable<Status()> sync = [this, plan = *plan] {
    return member_.options().metrics.flush_times.Measure([&plan] { return plan.Execute(); });
  };
  Status synced = co_await env::RunBlocking<Status>(*member_.options().blocking_pool, std::move(sync));
  const env::LaneGuard in_lane = co_await member_.lane().Enter();
  if (!synced.ok()) {
    member_.Fail(synced);
    co_return synced;
  }
  storage::Log& log = member_.store().log();
  log.MarkFlushed(*plan, member_.options().clock->WallTimeMs());
  if (ended()) co_return synced;
  co_return co_await member_.Perform(member_.Step(raft::Flushed{log.recovery_point()}));
}

template <typename Response, typename Request>
env::Task<StatusOr<kafka::client::Answer<Response>>> QuorumFollower::Call(const Plan& plan, Request request) {
  auto wake = std::make_shared<env::OneShot<bool>>();
  auto outcome = std::make_shared<Outcome<Response>>();
  {
    const env::LaneGuard in_lane = co_await member_.lane().Enter();
    if (!Holds(plan)) co_return MakeStatus(StatusCode::kCancelled, "the leader has changed");
    member_.set_fetch_under_way(wake);
  }
  env::Spawn(*member_.options().executor,
             Exchange<Response, Request>(member_.peers(), plan.endpoint, std::move(request), wake, outcome,
                                         member_.tasks().Take()));
  const std::optional<bool> answered = co_await wake->WaitForever();
  if (!*answered) co_return MakeStatus(StatusCode::kCancelled, "the leader has changed");
  co_return std::move(**outcome);
}

env::Task<bool> QuorumFollower::Fetch(const Plan& plan) {
  kafka::FetchRequest request = ToWire(plan.request, plan.high_watermark, FetchLimits(), member_.names());
  auto answer = co_await Call<kafka::FetchResponse>(plan, std::move(request));
  if (absl::IsCancelled(answer.status())) co_return true;
  if (!answer.ok()) {
    co_await TellFailure(plan, answer.status());
    co_return false;
  }
  co_return co_await TakeAnswer(plan, answer->message);
}

env::Task<bool> QuorumFollower::TakeAnswer(const Plan& plan, const kafka::FetchResponse& message) {
  std::optional<raft::FetchResponse> response = FromWire(message, member_.names());
  if (!response) {
    log::Warning(kModule, "{} refuses to be fetched from with error {}", env::ToString(plan.endpoint),
                 message.error_code);
    co_await TellFailure(plan, MakeStatus(StatusCode::kInvalidArgument, "error {}", message.error_code));
    co_return false;
  }
  Fetched fetched{RecordsOf(message), std::nullopt, false};
  bool appended = false;
  {
    const env::LaneGuard in_lane = co_await member_.lane().Enter();
    if (!Holds(plan)) co_return true;
    member_.NoteCommittedInLane(*response);
    raft::Input input = raft::FetchAnswered{plan.from, *response};
    const Status performed = co_await member_.Perform(member_.Step(input), &fetched);
    appended = performed.ok() && !fetched.malformed;
  }
  if (fetched.snapshot) co_return co_await FetchSnapshot(plan, *fetched.snapshot);
  co_return appended && response->error == raft::RaftError::kNone;
}

env::Task<void> QuorumFollower::TellFailure(const Plan& plan, Status status) {
  {
    const env::LaneGuard in_lane = co_await member_.lane().Enter();
    if (ended()) co_return;
    (void)co_await member_.Perform(member_.Step(raft::RequestFailed{plan.from}));
  }
  // A connection that breaks is the first sign of a process that has ended; that nobody listens is the
  // second.
  bool gone = absl::IsUnavailable(status);
  if (absl::IsAborted(status)) gone = co_await member_.peers()->Refuses(plan.endpoint, Traffic::kFetch);
  if (!gone || plan.from == kNoNode) co_return;
  const env::LaneGuard in_lane = co_await member_.lane().Enter();
  if (ended()) co_return;
  (void)co_await member_.Perform(member_.Step(raft::PeerGone{plan.from}));
}

env::Task<void> QuorumFollower::UpdateVoter(const Plan& plan) {
  kafka::UpdateRaftVoterRequest request = ToWire(*plan.update, plan.target.epoch, member_.names());
  const auto answer = co_await Call<kafka::UpdateRaftVoterResponse>(plan, std::move(request));
  if (absl::IsCancelled(answer.status())) co_return;
  const Status status = answer.status();
  if (status.ok() && answer->message.error_code == 0) co_return;
  log::Warning(
      kModule, "the leader of the metadata quorum doesn't take over this voter's endpoints: {}",
      status.ok() ? fmt::format("error {}", answer->message.error_code) : std::string(Message(status)));
}

// ---- snapshots

env::Task<bool> QuorumFollower::FetchSnapshot(const Plan& plan, raft::OffsetAndEpoch id) {
  log::Info(kModule, "fetches the snapshot of the metadata up to offset {}", id.offset.value());
  Download download{id, member_.store().SnapshotPath(id) + ".part"};
  Status status = co_await FetchPieces(plan, &download);
  if (status.ok()) status = co_await Install(plan, &download);
  if (status.ok()) co_return true;
  env::FileSystem* file_system = member_.options().file_system;
  download.file.reset();
  absl::AnyInvocable<Status()> remove = [file_system, path = download.path] {
    return file_system->Remove(path);
  };
  (void)co_await env::RunBlocking<Status>(*member_.options().blocking_pool, std::move(remove));
  if (absl::IsCancelled(status)) co_return true;
  log::Warning(kModule, "the snapshot of the metadata can't be fetched: {}", Message(status));
  // Nothing was said of the leader: the next fetch will tell.
  if (!absl::IsFailedPrecondition(status)) co_await TellFailure(plan, status);
  co_return false;
}

env::Task<Status> QuorumFollower::FetchPieces(const Plan& plan, Download* download) {
  while (!download->complete) {
    raft::FetchSnapshotRequest asked{member_.local(), plan.target.epoch, download->id};
    kafka::FetchSnapshotRequest request =
        ToWire(asked, download->position, kSnapshotPieceBytes, member_.names());
    auto answer = co_await Call<kafka::FetchSnapshotResponse>(plan, std::move(request));
    if (!answer.ok()) co_return answer.status();
    StatusOr<std::string> piece = co_await TakePiece(plan, answer->message, download);
    if (!piece.ok()) co_return piece.status();
    env::FileSystem* file_system = member_.options().file_system;
    absl::AnyInvocable<Status()> write = [file_system, download, &piece]() -> Status {
      if (download->file == nullptr) {
        DOHLE_RETURN_IF_ERROR(file_system->Remove(download->path));
        DOHLE_ASSIGN_OR_RETURN(download->file, file_system->Open(download->path, env::OpenMode::kCreate));
      }
      DOHLE_RETURN_IF_ERROR(download->file->WriteAt(download->position, *piece));
      return download->complete ? download->file->Sync() : OkStatus();
    };
    const Status written =
        co_await env::RunBlocking<Status>(*member_.options().blocking_pool, std::move(write));
    if (!written.ok()) co_return MakeStatus(StatusCode::kFailedPrecondition, "{}", Message(written));
    download->position += piece->size();
  }
  co_return OkStatus();
}

env::Task<StatusOr<std::string>> QuorumFollower::TakePiece(const Plan& plan,
                                                           const kafka::FetchSnapshotResponse& message,
                                                           Download* download) {
  const std::optional<raft::FetchResponse> response = FromWire(message, member_.names());
  if (!response) co_return MakeStatus(StatusCode::kInvalidArgument, "error {}", message.error_code);
  {
    const env::LaneGuard in_lane = co_await member_.lane().Enter();
    if (!Holds(plan)) co_return MakeStatus(StatusCode::kCancelled, "the leader has changed");
    raft::Input input = raft::FetchSnapshotAnswered{plan.from, response->error, response->leader};
    const Status performed = co_await member_.Perform(member_.Step(input));
    if (!performed.ok()) co_return MakeStatus(StatusCode::kFailedPrecondition, "{}", Message(performed));
  }
  const auto& piece = message.topics[0].partitions[0];
  if (response->error != raft::RaftError::kNone)
    co_return MakeStatus(StatusCode::kFailedPrecondition, "error {}", piece.error_code);
  const std::string_view bytes = piece.unaligned_records.contiguous();
  const uint64_t end = download->position + bytes.size();
  const raft::OffsetAndEpoch id{Offset(piece.snapshot_id.end_offset), LeaderEpoch(piece.snapshot_id.epoch)};
  if (id != download->id || piece.position != static_cast<int64_t>(download->position) || bytes.empty() ||
      piece.size < static_cast<int64_t>(end) || piece.size > kMaxSnapshotBytes) {
    co_return MakeStatus(StatusCode::kFailedPrecondition,
                         "a piece that wasn't asked for: {} of {} bytes at {}", bytes.size(), piece.size,
                         piece.position);
  }
  download->complete = piece.size == static_cast<int64_t>(end);
  co_return std::string(bytes);
}

env::Task<Status> QuorumFollower::Install(const Plan& plan, Download* download) {
  env::FileSystem* file_system = member_.options().file_system;
  LogReplay replay(std::make_shared<const MetadataImage>());
  replay.MarkEverything();
  absl::AnyInvocable<Status()> read = [file_system, download, &replay] {
    return ReadSnapshot(*file_system, {download->id, download->path, download->position}, &replay);
  };
  Status status = co_await env::RunBlocking<Status>(*member_.options().blocking_pool, std::move(read));
  if (!status.ok()) co_return MakeStatus(StatusCode::kFailedPrecondition, "{}", Message(status));

  const env::LaneGuard in_lane = co_await member_.lane().Enter();
  if (!Holds(plan)) co_return MakeStatus(StatusCode::kCancelled, "the leader has changed");
  MetadataStore& store = member_.store();
  absl::AnyInvocable<Status()> take = [file_system, download, &store]() -> Status {
    const std::string path = store.SnapshotPath(download->id);
    DOHLE_RETURN_IF_ERROR(file_system->Rename(download->path, path));
    DOHLE_RETURN_IF_ERROR(file_system->MakeReadOnly(path));
    DOHLE_RETURN_IF_ERROR(file_system->SyncDirectory(store.directory()));
    store.NoteSnapshot(download->id);
    return store.RestartBehindSnapshot();
  };
  status = co_await env::RunBlocking<Status>(*member_.options().blocking_pool, std::move(take));
  if (!status.ok()) {
    member_.Fail(status);
    co_return status;
  }
  co_return co_await member_.RestartBehind(std::move(replay));
}

}  // namespace dohle::metadata
