// Changes of voters (KIP-853).
#include <algorithm>
#include <utility>

#include "broker/metadata/image.h"
#include "broker/metadata/quorum_server.h"
#include "lib/kafka/messages/add_raft_voter_request.h"
#include "lib/kafka/messages/add_raft_voter_response.h"
#include "lib/kafka/messages/remove_raft_voter_request.h"
#include "lib/kafka/messages/remove_raft_voter_response.h"

namespace dohle::metadata {
namespace {

using kafka::ErrorCode;
using raft::RaftError;

constexpr int32_t kChangeTimeoutMs = 30'000;

using Checked = env::OneShot<StatusOr<kafka::VersionRange>>;

env::Task<void> AskForKraftVersion(QuorumPeers* peers, env::Endpoint of, std::shared_ptr<Checked> checked,
                                   env::RunningTasks::Hold) {
  StatusOr<kafka::VersionRange> range =
      co_await peers->SupportedFeature(std::move(of), std::string(kKraftVersion));
  checked->Set(std::move(range));
}

template <typename Response>
Response Answer(ErrorCode code, std::string message) {
  Response response;
  response.error_code = static_cast<int16_t>(code);
  response.error_message.reset();
  if (code != ErrorCode::kNone) response.error_message = kafka::Text(std::move(message));
  return response;
}

std::string MessageOf(RaftError error, const raft::ReplicaKey& voter) {
  switch (error) {
    case RaftError::kNotLeaderOrFollower:
      return "This node doesn't lead the metadata quorum.";
    case RaftError::kUnsupportedVersion:
      return "Cluster doesn't support changes of the voters with kraft.version 0.";
    case RaftError::kDuplicateVoter:
      return fmt::format("The voter id {} is already part of the set of voters.", voter.id.value());
    case RaftError::kVoterNotFound:
      return fmt::format("Voter {} with directory {} isn't part of the set of voters.", voter.id.value(),
                         ToString(voter.directory_id));
    case RaftError::kRequestTimedOut:
      return "Another change of the voters is under way, the voter isn't caught up, or the change wasn't "
             "committed in time.";
    default:
      return "The set of voters can't be changed so.";
  }
}

std::string WrongCluster(const kafka::Text& given, std::string_view own) {
  return fmt::format("The given id \"{}\" doesn't match the cluster id \"{}\"", given.view(), own);
}

}  // namespace

env::Task<QuorumServer::Verdict> QuorumServer::CheckNewVoter(const raft::Voter& voter) {
  int16_t kraft_version = 0;
  {
    const env::LaneGuard in_lane = co_await member_.lane().Enter();
    if (ended() || !member_.raft().is_leader()) co_return Verdict{RaftError::kNotLeaderOrFollower, ""};
    if (member_.raft().voters().Find(voter.key.id) != nullptr)
      co_return Verdict{RaftError::kDuplicateVoter, ""};
    kraft_version = member_.control().Latest().kraft_version;
    if (kraft_version < 1) co_return Verdict{RaftError::kUnsupportedVersion, ""};
  }
  const std::optional<env::Endpoint> endpoint = member_.EndpointOf(voter.endpoints);
  if (!endpoint || member_.peers() == nullptr) co_return Verdict{RaftError::kInvalidRequest, ""};
  auto checked = std::make_shared<Checked>();
  env::Spawn(*member_.options().executor,
             AskForKraftVersion(member_.peers(), *endpoint, checked, member_.tasks().Take()));
  const auto range = co_await checked->WaitForever();
  Verdict verdict;
  if (!(*range).ok()) {
    verdict = {RaftError::kRequestTimedOut, fmt::format("Aborted add voter operation since {} didn't answer "
                                                        "ApiVersions: {}",
                                                        env::ToString(*endpoint),
                                                        Message((*range).status()))};
  } else if (!(**range).contains(kraft_version)) {
    verdict = {RaftError::kInvalidRequest,
               fmt::format("Aborted add voter operation since kraft.version {} isn't supported by it",
                           kraft_version)};
  }
  co_return verdict;
}

env::Task<RaftError> QuorumServer::ChangeVoters(Change change, raft::Voter voter, bool until_committed,
                                                int32_t timeout_ms) {
  QuorumMember::VoterChange done;
  {
    const env::LaneGuard in_lane = co_await member_.lane().Enter();
    if (ended()) co_return RaftError::kBrokerNotAvailable;
    raft::Raft& raft = member_.raft();
    raft::Answered<RaftError> begun;
    if (change == Change::kAdd) begun = raft.AddVoter(voter, member_.NowMs());
    if (change == Change::kRemove) begun = raft.RemoveVoter(voter.key, member_.NowMs());
    if (change == Change::kUpdate) begun = raft.UpdateVoter(voter, member_.NowMs());
    if (begun.response == RaftError::kNone) done = member_.AwaitVoterChangeInLane();
    const Status performed = co_await member_.Perform(std::move(begun.effects));
    if (!performed.ok()) co_return RaftError::kUnknownServerError;
    if (done == nullptr) co_return begun.response;
  }
  if (!until_committed) co_return RaftError::kNone;
  const std::optional<RaftError> outcome = co_await done->WaitFor(absl::Milliseconds(timeout_ms));
  co_return outcome.value_or(RaftError::kRequestTimedOut);
}

env::Task<kafka::AddRaftVoterResponse> QuorumServer::AddRaftVoter(const kafka::AddRaftVoterRequest& request,
                                                                  int16_t) {
  using Response = kafka::AddRaftVoterResponse;
  const env::RunningTasks::Hold hold = member_.tasks().Take();
  if (!IsOurCluster(request.cluster_id)) {
    co_return Answer<Response>(ErrorCode::kInconsistentClusterId,
                               WrongCluster(*request.cluster_id, member_.names().cluster_id));
  }
  const std::optional<raft::Voter> voter = FromWire(request, member_.names());
  if (!voter) {
    co_return Answer<Response>(ErrorCode::kInvalidRequest,
                               "Add voter request didn't include a valid voter with an endpoint for the "
                               "controllers' listener");
  }
  Verdict verdict = co_await CheckNewVoter(*voter);
  if (verdict.error == RaftError::kNone) {
    const int32_t timeout_ms = request.timeout_ms > 0 ? request.timeout_ms : kChangeTimeoutMs;
    verdict.error = co_await ChangeVoters(Change::kAdd, *voter, request.ack_when_committed, timeout_ms);
  }
  if (verdict.message.empty()) verdict.message = MessageOf(verdict.error, voter->key);
  co_return Answer<Response>(ErrorCodeOf(verdict.error), std::move(verdict.message));
}

env::Task<kafka::RemoveRaftVoterResponse> QuorumServer::RemoveRaftVoter(
    const kafka::RemoveRaftVoterRequest& request, int16_t) {
  using Response = kafka::RemoveRaftVoterResponse;
  const env::RunningTasks::Hold hold = member_.tasks().Take();
  if (!IsOurCluster(request.cluster_id)) {
    co_return Answer<Response>(ErrorCode::kInconsistentClusterId,
                               WrongCluster(*request.cluster_id, member_.names().cluster_id));
  }
  raft::Voter voter;
  voter.key = {NodeId(request.voter_id), request.voter_directory_id};
  if (request.voter_id < 0 || request.voter_directory_id.is_zero()) {
    co_return Answer<Response>(ErrorCode::kInvalidRequest,
                               "Remove voter request didn't include a valid voter");
  }
  const RaftError error = co_await ChangeVoters(Change::kRemove, voter, true, kChangeTimeoutMs);
  co_return Answer<Response>(ErrorCodeOf(error), MessageOf(error, voter.key));
}

env::Task<kafka::UpdateRaftVoterResponse> QuorumServer::UpdateRaftVoter(
    const kafka::UpdateRaftVoterRequest& request, int16_t) {
  const env::RunningTasks::Hold hold = member_.tasks().Take();
  const bool ours = IsOurCluster(request.cluster_id);
  const std::optional<raft::Voter> voter = FromWire(request, member_.names());
  raft::KnownLeader leader;
  RaftError error = RaftError::kNone;
  {
    const env::LaneGuard in_lane = co_await member_.lane().Enter();
    leader = member_.LeaderInLane();
    if (request.current_leader_epoch < leader.epoch.value()) error = RaftError::kFencedLeaderEpoch;
    if (request.current_leader_epoch > leader.epoch.value()) error = RaftError::kUnknownLeaderEpoch;
    if (error == RaftError::kNone && !member_.raft().is_leader()) error = RaftError::kNotLeaderOrFollower;
  }
  if (error == RaftError::kNone && ours)
    error = voter ? co_await ChangeVoters(Change::kUpdate, *voter, true, kChangeTimeoutMs)
                  : RaftError::kInvalidRequest;
  kafka::UpdateRaftVoterResponse response;
  response.error_code = static_cast<int16_t>(ours ? ErrorCodeOf(error) : ErrorCode::kInconsistentClusterId);
  response.current_leader.leader_id = leader.id.value();
  response.current_leader.leader_epoch = leader.epoch.value();
  if (const std::optional<env::Endpoint> endpoint = member_.EndpointOf(leader.endpoints)) {
    response.current_leader.host = kafka::Text::Copy(endpoint->host);
    response.current_leader.port = endpoint->port;
  }
  co_return response;
}

}  // namespace dohle::metadata
