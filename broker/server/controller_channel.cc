#include "broker/server/controller_channel.h"

#include <algorithm>
#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/error_tally.h"
#include "lib/base/log.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/allocate_producer_ids_request.h"
#include "lib/kafka/messages/allocate_producer_ids_response.h"
#include "lib/kafka/messages/alter_partition_request.h"
#include "lib/kafka/messages/alter_partition_response.h"
#include "lib/kafka/messages/api_versions_request.h"
#include "lib/kafka/messages/api_versions_response.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_request.h"
#include "lib/kafka/messages/assign_replicas_to_dirs_response.h"
#include "lib/kafka/messages/broker_heartbeat_request.h"
#include "lib/kafka/messages/broker_heartbeat_response.h"
#include "lib/kafka/messages/broker_registration_request.h"
#include "lib/kafka/messages/broker_registration_response.h"
#include "lib/kafka/messages/controller_registration_request.h"
#include "lib/kafka/messages/controller_registration_response.h"
#include "lib/kafka/messages/create_topics_request.h"
#include "lib/kafka/messages/create_topics_response.h"
#include "lib/kafka/messages/envelope_request.h"
#include "lib/kafka/messages/envelope_response.h"

namespace dohle::server {
namespace {

using kafka::client::Answer;
using kafka::client::BrokerConnection;

constexpr absl::Duration kFirstPause = absl::Milliseconds(20);
constexpr absl::Duration kLongestPause = absl::Seconds(1);
constexpr int16_t kApiVersionsVersion = 3;

Status NoLeader() { return MakeStatus(StatusCode::kUnavailable, "no active controller is known"); }

// The active controller is this node.
auto Ask(controller::Controller& c, const kafka::AllocateProducerIdsRequest& r) {
  return c.AllocateProducerIds(r);
}
auto Ask(controller::Controller& c, const kafka::AlterPartitionRequest& r) {
  return c.AlterPartition(r, kafka::AlterPartitionRequest::kVersions.max);
}
auto Ask(controller::Controller& c, const kafka::AssignReplicasToDirsRequest& r) {
  return c.AssignReplicasToDirs(r);
}
auto Ask(controller::Controller& c, const kafka::BrokerHeartbeatRequest& r) { return c.BrokerHeartbeat(r); }
auto Ask(controller::Controller& c, const kafka::BrokerRegistrationRequest& r) { return c.RegisterBroker(r); }
auto Ask(controller::Controller& c, const kafka::ControllerRegistrationRequest& r) {
  return c.RegisterController(r);
}
auto Ask(controller::Controller& c, const kafka::CreateTopicsRequest& r) { return c.CreateTopics(r); }
env::Task<StatusOr<kafka::EnvelopeResponse>> Ask(controller::Controller&, const kafka::EnvelopeRequest&) {
  co_return MakeStatus(StatusCode::kAborted, "this node is the active controller");
}

template <typename Response>
bool SaysNotController(const Response& response) {
  ErrorTally tally;
  TallyErrors(response, tally);
  const auto not_controller = static_cast<int16_t>(kafka::ErrorCode::kNotController);
  return std::find(tally.others.begin(), tally.others.end(), not_controller) != tally.others.end();
}

bool MayPass(const Status& status) { return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status); }

}  // namespace

ControllerChannel::ControllerChannel(ControllerChannelOptions options, controller::Controller* controller,
                                     env::Env& env)
    : options_(std::move(options)), controller_(controller), env_(env) {}

ControllerChannel::~ControllerChannel() = default;

bool ControllerChannel::is_local() const { return controller_ != nullptr && controller_->is_active(); }

std::optional<env::Endpoint> ControllerChannel::LeaderEndpoint() const {
  if (leader_.id == kNoNode || leader_.is_local || leader_.endpoints.empty()) return std::nullopt;
  for (const std::string& name : options_.listener_names) {
    for (const raft::VoterEndpoint& endpoint : leader_.endpoints) {
      if (endpoint.name == name) return env::Endpoint{endpoint.host, endpoint.port};
    }
  }
  const raft::VoterEndpoint& any = leader_.endpoints.front();
  return env::Endpoint{any.host, any.port};
}

void ControllerChannel::Settle(Link& link, Status status) {
  if (link.settled) return;
  link.settled = true;
  link.status = std::move(status);
  for (const auto& waiter : std::exchange(link.waiting, {})) waiter->Set(true);
}

void ControllerChannel::DropLink() {
  const LinkPtr link = std::exchange(link_, nullptr);
  if (link == nullptr) return;
  Settle(*link, MakeStatus(StatusCode::kUnavailable, "the active controller has changed"));
  if (link->connection != nullptr) link->connection->Close();
}

env::Task<void> ControllerChannel::Open(LinkPtr link, env::Endpoint endpoint) {
  kafka::client::ConnectionOptions options;
  options.client_id = options_.client_id;
  options.connect_timeout = options_.connect_timeout;
  options.request_timeout = options_.request_timeout;
  auto opened = co_await BrokerConnection::Open(env_.transport, *env_.executors.front(), std::move(endpoint),
                                                std::move(options));
  if (!opened.ok() || link->settled) {
    Settle(*link, opened.status());
    co_return;
  }
  link->connection = std::move(*opened);
  kafka::ApiVersionsRequest request;
  request.client_software_name = "dohle";
  request.client_software_version = "1";
  auto answer =
      co_await link->connection->Call<kafka::ApiVersionsResponse>(std::move(request), kApiVersionsVersion);
  if (!answer.ok()) {
    Settle(*link, answer.status());
    co_return;
  }
  for (const auto& api : answer->message.api_keys) {
    link->versions[api.api_key] = {api.min_version, api.max_version};
  }
  Settle(*link, OkStatus());
}

env::Task<StatusOr<ControllerChannel::LinkPtr>> ControllerChannel::CurrentLink() {
  if (stopped_) co_return MakeStatus(StatusCode::kCancelled, "this node is stopping");
  std::optional<env::Endpoint> endpoint = LeaderEndpoint();
  if (!endpoint) co_return NoLeader();
  const bool lost = link_ != nullptr && link_->settled &&
                    (!link_->status.ok() || link_->connection == nullptr || link_->connection->closed());
  if (lost) link_ = nullptr;
  if (link_ == nullptr) {
    link_ = std::make_shared<Link>();
    env::Spawn(*env_.executors.front(), Open(link_, std::move(*endpoint)));
  }
  const LinkPtr link = link_;
  if (link != nullptr && !link->settled) {
    auto opened = std::make_shared<env::OneShot<bool>>();
    link->waiting.push_back(opened);
    co_await opened->WaitForever();
  }
  if (link == nullptr) co_return NoLeader();
  if (!link->status.ok()) co_return link->status;
  co_return link;
}

template <typename Response, typename Request>
env::Task<void> ControllerChannel::CallRemotely(
    const Request& request, std::shared_ptr<env::OneShot<StatusOr<Answer<Response>>>> done) {
  StatusOr<LinkPtr> link = co_await CurrentLink();
  if (!link.ok()) {
    done->Set(link.status());
    co_return;
  }
  const auto served = (*link)->versions.find(static_cast<int16_t>(Request::kApiKey));
  const kafka::VersionRange theirs =
      served == (*link)->versions.end() ? kafka::VersionRange() : served->second;
  const int16_t version = std::min(theirs.max, Request::kVersions.max);
  if (version < std::max(theirs.min, Request::kVersions.min)) {
    done->Set(MakeStatus(StatusCode::kUnimplemented, "the active controller serves no {} that we know",
                         kafka::ApiName(Request::kApiKey)));
    co_return;
  }
  const std::shared_ptr<BrokerConnection> connection = (*link)->connection;
  Request copy = request;
  done->Set(co_await connection->Call<Response>(std::move(copy), version));
}

template <typename Response, typename Request>
env::Task<StatusOr<Answer<Response>>> ControllerChannel::CallOnce(const Request& request) {
  if (is_local()) {
    StatusOr<Response> done = co_await Ask(*controller_, request);
    if (!done.ok()) co_return done.status();
    Answer<Response> answer;
    answer.message = std::move(*done);
    co_return answer;
  }
  auto done = std::make_shared<env::OneShot<StatusOr<Answer<Response>>>>();
  env::Spawn(*env_.executors.front(), CallRemotely<Response, Request>(request, done));
  std::optional<StatusOr<Answer<Response>>> answer = co_await done->WaitForever();
  co_return std::move(*answer);
}

template <typename Response, typename Request>
env::Task<StatusOr<Answer<Response>>> ControllerChannel::Call(const Request& request,
                                                              absl::Duration patience) {
  const env::MonotonicTime give_up = env_.clock.Now() + patience;
  absl::Duration pause = kFirstPause;
  for (;;) {
    const bool was_local = is_local();
    StatusOr<Answer<Response>> answer = co_await CallOnce<Response, Request>(request);
    Status why = answer.status();
    if (answer.ok() && !SaysNotController(answer->message)) co_return answer;
    if (answer.ok()) why = MakeStatus(StatusCode::kUnavailable, "NOT_CONTROLLER");
    if (stopped_) co_return MakeStatus(StatusCode::kCancelled, "this node is stopping");
    // Active, and yet it can't: its log has failed.
    if (!MayPass(why) || (was_local && is_local())) co_return why;
    const absl::Duration left = give_up - env_.clock.Now();
    if (left <= absl::ZeroDuration()) co_return why;
    co_await WaitForChange(std::min(left, pause));
    pause = std::min(pause * 2, kLongestPause);
  }
}

env::Task<bool> ControllerChannel::WaitForChange(absl::Duration most) {
  const std::shared_ptr<env::StopSignal> change = change_.load();
  co_await change->SleepFor(most);
  co_return !stopped_;
}

env::Task<void> ControllerChannel::OnLeaderChange(metadata::QuorumLeader leader) {
  if (leader != leader_) DropLink();
  leader_ = std::move(leader);
  Wake();
  co_return;
}

void ControllerChannel::Wake() { change_.exchange(std::make_shared<env::StopSignal>())->Stop(); }

void ControllerChannel::Stop() {
  stopped_ = true;
  DropLink();
  Wake();
}

template env::Task<StatusOr<Answer<kafka::AllocateProducerIdsResponse>>> ControllerChannel::Call(
    const kafka::AllocateProducerIdsRequest&, absl::Duration);
template env::Task<StatusOr<Answer<kafka::AlterPartitionResponse>>> ControllerChannel::Call(
    const kafka::AlterPartitionRequest&, absl::Duration);
template env::Task<StatusOr<Answer<kafka::AssignReplicasToDirsResponse>>> ControllerChannel::Call(
    const kafka::AssignReplicasToDirsRequest&, absl::Duration);
template env::Task<StatusOr<Answer<kafka::BrokerHeartbeatResponse>>> ControllerChannel::Call(
    const kafka::BrokerHeartbeatRequest&, absl::Duration);
template env::Task<StatusOr<Answer<kafka::BrokerRegistrationResponse>>> ControllerChannel::Call(
    const kafka::BrokerRegistrationRequest&, absl::Duration);
template env::Task<StatusOr<Answer<kafka::ControllerRegistrationResponse>>> ControllerChannel::Call(
    const kafka::ControllerRegistrationRequest&, absl::Duration);
template env::Task<StatusOr<Answer<kafka::CreateTopicsResponse>>> ControllerChannel::Call(
    const kafka::CreateTopicsRequest&, absl::Duration);
template env::Task<StatusOr<Answer<kafka::EnvelopeResponse>>> ControllerChannel::Call(
    const kafka::EnvelopeRequest&, absl::Duration);

}  // namespace dohle::server
