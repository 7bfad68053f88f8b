#include "broker/server/registration.h"

#include <algorithm>
#include <utility>

#include "broker/controller/controller.h"
#include "broker/metadata/format.h"
#include "broker/metadata/metadata_log.h"
#include "lib/base/log.h"
#include "lib/env/env.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/broker_heartbeat_request.h"
#include "lib/kafka/messages/broker_heartbeat_response.h"
#include "lib/kafka/messages/broker_registration_request.h"
#include "lib/kafka/messages/broker_registration_response.h"

namespace dohle::server {
namespace {

constexpr absl::Duration kRetryInterval = absl::Milliseconds(50);
constexpr absl::Duration kLeaveInterval = absl::Milliseconds(10);
constexpr absl::Duration kMostLeaveTime = absl::Seconds(1);

Status Refused(std::string_view what, int16_t error) {
  return MakeStatus(StatusCode::kFailedPrecondition, "the controller refused the {}: {}", what,
                    kafka::Name(static_cast<kafka::ErrorCode>(error)));
}

}  // namespace

Registration::Registration(RegistrationOptions options, controller::Controller& controller,
                           metadata::MetadataLog& log, env::Env& env)
    : options_(std::move(options)), controller_(controller), log_(log), env_(env) {}

Registration::~Registration() = default;

env::Task<StatusOr<Registration::Heard>> Registration::Beat(bool want_shut_down) {
  kafka::BrokerHeartbeatRequest request;
  request.broker_id = options_.node_id.value();
  request.broker_epoch = broker_epoch_.value();
  request.current_metadata_offset = log_.cache().Current()->provenance.last_contained_offset.value();
  request.want_fence = false;
  request.want_shut_down = want_shut_down;
  auto answer = co_await controller_.BrokerHeartbeat(request);
  if (!answer.ok()) co_return answer.status();
  if (answer->error_code != 0) co_return Refused("heartbeat", answer->error_code);
  co_return Heard{answer->is_fenced, answer->should_shut_down};
}

env::Task<Status> Registration::Register() {
  kafka::BrokerRegistrationRequest request;
  request.broker_id = options_.node_id.value();
  request.cluster_id = options_.cluster_id;
  request.incarnation_id = env_.random.NextUuid();
  for (const metadata::ListenerEndpoint& endpoint : options_.endpoints) {
    kafka::BrokerRegistrationRequest::Listener listener;
    listener.name = endpoint.name;
    listener.host = endpoint.host;
    listener.port = endpoint.port;
    listener.security_protocol = endpoint.security_protocol;
    request.listeners.push_back(std::move(listener));
  }
  for (const auto& [name, range] : metadata::BrokerSupportedFeatures()) {
    kafka::BrokerRegistrationRequest::Feature feature;
    feature.name = name;
    feature.min_supported_version = range.min;
    feature.max_supported_version = range.max;
    request.features.push_back(std::move(feature));
  }
  request.rack.reset();
  if (options_.rack) request.rack = *options_.rack;
  request.log_dirs = options_.log_dirs;
  std::sort(request.log_dirs.begin(), request.log_dirs.end());
  request.previous_broker_epoch = options_.previous_broker_epoch.value();
  auto answer = co_await controller_.RegisterBroker(request);
  if (!answer.ok()) co_return answer.status();
  if (answer->error_code != 0) co_return Refused("registration", answer->error_code);
  broker_epoch_ = BrokerEpoch(answer->broker_epoch);
  while (true) {
    const StatusOr<Heard> heard = co_await Beat(/*want_shut_down=*/false);
    if (!heard.ok()) co_return heard.status();
    if (!heard->fenced) break;
    const bool stopped = co_await stop_.SleepFor(kRetryInterval);
    if (stopped) co_return MakeStatus(StatusCode::kCancelled, "stopped while registering");
  }
  co_return OkStatus();
}

void Registration::StartHeartbeats() {
  ended_ = std::make_shared<env::OneShot<bool>>();
  env::Spawn(*env_.executors.front(), KeepBeating());
}

env::Task<void> Registration::KeepBeating() {
  const auto ended = ended_;
  bool stopped = co_await stop_.SleepFor(options_.heartbeat_interval);
  while (!stopped) {
    const StatusOr<Heard> heard = co_await Beat(/*want_shut_down=*/false);
    if (!heard.ok()) log::Warning("server", "heartbeat: {}", Message(heard.status()));
    stopped = co_await stop_.SleepFor(options_.heartbeat_interval);
  }
  ended->Set(true);
}

// What isn't agreed on in time is no harm: the next registration finds the broker gone.
env::Task<void> Registration::Leave() {
  const env::MonotonicTime give_up = env_.clock.Now() + kMostLeaveTime;
  while (env_.clock.Now() < give_up) {
    const StatusOr<Heard> heard = co_await Beat(/*want_shut_down=*/true);
    if (!heard.ok()) {
      log::Warning("server", "leaving without the controller's consent: {}", Message(heard.status()));
      co_return;
    }
    if (heard->should_shut_down) co_return;
    co_await never_.SleepFor(kLeaveInterval);
  }
  log::Warning("server", "leaving: the controller didn't consent in time");
}

env::Task<void> Registration::Stop() {
  stop_.Stop();
  auto ended = std::exchange(ended_, nullptr);
  if (ended == nullptr) co_return;
  co_await ended->WaitForever();
  co_await Leave();
}

}  // namespace dohle::server
