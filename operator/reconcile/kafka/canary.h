// The canary of a cluster: a record on its way from a producer to a consumer, through each partition of a
// topic of its own, which has one for each broker. While brokers are restarted it says whether clients
// notice. One executor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/env/clock.h"
#include "lib/env/task.h"
#include "operator/reconcile/kafka/kafka_clients.h"

namespace dohle::reconcile {

inline constexpr std::string_view kCanaryTopic = "__dohle_canary";

struct CanarySong {
  Status status;           // of the first partition that failed
  absl::Duration longest;  // from producing to having it back, of all partitions that didn't fail
};

// Makes the topic if there is none, and sings next time. `kafka` and `clock` outlive the call.
env::Task<CanarySong> Sing(KafkaClient& kafka, const env::Clock& clock, int32_t brokers);

}  // namespace dohle::reconcile
