// Brings the ISR changes of this broker's partitions to the active controller: what waits goes in one
// AlterPartition, one of which is under way at a time (KIP-497). What the request as a whole fails with
// passes, and it is sent again.
//
// Propose: any executor; the rest lives on the first one.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "broker/replica/isr_updates.h"
#include "lib/env/env.h"
#include "lib/env/one_shot.h"

namespace dohle::kafka {
struct AlterPartitionResponse;
}

namespace dohle::server {

class ControllerChannel;
class OwnBrokerEpoch;

class AlterPartitionSender : public replica::IsrUpdates {
 public:
  // All outlive the sender.
  AlterPartitionSender(NodeId node_id, const OwnBrokerEpoch& epoch, ControllerChannel& controller,
                       env::Env& env)
      : node_id_(node_id), epoch_(epoch), controller_(controller), env_(env) {}

  env::Task<StatusOr<replica::IsrVerdict>> Propose(replica::IsrProposal proposal) override;
  // Everything that waits ends with kCancelled, now and in future. Before the channel is stopped; on the
  // first executor.
  void Stop();

 private:
  struct Waiting {
    replica::IsrProposal proposal;
    std::shared_ptr<env::OneShot<StatusOr<replica::IsrVerdict>>> verdict;
  };

  env::Task<void> Add(Waiting waiting);
  env::Task<void> SendAll();
  // What can go together: one proposal for each partition.
  std::vector<Waiting> TakeBatch();
  // Gives everybody its verdict; who got none waits again.
  void Tell(std::vector<Waiting> batch, const kafka::AlterPartitionResponse& response);
  void CancelAll();

  const NodeId node_id_;
  const OwnBrokerEpoch& epoch_;
  ControllerChannel& controller_;
  env::Env& env_;
  std::deque<Waiting> waiting_;
  bool sending_ = false;
  bool stopped_ = false;
};

}  // namespace dohle::server
