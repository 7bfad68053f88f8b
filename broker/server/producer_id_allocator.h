// Producer ids out of blocks that the controller hands to this broker (KIP-730). Any thread.
#pragma once

#include <cstdint>

#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/lane.h"
#include "lib/env/task.h"

namespace dohle::server {

class ControllerChannel;
class OwnBrokerEpoch;

class ProducerIdAllocator {
 public:
  // Both outlive the allocator. Ids can't be had before this broker is registered.
  ProducerIdAllocator(NodeId node_id, const OwnBrokerEpoch& broker_epoch, ControllerChannel& controller)
      : node_id_(node_id), broker_epoch_(broker_epoch), controller_(controller) {}

  // An id that no other producer of the cluster has or will have. kUnavailable: none can be had now, try
  // again.
  env::Task<StatusOr<ProducerId>> Next();

 private:
  env::Task<Status> FetchBlock();

  const NodeId node_id_;
  const OwnBrokerEpoch& broker_epoch_;
  ControllerChannel& controller_;
  env::Lane lane_;  // guards what is left of the block
  int64_t next_ = 0;
  int64_t end_ = 0;
};

}  // namespace dohle::server
