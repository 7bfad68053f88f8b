// The quorum's words on the wire (KIP-595, KIP-630, KIP-853, KIP-996, KIP-1166): Kafka's messages from and to
// the plain values of raft/messages.h.
//
// What is decoded may lack what it should have: then there is nothing. Answers own their strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/raft/messages.h"
#include "broker/raft/raft.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/add_raft_voter_request.h"
#include "lib/kafka/messages/begin_quorum_epoch_request.h"
#include "lib/kafka/messages/begin_quorum_epoch_response.h"
#include "lib/kafka/messages/end_quorum_epoch_request.h"
#include "lib/kafka/messages/end_quorum_epoch_response.h"
#include "lib/kafka/messages/fetch_request.h"
#include "lib/kafka/messages/fetch_response.h"
#include "lib/kafka/messages/fetch_snapshot_request.h"
#include "lib/kafka/messages/fetch_snapshot_response.h"
#include "lib/kafka/messages/update_raft_voter_request.h"
#include "lib/kafka/messages/update_raft_voter_response.h"
#include "lib/kafka/messages/vote_request.h"
#include "lib/kafka/messages/vote_response.h"

namespace dohle::metadata {

inline constexpr std::string_view kMetadataTopic = "__cluster_metadata";

kafka::ErrorCode ErrorCodeOf(raft::RaftError error);
raft::RaftError RaftErrorOf(int16_t code);

// What every request says of its sender's cluster.
struct QuorumNames {
  std::string cluster_id;
  std::string listener;  // of the controllers: how endpoints are named that come without
};

// Of those endpoints the one that controllers talk on.
const raft::VoterEndpoint* FindListener(const std::vector<raft::VoterEndpoint>& endpoints,
                                        std::string_view listener);

// ---- Vote
kafka::VoteRequest ToWire(const raft::VoteRequest& request, const QuorumNames& names);
std::optional<raft::VoteRequest> FromWire(const kafka::VoteRequest& request);
kafka::VoteResponse ToWire(const raft::VoteResponse& response, int16_t version, const QuorumNames& names);
std::optional<raft::VoteResponse> FromWire(const kafka::VoteResponse& response, const QuorumNames& names);

// ---- BeginQuorumEpoch, EndQuorumEpoch
kafka::BeginQuorumEpochRequest ToWire(const raft::BeginQuorumEpochRequest& request, const QuorumNames& names);
std::optional<raft::BeginQuorumEpochRequest> FromWire(const kafka::BeginQuorumEpochRequest& request);
kafka::EndQuorumEpochRequest ToWire(const raft::EndQuorumEpochRequest& request, const QuorumNames& names);
std::optional<raft::EndQuorumEpochRequest> FromWire(const kafka::EndQuorumEpochRequest& request);
// `Response` is BeginQuorumEpochResponse or EndQuorumEpochResponse.
template <typename Response>
Response ToWire(const raft::QuorumEpochResponse& response, int16_t version, const QuorumNames& names);
template <typename Response>
std::optional<raft::QuorumEpochResponse> EpochFromWire(const Response& response, const QuorumNames& names);

// ---- Fetch
struct FetchLimits {
  int32_t max_wait_ms = 500;
  int32_t max_bytes = 1 << 20;  // controller.quorum.fetch.max.bytes
};
kafka::FetchRequest ToWire(const raft::FetchRequest& request, Offset high_watermark,
                           const FetchLimits& limits, const QuorumNames& names);
// Nothing as well if the offsets and epochs can't be.
std::optional<raft::FetchRequest> FromWire(const kafka::FetchRequest& request);
kafka::FetchResponse ToWire(const raft::FetchDecision& decision, Offset log_start_offset, std::string records,
                            int16_t version, const QuorumNames& names);
std::optional<raft::FetchResponse> FromWire(const kafka::FetchResponse& response, const QuorumNames& names);
// Borrowed from the response.
std::string_view RecordsOf(const kafka::FetchResponse& response);

// ---- FetchSnapshot
kafka::FetchSnapshotRequest ToWire(const raft::FetchSnapshotRequest& request, uint64_t position,
                                   int32_t max_bytes, const QuorumNames& names);
std::optional<raft::FetchSnapshotRequest> FromWire(const kafka::FetchSnapshotRequest& request);
// An answer without a piece.
kafka::FetchSnapshotResponse SnapshotToWire(const raft::FetchDecision& decision, int16_t version,
                                            const QuorumNames& names);
// As far as it isn't bytes.
std::optional<raft::FetchResponse> FromWire(const kafka::FetchSnapshotResponse& response,
                                            const QuorumNames& names);

// ---- AddRaftVoter, UpdateRaftVoter. Nothing: no id, no directory, or no endpoint for the listener.
std::optional<raft::Voter> FromWire(const kafka::AddRaftVoterRequest& request, const QuorumNames& names);
kafka::UpdateRaftVoterRequest ToWire(const raft::Voter& voter, LeaderEpoch epoch, const QuorumNames& names);
std::optional<raft::Voter> FromWire(const kafka::UpdateRaftVoterRequest& request, const QuorumNames& names);

}  // namespace dohle::metadata
