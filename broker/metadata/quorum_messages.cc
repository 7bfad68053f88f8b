#include "broker/metadata/quorum_messages.h"

#include <algorithm>
#include <utility>

namespace dohle::metadata {
namespace {

using kafka::ErrorCode;
using kafka::Text;
using raft::RaftError;

constexpr int16_t kFetchWithEndpoints = 17;

constexpr std::pair<RaftError, ErrorCode> kErrors[] = {
    {RaftError::kNone, ErrorCode::kNone},
    {RaftError::kFencedLeaderEpoch, ErrorCode::kFencedLeaderEpoch},
    {RaftError::kUnknownLeaderEpoch, ErrorCode::kUnknownLeaderEpoch},
    {RaftError::kNotLeaderOrFollower, ErrorCode::kNotLeaderOrFollower},
    {RaftError::kInvalidRequest, ErrorCode::kInvalidRequest},
    {RaftError::kInvalidVoterKey, ErrorCode::kInvalidVoterKey},
    {RaftError::kOffsetOutOfRange, ErrorCode::kOffsetOutOfRange},
    {RaftError::kSnapshotNotFound, ErrorCode::kSnapshotNotFound},
    {RaftError::kPositionOutOfRange, ErrorCode::kPositionOutOfRange},
    {RaftError::kUnsupportedVersion, ErrorCode::kUnsupportedVersion},
    {RaftError::kDuplicateVoter, ErrorCode::kDuplicateVoter},
    {RaftError::kVoterNotFound, ErrorCode::kVoterNotFound},
    {RaftError::kRequestTimedOut, ErrorCode::kRequestTimedOut},
    {RaftError::kBrokerNotAvailable, ErrorCode::kBrokerNotAvailable},
    {RaftError::kUnknownServerError, ErrorCode::kUnknownServerError},
};

// The one partition that a message of the quorum is about; null if it is about anything else.
template <typename Message>
auto OnlyPartition(const Message& message) -> decltype(&message.topics[0].partitions[0]) {
  if (message.topics.size() != 1 || message.topics[0].partitions.size() != 1) return nullptr;
  const auto& partition = message.topics[0].partitions[0];
  const bool known = message.topics[0].topic_name.view() == kMetadataTopic && partition.partition_index == 0;
  return known ? &partition : nullptr;
}

template <typename Message>
auto& AddPartition(Message* message) {
  auto& topic = message->topics.emplace_back();
  topic.topic_name = kMetadataTopic;
  return topic.partitions.emplace_back();
}

template <typename Endpoints>
std::vector<raft::VoterEndpoint> EndpointsFrom(const Endpoints& endpoints) {
  std::vector<raft::VoterEndpoint> out;
  for (const auto& endpoint : endpoints) {
    out.push_back({std::string(endpoint.name.view()), std::string(endpoint.host.view()), endpoint.port});
  }
  return out;
}

template <typename Endpoint>
void AddEndpoints(const std::vector<raft::VoterEndpoint>& from, std::vector<Endpoint>* to) {
  for (const raft::VoterEndpoint& endpoint : from) {
    Endpoint& out = to->emplace_back();
    out.name = Text::Copy(endpoint.name);
    out.host = Text::Copy(endpoint.host);
    out.port = endpoint.port;
  }
}

template <typename Response>
void AddNodeEndpoint(const raft::KnownLeader& leader, const QuorumNames& names, Response* response) {
  const raft::VoterEndpoint* endpoint = FindListener(leader.endpoints, names.listener);
  if (leader.id == kNoNode || endpoint == nullptr) return;
  auto& node = response->node_endpoints.emplace_back();
  node.node_id = leader.id.value();
  node.host = Text::Copy(endpoint->host);
  node.port = endpoint->port;
}

template <typename Response>
raft::KnownLeader LeaderFrom(int32_t id, int32_t epoch, const Response& response, const QuorumNames& names) {
  raft::KnownLeader leader{NodeId(id < 0 ? -1 : id), LeaderEpoch(epoch), {}};
  for (const auto& node : response.node_endpoints) {
    if (node.node_id != id || node.port <= 0 || node.port > 65535) continue;
    leader.endpoints.push_back(
        {names.listener, std::string(node.host.view()), static_cast<uint16_t>(node.port)});
  }
  return leader;
}

std::optional<raft::ReplicaKey> VoterFrom(int32_t id, const DirectoryId& directory_id) {
  if (id < 0) return std::nullopt;
  return raft::ReplicaKey{NodeId(id), directory_id};
}

template <typename Request>
std::optional<raft::Voter> NewVoter(const Request& request, const QuorumNames& names) {
  raft::Voter voter;
  voter.key = {NodeId(request.voter_id), request.voter_directory_id};
  voter.endpoints = EndpointsFrom(request.listeners);
  const bool reachable =
      std::any_of(voter.endpoints.begin(), voter.endpoints.end(), [&](const raft::VoterEndpoint& endpoint) {
        return names.listener.empty() || endpoint.name == names.listener;
      });
  if (request.voter_id < 0 || voter.key.directory_id == DirectoryId() || !reachable) return std::nullopt;
  return voter;
}

}  // namespace

ErrorCode ErrorCodeOf(RaftError error) {
  for (const auto& [raft_error, code] : kErrors) {
    if (raft_error == error) return code;
  }
  return ErrorCode::kUnknownServerError;
}

RaftError RaftErrorOf(int16_t code) {
  for (const auto& [raft_error, known] : kErrors) {
    if (static_cast<int16_t>(known) == code) return raft_error;
  }
  return RaftError::kUnknownServerError;
}

const raft::VoterEndpoint* FindListener(const std::vector<raft::VoterEndpoint>& endpoints,
                                        std::string_view listener) {
  for (const raft::VoterEndpoint& endpoint : endpoints) {
    if (endpoint.name == listener) return &endpoint;
  }
  return endpoints.empty() ? nullptr : &endpoints.front();
}

// ---- Vote

kafka::VoteRequest ToWire(const raft::VoteRequest& request, const QuorumNames& names) {
  kafka::VoteRequest out;
  out.cluster_id = Text::Copy(names.cluster_id);
  auto& partition = AddPartition(&out);
  partition.replica_epoch = request.epoch.value();
  partition.replica_id = request.candidate.id.value();
  partition.replica_directory_id = request.candidate.directory_id;
  if (request.voter) {
    out.voter_id = request.voter->id.value();
    partition.voter_directory_id = request.voter->directory_id;
  }
  partition.last_offset_epoch = request.log_end.epoch.value();
  partition.last_offset = request.log_end.offset.value();
  partition.pre_vote = request.pre_vote;
  return out;
}

std::optional<raft::VoteRequest> FromWire(const kafka::VoteRequest& request) {
  const auto* partition = OnlyPartition(request);
  if (partition == nullptr) return std::nullopt;
  raft::VoteRequest out;
  out.candidate = {NodeId(partition->replica_id), partition->replica_directory_id};
  out.epoch = LeaderEpoch(partition->replica_epoch);
  out.log_end = {Offset(partition->last_offset), LeaderEpoch(partition->last_offset_epoch)};
  out.pre_vote = partition->pre_vote;
  out.voter = VoterFrom(request.voter_id, partition->voter_directory_id);
  return out;
}

kafka::VoteResponse ToWire(const raft::VoteResponse& response, int16_t version, const QuorumNames& names) {
  kafka::VoteResponse out;
  auto& partition = AddPartition(&out);
  partition.error_code = static_cast<int16_t>(ErrorCodeOf(response.error));
  partition.leader_id = response.leader.id.value();
  partition.leader_epoch = response.leader.epoch.value();
  partition.vote_granted = response.granted;
  if (version >= 1) AddNodeEndpoint(response.leader, names, &out);
  return out;
}

std::optional<raft::VoteResponse> FromWire(const kafka::VoteResponse& response, const QuorumNames& names) {
  const auto* partition = OnlyPartition(response);
  if (response.error_code != 0 || partition == nullptr) return std::nullopt;
  return raft::VoteResponse{RaftErrorOf(partition->error_code),
                            LeaderFrom(partition->leader_id, partition->leader_epoch, response, names),
                            partition->vote_granted};
}

// ---- BeginQuorumEpoch, EndQuorumEpoch

kafka::BeginQuorumEpochRequest ToWire(const raft::BeginQuorumEpochRequest& request,
                                      const QuorumNames& names) {
  kafka::BeginQuorumEpochRequest out;
  out.cluster_id = Text::Copy(names.cluster_id);
  auto& partition = AddPartition(&out);
  if (request.voter) {
    out.voter_id = request.voter->id.value();
    partition.voter_directory_id = request.voter->directory_id;
  }
  partition.leader_id = request.leader.id.value();
  partition.leader_epoch = request.leader.epoch.value();
  AddEndpoints(request.leader.endpoints, &out.leader_endpoints);
  return out;
}

std::optional<raft::BeginQuorumEpochRequest> FromWire(const kafka::BeginQuorumEpochRequest& request) {
  const auto* partition = OnlyPartition(request);
  if (partition == nullptr) return std::nullopt;
  raft::BeginQuorumEpochRequest out;
  out.leader = {NodeId(partition->leader_id), LeaderEpoch(partition->leader_epoch),
                EndpointsFrom(request.leader_endpoints)};
  out.voter = VoterFrom(request.voter_id, partition->voter_directory_id);
  return out;
}

kafka::EndQuorumEpochRequest ToWire(const raft::EndQuorumEpochRequest& request, const QuorumNames& names) {
  kafka::EndQuorumEpochRequest out;
  out.cluster_id = Text::Copy(names.cluster_id);
  auto& partition = AddPartition(&out);
  partition.leader_id = request.leader.value();
  partition.leader_epoch = request.epoch.value();
  for (const raft::ReplicaKey& successor : request.preferred_successors) {
    partition.preferred_successors.push_back(successor.id.value());
    auto& candidate = partition.preferred_candidates.emplace_back();
    candidate.candidate_id = successor.id.value();
    candidate.candidate_directory_id = successor.directory_id;
  }
  AddEndpoints(request.leader_endpoints, &out.leader_endpoints);
  return out;
}

std::optional<raft::EndQuorumEpochRequest> FromWire(const kafka::EndQuorumEpochRequest& request) {
  const auto* partition = OnlyPartition(request);
  if (partition == nullptr) return std::nullopt;
  raft::EndQuorumEpochRequest out;
  out.leader = NodeId(partition->leader_id);
  out.epoch = LeaderEpoch(partition->leader_epoch);
  for (const auto& candidate : partition->preferred_candidates) {
    out.preferred_successors.push_back({NodeId(candidate.candidate_id), candidate.candidate_directory_id});
  }
  if (partition->preferred_candidates.empty()) {
    for (const int32_t id : partition->preferred_successors)
      out.preferred_successors.push_back({NodeId(id), {}});
  }
  out.leader_endpoints = EndpointsFrom(request.leader_endpoints);
  return out;
}

template <typename Response>
Response ToWire(const raft::QuorumEpochResponse& response, int16_t version, const QuorumNames& names) {
  Response out;
  auto& partition = AddPartition(&out);
  partition.error_code = static_cast<int16_t>(ErrorCodeOf(response.error));
  partition.leader_id = response.leader.id.value();
  partition.leader_epoch = response.leader.epoch.value();
  if (version >= 1) AddNodeEndpoint(response.leader, names, &out);
  return out;
}
template kafka::BeginQuorumEpochResponse ToWire(const raft::QuorumEpochResponse&, int16_t,
                                                const QuorumNames&);
template kafka::EndQuorumEpochResponse ToWire(const raft::QuorumEpochResponse&, int16_t, const QuorumNames&);

template <typename Response>
std::optional<raft::QuorumEpochResponse> EpochFromWire(const Response& response, const QuorumNames& names) {
  const auto* partition = OnlyPartition(response);
  if (response.error_code != 0 || partition == nullptr) return std::nullopt;
  return raft::QuorumEpochResponse{
      RaftErrorOf(partition->error_code),
      LeaderFrom(partition->leader_id, partition->leader_epoch, response, names)};
}
template std::optional<raft::QuorumEpochResponse> EpochFromWire(const kafka::BeginQuorumEpochResponse&,
                                                                const QuorumNames&);
template std::optional<raft::QuorumEpochResponse> EpochFromWire(const kafka::EndQuorumEpochResponse&,
                                                                const QuorumNames&);

// ---- Fetch

kafka::FetchRequest ToWire(const raft::FetchRequest& request, Offset high_watermark,
                           const FetchLimits& limits, const QuorumNames& names) {
  kafka::FetchRequest out;
  out.cluster_id = Text::Copy(names.cluster_id);
  out.replica_id = request.replica.id.value();
  out.replica_state.replica_id = request.replica.id.value();
  out.max_wait_ms = limits.max_wait_ms;
  out.max_bytes = limits.max_bytes;
  auto& topic = out.topics.emplace_back();
  topic.topic = kMetadataTopic;
  topic.topic_id = kMetadataTopicId;
  auto& partition = topic.partitions.emplace_back();
  partition.current_leader_epoch = request.current_leader_epoch.value();
  partition.fetch_offset = request.fetch_offset.value();
  partition.last_fetched_epoch = request.last_fetched_epoch.value();
  partition.partition_max_bytes = limits.max_bytes;
  partition.replica_directory_id = request.replica.directory_id;
  partition.high_watermark = high_watermark.value();
  return out;
}

std::optional<raft::FetchRequest> FromWire(const kafka::FetchRequest& request) {
  if (request.topics.size() != 1 || request.topics[0].partitions.size() != 1) return std::nullopt;
  const auto& topic = request.topics[0];
  const auto& partition = topic.partitions[0];
  const bool known = topic.topic_id == kMetadataTopicId || topic.topic.view() == kMetadataTopic;
  if (!known || partition.partition != 0 || request.max_wait_ms < 0 || partition.fetch_offset < 0 ||
      partition.last_fetched_epoch < 0 || partition.last_fetched_epoch > partition.current_leader_epoch) {
    return std::nullopt;
  }
  raft::FetchRequest out;
  const int32_t id = request.replica_id >= 0 ? request.replica_id : request.replica_state.replica_id;
  out.replica = {NodeId(id), partition.replica_directory_id};
  out.current_leader_epoch = LeaderEpoch(partition.current_leader_epoch);
  out.fetch_offset = Offset(partition.fetch_offset);
  out.last_fetched_epoch = LeaderEpoch(partition.last_fetched_epoch);
  return out;
}

kafka::FetchResponse ToWire(const raft::FetchDecision& decision, Offset log_start_offset, std::string records,
                            int16_t version, const QuorumNames& names) {
  kafka::FetchResponse out;
  auto& topic = out.responses.emplace_back();
  topic.topic = kMetadataTopic;
  topic.topic_id = kMetadataTopicId;
  auto& partition = topic.partitions.emplace_back();
  partition.error_code = static_cast<int16_t>(ErrorCodeOf(decision.error));
  partition.high_watermark = decision.high_watermark.value();
  partition.log_start_offset = log_start_offset.value();
  partition.current_leader.leader_id = decision.leader.id.value();
  partition.current_leader.leader_epoch = decision.leader.epoch.value();
  if (decision.diverging) {
    partition.diverging_epoch.epoch = decision.diverging->epoch.value();
    partition.diverging_epoch.end_offset = decision.diverging->offset.value();
  }
  if (decision.snapshot) {
    partition.snapshot_id.epoch = decision.snapshot->epoch.value();
    partition.snapshot_id.end_offset = decision.snapshot->offset.value();
  }
  partition.aborted_transactions.reset();
  partition.records = kafka::Records(std::move(records));
  if (version >= kFetchWithEndpoints) AddNodeEndpoint(decision.leader, names, &out);
  return out;
}

std::optional<raft::FetchResponse> FromWire(const kafka::FetchResponse& response, const QuorumNames& names) {
  if (response.error_code != 0 || response.responses.size() != 1 ||
      response.responses[0].partitions.size() != 1) {
    return std::nullopt;
  }
  const auto& topic = response.responses[0];
  const auto& partition = topic.partitions[0];
  const bool known = topic.topic_id == kMetadataTopicId || topic.topic.view() == kMetadataTopic;
  if (!known || partition.partition_index != 0) return std::nullopt;
  raft::FetchResponse out;
  out.error = RaftErrorOf(partition.error_code);
  out.leader = LeaderFrom(partition.current_leader.leader_id, partition.current_leader.leader_epoch, response,
                          names);
  out.high_watermark = Offset(std::max<int64_t>(-1, partition.high_watermark));
  if (partition.diverging_epoch.epoch >= 0 && partition.diverging_epoch.end_offset >= 0) {
    out.diverging = {Offset(partition.diverging_epoch.end_offset),
                     LeaderEpoch(partition.diverging_epoch.epoch)};
  }
  if (partition.snapshot_id.epoch >= 0 && partition.snapshot_id.end_offset >= 0) {
    out.snapshot = {Offset(partition.snapshot_id.end_offset), LeaderEpoch(partition.snapshot_id.epoch)};
  }
  return out;
}

std::string_view RecordsOf(const kafka::FetchResponse& response) {
  const auto& records = response.responses[0].partitions[0].records;
  return records ? records->contiguous() : std::string_view();
}

// ---- FetchSnapshot

kafka::FetchSnapshotRequest ToWire(const raft::FetchSnapshotRequest& request, uint64_t position,
                                   int32_t max_bytes, const QuorumNames& names) {
  kafka::FetchSnapshotRequest out;
  out.cluster_id = Text::Copy(names.cluster_id);
  out.replica_id = request.replica.id.value();
  out.max_bytes = max_bytes;
  auto& topic = out.topics.emplace_back();
  topic.name = kMetadataTopic;
  auto& partition = topic.partitions.emplace_back();
  partition.current_leader_epoch = request.current_leader_epoch.value();
  partition.snapshot_id.end_offset = request.snapshot.offset.value();
  partition.snapshot_id.epoch = request.snapshot.epoch.value();
  partition.position = static_cast<int64_t>(position);
  partition.replica_directory_id = request.replica.directory_id;
  return out;
}

std::optional<raft::FetchSnapshotRequest> FromWire(const kafka::FetchSnapshotRequest& request) {
  if (request.topics.size() != 1 || request.topics[0].partitions.size() != 1) return std::nullopt;
  const auto& partition = request.topics[0].partitions[0];
  raft::FetchSnapshotRequest out;
  out.replica = {NodeId(request.replica_id), partition.replica_directory_id};
  out.current_leader_epoch = LeaderEpoch(partition.current_leader_epoch);
  out.snapshot = {Offset(partition.snapshot_id.end_offset), LeaderEpoch(partition.snapshot_id.epoch)};
  return out;
}

kafka::FetchSnapshotResponse SnapshotToWire(const raft::FetchDecision& decision, int16_t version,
                                            const QuorumNames& names) {
  kafka::FetchSnapshotResponse out;
  auto& topic = out.topics.emplace_back();
  topic.name = kMetadataTopic;
  auto& partition = topic.partitions.emplace_back();
  partition.error_code = static_cast<int16_t>(ErrorCodeOf(decision.error));
  partition.current_leader.leader_id = decision.leader.id.value();
  partition.current_leader.leader_epoch = decision.leader.epoch.value();
  if (version >= 1) AddNodeEndpoint(decision.leader, names, &out);
  return out;
}

std::optional<raft::FetchResponse> FromWire(const kafka::FetchSnapshotResponse& response,
                                            const QuorumNames& names) {
  if (response.error_code != 0 || response.topics.size() != 1 || response.topics[0].partitions.size() != 1)
    return std::nullopt;
  const auto& partition = response.topics[0].partitions[0];
  raft::FetchResponse out;
  out.error = RaftErrorOf(partition.error_code);
  out.leader = LeaderFrom(partition.current_leader.leader_id, partition.current_leader.leader_epoch, response,
                          names);
  return out;
}

// ---- AddRaftVoter, UpdateRaftVoter

std::optional<raft::Voter> FromWire(const kafka::AddRaftVoterRequest& request, const QuorumNames& names) {
  return NewVoter(request, names);
}

kafka::UpdateRaftVoterRequest ToWire(const raft::Voter& voter, LeaderEpoch epoch, const QuorumNames& names) {
  kafka::UpdateRaftVoterRequest out;
  out.cluster_id = Text::Copy(names.cluster_id);
  out.current_leader_epoch = epoch.value();
  out.voter_id = voter.key.id.value();
  out.voter_directory_id = voter.key.directory_id;
  AddEndpoints(voter.endpoints, &out.listeners);
  out.kraft_version_feature.min_supported_version = voter.min_kraft_version;
  out.kraft_version_feature.max_supported_version = voter.max_kraft_version;
  return out;
}

std::optional<raft::Voter> FromWire(const kafka::UpdateRaftVoterRequest& request, const QuorumNames& names) {
  std::optional<raft::Voter> voter = NewVoter(request, names);
  const auto& range = request.kraft_version_feature;
  if (!voter || range.min_supported_version < 0 ||
      range.max_supported_version < range.min_supported_version)
    return std::nullopt;
  voter->min_kraft_version = range.min_supported_version;
  voter->max_kraft_version = range.max_supported_version;
  return voter;
}

}  // namespace dohle::metadata
