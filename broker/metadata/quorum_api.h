// The quorum's side of this node as its peers see it: requests of other voters, observers and administrators
// (KIP-595, KIP-630, KIP-853). Kafka's messages in and out; errors are in the answers.
//
// Any executor, from outside of every lane. A request must outlive the call.
#pragma once

#include "lib/env/task.h"
#include "lib/kafka/codec.h"

namespace dohle::kafka {
struct AddRaftVoterRequest;
struct AddRaftVoterResponse;
struct BeginQuorumEpochRequest;
struct BeginQuorumEpochResponse;
struct EndQuorumEpochRequest;
struct EndQuorumEpochResponse;
struct FetchRequest;
struct FetchResponse;
struct FetchSnapshotRequest;
struct FetchSnapshotResponse;
struct RemoveRaftVoterRequest;
struct RemoveRaftVoterResponse;
struct UpdateRaftVoterRequest;
struct UpdateRaftVoterResponse;
struct VoteRequest;
struct VoteResponse;
}  // namespace dohle::kafka

namespace dohle::metadata {

// `version` is that of the request: fields that it lacks are defaults, answers carry what it can hold.
class QuorumApi {
 public:
  virtual ~QuorumApi() = default;

  virtual env::Task<kafka::VoteResponse> Vote(const kafka::VoteRequest& request, int16_t version) = 0;
  virtual env::Task<kafka::BeginQuorumEpochResponse> BeginQuorumEpoch(
      const kafka::BeginQuorumEpochRequest& request, int16_t version) = 0;
  virtual env::Task<kafka::EndQuorumEpochResponse> EndQuorumEpoch(const kafka::EndQuorumEpochRequest& request,
                                                                  int16_t version) = 0;
  // Of `__cluster_metadata`-0 only. Waits up to max_wait_ms for records or a newer high watermark.
  virtual env::Task<kafka::FetchResponse> Fetch(const kafka::FetchRequest& request, int16_t version) = 0;
  virtual env::Task<kafka::FetchSnapshotResponse> FetchSnapshot(const kafka::FetchSnapshotRequest& request,
                                                                int16_t version) = 0;
  virtual env::Task<kafka::AddRaftVoterResponse> AddRaftVoter(const kafka::AddRaftVoterRequest& request,
                                                              int16_t version) = 0;
  virtual env::Task<kafka::RemoveRaftVoterResponse> RemoveRaftVoter(
      const kafka::RemoveRaftVoterRequest& request, int16_t version) = 0;
  virtual env::Task<kafka::UpdateRaftVoterResponse> UpdateRaftVoter(
      const kafka::UpdateRaftVoterRequest& request, int16_t version) = 0;
};

}  // namespace dohle::metadata
