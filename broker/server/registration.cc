#include "broker/server/registration.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "broker/controller/controller.h"
#include "broker/metadata/format.h"
#include "broker/metadata/metadata_log.h"
#include "broker/replica/replica_set.h"
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
constexpr absl::Duration kLeaveInterval = absl::Milliseconds(10);
constexpr absl::Duration kMostLeaveTime = absl::Seconds(1);
constexpr size_t kMostAssignments = 2250;  // in one request, as Kafka

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
  if (options_.replicas != nullptr) request.offline_log_dirs = options_.replicas->offline_directories()->ids;
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
    // First: what fails next is to be known by its directory.
    co_await AssignDirectories();
    const StatusOr<Heard> heard = co_await Beat(/*want_shut_down=*/false);
    if (!heard.ok()) log::Warning("server", "heartbeat: {}", Message(heard.status()));
    stopped = co_await stop_.SleepFor(options_.heartbeat_interval);
  }
  ended->Set(true);
}

env::Task<void> Registration::AssignDirectories() {
  if (options_.replicas == nullptr) co_return;
  const metadata::ImagePtr image = log_.cache().Current();
  // With one directory the controller assigns it by itself.
  if (options_.log_dirs.size() < 2) co_return;
  kafka::AssignReplicasToDirsRequest request;
  request.broker_id = options_.node_id.value();
  request.broker_epoch = broker_epoch_.value();
  std::map<DirectoryId, std::map<TopicId, std::vector<PartitionIndex>>> by_directory;
  for (const auto& unknown : options_.replicas->UnknownDirectories(*image, kMostAssignments)) {
    by_directory[unknown.directory_id][unknown.topic_id].push_back(unknown.partition);
  }
  if (by_directory.empty()) co_return;
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
  const auto answer = co_await controller_.AssignReplicasToDirs(request);
  if (!answer.ok()) {
    log::Warning("server", "directories aren't assigned: {}", Message(answer.status()));
  } else if (answer->error_code != 0) {
    log::Warning("server", "{}", Message(Refused("assignment of directories", answer->error_code)));
  }
}

// What isn't agreed on in time is no harm: the next registration finds the broker gone.
env::Task<void> Registration::Leave() {
  // A directory that is lost while the broker is away is to be known as the one that holds what was made
  // last.
  co_await AssignDirectories();
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
