#include "broker/server/registration.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "broker/metadata/format.h"
#include "broker/metadata/metadata_log.h"
#include "broker/replica/replica_set.h"
#include "broker/server/controller_channel.h"
#include "broker/server/own_broker_epoch.h"
#include "lib/base/log.h"
#include "lib/env/env.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_request.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_response.h"
#include "lib/kafka/messages/broker_heartbeat_request.h"
#include "lib/kafka/messages/broker_heartbeat_response.h"
#include "lib/kafka/messages/broker_registration_request.h"
#include "lib/kafka/messages/broker_registration_response.h"

namespace dohle::server {
namespace {

constexpr absl::Duration kRetryInterval = absl::Milliseconds(50);
constexpr absl::Duration kRegisterInterval = absl::Milliseconds(500);
constexpr absl::Duration kSayInterval = absl::Seconds(10);
constexpr absl::Duration kRegisterPatience = absl::Seconds(5);
constexpr absl::Duration kAssignPatience = absl::Seconds(2);
constexpr absl::Duration kLeaveInterval = absl::Milliseconds(10);
// Without any answer; and in all, while the controller finds new leaders.
constexpr absl::Duration kMostLeaveTime = absl::Seconds(1);
constexpr absl::Duration kMostHandOverTime = absl::Seconds(10);
constexpr int16_t kDirectoryAssignment = 17;  // metadata.version 3.7-IV2
constexpr int16_t kCordoning = 30;            // metadata.version 4.3-IV0
constexpr size_t kMostAssignments = 2250;     // in one request, as Kafka

// kResourceExhausted: it may pass by itself; kAborted: the controller knows of no such registration.
Status Refused(std::string_view what, int16_t code) {
  const auto error = static_cast<kafka::ErrorCode>(code);
  StatusCode kind = StatusCode::kFailedPrecondition;
  if (error == kafka::ErrorCode::kDuplicateBrokerRegistration ||
      error == kafka::ErrorCode::kRequestTimedOut || error == kafka::ErrorCode::kUnknownServerError) {
    kind = StatusCode::kResourceExhausted;
  }
  if (error == kafka::ErrorCode::kStaleBrokerEpoch || error == kafka::ErrorCode::kBrokerIdNotRegistered) {
    kind = StatusCode::kAborted;
  }
  return MakeStatus(kind, "the controller refused the {}: {}", what, kafka::Name(error));
}

bool IsNobodyThere(const Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

Registration::Registration(RegistrationOptions options, OwnBrokerEpoch& epoch, ControllerChannel& controller,
                           const metadata::MetadataLog& log, env::Env& env)
    : options_(std::move(options)),
      incarnation_id_(options_.incarnation_id.is_zero() ? env.random.NextUuid() : options_.incarnation_id),
      epoch_(epoch),
      controller_(controller),
      log_(log),
      env_(env) {}

Registration::~Registration() = default;

env::Task<StatusOr<Registration::Heard>> Registration::Beat(bool want_shut_down, absl::Duration patience) {
  kafka::BrokerHeartbeatRequest request;
  request.broker_id = options_.node_id.value();
  request.broker_epoch = epoch_.Get().value();
  request.current_metadata_offset = log_.applied_offset().value();
  if (options_.replicas != nullptr) request.offline_log_dirs = options_.replicas->offline_directories()->ids;
  if (options_.cordoned_log_dirs && log_.cache().Current()->features.metadata_version() >= kCordoning)
    request.cordoned_log_dirs = options_.cordoned_log_dirs();
  request.want_fence = false;
  request.want_shut_down = want_shut_down;
  auto answer = co_await controller_.Call<kafka::BrokerHeartbeatResponse>(request, patience);
  if (!answer.ok()) co_return answer.status();
  const kafka::BrokerHeartbeatResponse& response = answer->message;
  if (response.error_code != 0) co_return Refused("heartbeat", response.error_code);
  co_return Heard{response.is_fenced, response.should_shut_down};
}

env::Task<Status> Registration::RegisterOnce() {
  kafka::BrokerRegistrationRequest request;
  request.broker_id = options_.node_id.value();
  request.cluster_id = options_.cluster_id;
  request.incarnation_id = incarnation_id_;
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
  // Registered once, this process has lost nothing since.
  const BrokerEpoch own = epoch_.Get();
  request.previous_broker_epoch =
      own > BrokerEpoch(-1) ? own.value() : options_.previous_broker_epoch.value();
  auto answer = co_await controller_.Call<kafka::BrokerRegistrationResponse>(request, kRegisterPatience);
  if (!answer.ok()) co_return answer.status();
  const kafka::BrokerRegistrationResponse& response = answer->message;
  if (response.error_code != 0) co_return Refused("registration", response.error_code);
  epoch_.Set(BrokerEpoch(response.broker_epoch));
  co_return OkStatus();
}

env::Task<Status> Registration::Register() {
  const env::MonotonicTime give_up = env_.clock.Now() + options_.registration_timeout;
  env::MonotonicTime say = env_.clock.Now();
  bool registered = false;
  while (!stopped_) {
    Status problem;
    absl::Duration pause = kRegisterInterval;
    if (!registered) {
      problem = co_await RegisterOnce();
      registered = problem.ok();
    }
    if (registered) {
      const StatusOr<Heard> heard = co_await Beat(/*want_shut_down=*/false, kRegisterPatience);
      if (heard.ok() && !heard->fenced) co_return OkStatus();
      if (heard.ok()) {
        pause = kRetryInterval;
      } else {
        problem = heard.status();
        registered = !absl::IsAborted(problem);
      }
    }
    const bool wait = IsNobodyThere(problem) || absl::IsAborted(problem) ||
                      (absl::IsResourceExhausted(problem) && env_.clock.Now() < give_up);
    if (!problem.ok() && !wait) co_return problem;
    if (env_.clock.Now() >= say) {
      say = env_.clock.Now() + kSayInterval;
      if (!problem.ok()) log::Warning("server", "waiting to be registered: {}", Message(problem));
    }
    co_await controller_.WaitForChange(pause);
  }
  co_return MakeStatus(StatusCode::kCancelled, "stopped while registering");
}

void Registration::StartHeartbeats() {
  ended_ = std::make_shared<env::OneShot<bool>>();
  env::Spawn(*env_.executors.front(), KeepBeating());
}

env::Task<void> Registration::KeepBeating() {
  const auto ended = ended_;
  absl::Duration pause = options_.heartbeat_interval;
  while (!stopped_) {
    // Another controller hears of this broker at once.
    co_await controller_.WaitForChange(pause);
    if (!stopped_) pause = co_await BeatOrRegister();
  }
  ended->Set(true);
}

env::Task<absl::Duration> Registration::BeatOrRegister() {
  // First: what fails next is to be known by its directory.
  co_await AssignDirectories(kAssignPatience);
  if (stopped_) co_return absl::ZeroDuration();
  const StatusOr<Heard> heard = co_await Beat(/*want_shut_down=*/false, options_.heartbeat_interval);
  if (heard.ok()) {
    if (heard->fenced && !fenced_) log::Warning("server", "this broker is fenced by the controller");
    if (!heard->fenced && fenced_) log::Info("server", "this broker is unfenced again");
    fenced_ = heard->fenced;
    co_return fenced_ ? kRegisterInterval : options_.heartbeat_interval;
  }
  if (stopped_) co_return absl::ZeroDuration();
  log::Warning("server", "heartbeat: {}", Message(heard.status()));
  if (absl::IsAborted(heard.status())) {
    Status registered = co_await RegisterOnce();
    if (!registered.ok()) log::Warning("server", "{}", Message(registered));
  }
  co_return kRegisterInterval;
}

env::Task<void> Registration::AssignDirectories(absl::Duration patience) {
  if (options_.replicas == nullptr) co_return;
  const metadata::ImagePtr image = log_.cache().Current();
  if (image->features.metadata_version() < kDirectoryAssignment) co_return;
  // With one directory the controller assigns new replicas by itself. What was there before may be known by a
  // directory that is lost.
  if (options_.log_dirs.size() == 1 && directories_known_) co_return;
  kafka::AssignReplicasToDirsRequest request;
  request.broker_id = options_.node_id.value();
  request.broker_epoch = epoch_.Get().value();
  std::map<DirectoryId, std::map<TopicId, std::vector<PartitionIndex>>> by_directory;
  for (const auto& unknown : options_.replicas->UnknownDirectories(*image, kMostAssignments)) {
    by_directory[unknown.directory_id][unknown.topic_id].push_back(unknown.partition);
  }
  directories_known_ = by_directory.empty();
  if (directories_known_) co_return;
  for (const auto& [directory_id, topics] : by_directory) {
    auto& directory = request.directories.emplace_back();
    directory.id = directory_id;
    for (const auto& [topic_id, partitions] : topics) {
      auto& topic = directory.topics.emplace_back();
      topic.topic_id = topic_id;
      for (const PartitionIndex index : partitions)
        topic.partitions.emplace_back().partition_index = index.value();
    }
  }
  const auto answer = co_await controller_.Call<kafka::AssignReplicasToDirsResponse>(request, patience);
  if (!answer.ok()) {
    log::Warning("server", "directories aren't assigned: {}", Message(answer.status()));
  } else if (answer->message.error_code != 0) {
    log::Warning("server", "{}", Message(Refused("assignment of directories", answer->message.error_code)));
  }
}

// What isn't agreed on in time is no harm: the next registration finds the broker gone.
env::Task<void> Registration::Leave() {
  // A directory that is lost while the broker is away is to be known as the one that holds what was made
  // last.
  co_await AssignDirectories(kMostLeaveTime);
  const env::MonotonicTime give_up = env_.clock.Now() + kMostHandOverTime;
  while (env_.clock.Now() < give_up) {
    const StatusOr<Heard> heard = co_await Beat(/*want_shut_down=*/true, kMostLeaveTime);
    if (!heard.ok()) {
      log::Warning("server", "leaving without the controller's consent: {}", Message(heard.status()));
      co_return;
    }
    if (heard->should_shut_down) co_return;
    co_await controller_.WaitForChange(kLeaveInterval);
  }
  log::Warning("server", "leaving: the controller didn't consent in time");
}

env::Task<void> Registration::Stop() {
  stopped_ = true;
  controller_.Wake();
  auto ended = std::exchange(ended_, nullptr);
  if (ended == nullptr) co_return;
  co_await ended->WaitForever();
  co_await Leave();
}

}  // namespace dohle::server
