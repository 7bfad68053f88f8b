#include <cstddef>
#include <cstdint>

#include "operator/reconcile/topic/broker_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dohle::StringMap<dohle::reconcile::TopicBytes> topics;
  dohle::reconcile::ReadTopicBytes({reinterpret_cast<const char*>(data), size}, &topics);
  for (const auto& [topic, bytes] : topics) {
    if (topic.empty() || !(bytes.in >= 0) || !(bytes.out >= 0)) __builtin_trap();
  }
  return 0;
}
