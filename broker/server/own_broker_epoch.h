// Under which epoch this broker is registered, for everything that must say so. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/base/ids.h"

namespace dohle::server {

class OwnBrokerEpoch {
 public:
  BrokerEpoch Get() const { return BrokerEpoch(epoch_.load()); }  // -1: not registered yet
  void Set(BrokerEpoch epoch) { epoch_.store(epoch.value()); }

 private:
  std::atomic<int64_t> epoch_{-1};
};

}  // namespace dohle::server
