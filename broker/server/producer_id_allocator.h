// Producer ids out of blocks that the controller hands to this broker (KIP-730). Any thread.
#pragma once

#include <cstdint>

#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/lane.h"
#include "lib/env/task.h"

namespace dohle::controller {
class Controller;
}

namespace dohle::server {

class ProducerIdAllocator {
 public:
  // The controller outlives the allocator.
  ProducerIdAllocator(NodeId node_id, controller::Controller& controller)
      : node_id_(node_id), controller_(controller) {}

  // The epoch of our registration; ids can't be had before it is known.
  void SetBrokerEpoch(BrokerEpoch epoch) { broker_epoch_ = epoch; }

  // An id that no other producer of the cluster has or will have. kUnavailable: none can be had now, try
  // again.
  env::Task<StatusOr<ProducerId>> Next();

 private:
  env::Task<Status> FetchBlock();

  const NodeId node_id_;
  controller::Controller& controller_;
  BrokerEpoch broker_epoch_{-1};
  env::Lane lane_;  // guards what is left of the block
  int64_t next_ = 0;
  int64_t end_ = 0;
};

}  // namespace dohle::server
