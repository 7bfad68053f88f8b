#include "lib/kafka/client/cluster_client.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "absl/strings/numbers.h"
#include "lib/base/text_list.h"
#include "lib/env/one_shot.h"
#include "lib/kafka/client/kafka_status.h"
#include "lib/kafka/messages/api_versions_request.h"
#include "lib/kafka/messages/api_versions_response.h"
#include "lib/kafka/messages/find_coordinator_request.h"
#include "lib/kafka/messages/find_coordinator_response.h"
#include "lib/kafka/messages/metadata_request.h"
#include "lib/kafka/messages/metadata_response.h"

namespace dohle::kafka::client {
namespace {

using Signal = std::shared_ptr<env::OneShot<bool>>;

constexpr VersionRange kFindCoordinatorVersions{4, 6};  // many groups at once
constexpr VersionRange kViewVersions{4, 13};            // can forbid the creation of topics
constexpr size_t kGroupsOfRequest = 1000;

StatusOr<env::Endpoint> ParseEndpoint(std::string_view part) {
  const size_t colon = part.rfind(':');
  uint32_t port = 0;
  std::string_view host = part.substr(0, colon == std::string_view::npos ? 0 : colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty() || !absl::SimpleAtoi(std::string(part.substr(colon + 1)), &port) || port == 0 ||
      port > 65535) {
    return MakeStatus(StatusCode::kInvalidArgument, "'{}' is no host:port", part);
  }
  return env::Endpoint{std::string(host), static_cast<uint16_t>(port)};
}

ClusterView ViewOf(const MetadataResponse& response) {
  ClusterView view;
  if (response.cluster_id) view.cluster_id = std::string(*response.cluster_id);
  view.controller = NodeId(response.controller_id);
  for (const auto& broker : response.brokers) {
    if (broker.port <= 0 || broker.port > 65535) continue;
    view.brokers.push_back(
        {NodeId(broker.node_id), {std::string(broker.host), static_cast<uint16_t>(broker.port)}});
  }
  return view;
}

}  // namespace

StatusOr<std::vector<env::Endpoint>> ParseBootstrapServers(std::string_view text) {
  std::vector<env::Endpoint> endpoints;
  for (const std::string_view part : NonEmptyParts(text)) {
    const std::string_view server = Trimmed(part);
    if (server.empty()) continue;
    DOHLE_ASSIGN_OR_RETURN(env::Endpoint endpoint, ParseEndpoint(server));
    endpoints.push_back(std::move(endpoint));
  }
  if (endpoints.empty()) return MakeStatus(StatusCode::kInvalidArgument, "no server is named");
  return endpoints;
}

// One broker, as reached under one address.
struct ClusterClient::Link {
  env::Endpoint endpoint;
  std::shared_ptr<BrokerConnection> connection;
  std::map<int16_t, VersionRange> versions;  // by API key, as the broker said on this connection
  bool connecting = false;
  std::vector<Signal> waiting_for_connection;
  Status failure;  // of the last attempt to connect
  int failures = 0;
  env::MonotonicTime retry_at;
  size_t in_flight = 0;
  std::deque<Signal> waiting_for_turn;

  bool connected() const { return connection != nullptr && !connection->closed(); }
  void GiveTurnBack() {
    if (waiting_for_turn.empty()) {
      --in_flight;
      return;
    }
    const Signal next = std::move(waiting_for_turn.front());  // takes the turn over
    waiting_for_turn.pop_front();
    next->Set(true);
  }
  StatusOr<int16_t> Choose(ApiKey key, VersionRange wanted) const {
    const auto spoken = versions.find(static_cast<int16_t>(key));
    if (spoken == versions.end()) {
      return MakeStatus(StatusCode::kUnimplemented, "{} doesn't speak API {}", env::ToString(endpoint),
                        static_cast<int>(key));
    }
    const VersionRange both = Intersect(wanted, spoken->second);
    if (both.min > both.max) {
      return MakeStatus(StatusCode::kUnimplemented, "{} speaks versions {}-{} of API {}, not {}-{}",
                        env::ToString(endpoint), spoken->second.min, spoken->second.max,
                        static_cast<int>(key), wanted.min, wanted.max);
    }
    return both.max;
  }
};

ClusterClient::Slot::Slot(std::shared_ptr<Link> from, std::shared_ptr<BrokerConnection> on,
                          int16_t in_version)
    : link(std::move(from)), connection(std::move(on)), version(in_version) {}

ClusterClient::Slot::~Slot() {
  if (link != nullptr) link->GiveTurnBack();
}

ClusterClient::ClusterClient(env::Transport& transport, env::Executor& executor,
                             std::vector<env::Endpoint> bootstrap, ClusterClientOptions options)
    : transport_(transport),
      executor_(executor),
      bootstrap_(std::move(bootstrap)),
      options_(std::move(options)) {}

ClusterClient::~ClusterClient() { Close(); }

void ClusterClient::Close() {
  closed_ = true;
  for (auto& [address, link] : links_) {
    if (link->connection != nullptr) link->connection->Close();
  }
}

VersionRange ClusterClient::Intersect(VersionRange a, VersionRange b) {
  return {std::max(a.min, b.min), std::min(a.max, b.max)};
}

env::Task<StatusOr<ClusterClient::Slot>> ClusterClient::Reserve(Route route, ApiKey key,
                                                                VersionRange versions) {
  StatusOr<Links> candidates = co_await Candidates(std::move(route));
  if (!candidates.ok()) co_return candidates.status();
  Status last;
  for (const std::shared_ptr<Link>& link : *candidates) {
    last = co_await Connect(link);
    if (!last.ok()) continue;
    const StatusOr<int16_t> version = link->Choose(key, versions);
    if (!version.ok()) co_return version.status();
    if (link->in_flight < options_.max_in_flight) {
      ++link->in_flight;
    } else {
      const Signal turn = link->waiting_for_turn.emplace_back(std::make_shared<env::OneShot<bool>>());
      co_await turn->WaitForever();
    }
    // Made first: whatever comes, the turn is given back.
    Slot slot(link, link->connection, *version);
    preferred_ = link;
    co_return slot;
  }
  co_return last;
}

env::Task<StatusOr<ClusterClient::Links>> ClusterClient::Candidates(Route route) {
  if (route.kind == Route::Kind::kAny) co_return Everybody();
  if (route.kind == Route::Kind::kCoordinator) {
    std::vector<std::string> groups = {std::move(route.group)};
    const std::vector<StatusOr<NodeId>> found = co_await FindCoordinators(std::move(groups));
    if (!found.front().ok()) co_return found.front().status();
    route = Route::Broker(*found.front());
  }
  StatusOr<ClusterView> view = co_await View();
  if (!view.ok()) co_return view.status();
  if (route.kind == Route::Kind::kBroker && FindBroker(route.broker) == nullptr) {
    view = co_await RefreshView();
    if (!view.ok()) co_return view.status();
  }
  if (route.kind == Route::Kind::kBroker) co_return LinksOfBroker(route.broker);
  Links links;
  if (const BrokerAddress* controller = FindBroker(view->controller)) {
    links.push_back(LinkTo(controller->endpoint));
  }
  for (std::shared_ptr<Link>& other : Everybody()) {
    if (links.empty() || other != links.front()) links.push_back(std::move(other));
  }
  co_return links;
}

ClusterClient::Links ClusterClient::Everybody() {
  Links links;
  const auto add = [&links](std::shared_ptr<Link> link) {
    if (std::find(links.begin(), links.end(), link) == links.end()) links.push_back(std::move(link));
  };
  if (preferred_ != nullptr) add(preferred_);
  for (const BrokerAddress& broker : view_.brokers) add(LinkTo(broker.endpoint));
  for (const env::Endpoint& endpoint : bootstrap_) add(LinkTo(endpoint));
  return links;
}

StatusOr<ClusterClient::Links> ClusterClient::LinksOfBroker(NodeId id) {
  const BrokerAddress* broker = FindBroker(id);
  if (broker == nullptr) {
    return MakeStatus(StatusCode::kUnavailable, "broker {} isn't there at the moment", id.value());
  }
  return Links{LinkTo(broker->endpoint)};
}

std::shared_ptr<ClusterClient::Link> ClusterClient::LinkTo(const env::Endpoint& endpoint) {
  std::shared_ptr<Link>& link = links_[env::ToString(endpoint)];
  if (link == nullptr) {
    link = std::make_shared<Link>();
    link->endpoint = endpoint;
  }
  return link;
}

const BrokerAddress* ClusterClient::FindBroker(NodeId id) const {
  const auto found = std::find_if(view_.brokers.begin(), view_.brokers.end(),
                                  [id](const BrokerAddress& broker) { return broker.id == id; });
  return found == view_.brokers.end() ? nullptr : &*found;
}

env::Task<Status> ClusterClient::Connect(std::shared_ptr<Link> link) {
  if (closed_) co_return MakeStatus(StatusCode::kCancelled, "the client is closed");
  if (link->connecting) {
    const Signal done = link->waiting_for_connection.emplace_back(std::make_shared<env::OneShot<bool>>());
    co_await done->WaitForever();
    co_return link->failure;
  }
  if (link->connected()) co_return OkStatus();
  if (!link->failure.ok() && executor_.clock().Now() < link->retry_at) co_return link->failure;
  link->connecting = true;
  link->failure = co_await Negotiate(link);
  link->connecting = false;
  if (link->failure.ok()) {
    link->failures = 0;
  } else {
    constexpr int kMostDoublings = 20;
    const absl::Duration pause =
        options_.first_pause * (int64_t{1} << std::min(link->failures, kMostDoublings));
    link->retry_at = executor_.clock().Now() + std::min(pause, options_.longest_pause);
    ++link->failures;
    view_stale_at_ = env::MonotonicTime();  // it may have another address by now
    if (preferred_ == link) preferred_ = nullptr;
  }
  for (const Signal& waiter : std::exchange(link->waiting_for_connection, {})) waiter->Set(true);
  co_return link->failure;
}

env::Task<Status> ClusterClient::Negotiate(std::shared_ptr<Link> link) {
  env::Endpoint endpoint = link->endpoint;
  ConnectionOptions options = options_.connection;
  auto opened =
      co_await BrokerConnection::Open(transport_, executor_, std::move(endpoint), std::move(options));
  if (!opened.ok()) co_return opened.status();
  link->connection = std::move(*opened);
  const std::shared_ptr<BrokerConnection> connection = link->connection;
  if (closed_) connection->Close();
  ApiVersionsRequest request;
  request.client_software_name = "dohle";
  request.client_software_version = "1";
  constexpr int16_t kVersion = 3;
  auto answer = co_await connection->Call<ApiVersionsResponse>(std::move(request), kVersion);
  Status status = answer.ok() ? StatusFromKafka(answer->message.error_code) : answer.status();
  if (!status.ok()) {
    connection->Close();
    co_return status;
  }
  link->versions.clear();
  for (const auto& api : answer->message.api_keys) {
    link->versions[api.api_key] = {api.min_version, api.max_version};
  }
  co_return OkStatus();
}

env::Task<StatusOr<ClusterView>> ClusterClient::RefreshView() {
  MetadataRequest request;  // of no topic
  request.allow_auto_topic_creation = false;
  auto answer = co_await Call<MetadataResponse>(Route::Any(), std::move(request), kViewVersions);
  if (!answer.ok()) co_return answer.status();
  view_ = ViewOf(answer->message);
  view_stale_at_ = executor_.clock().Now() + options_.metadata_max_age;
  co_return view_;
}

env::Task<StatusOr<ClusterView>> ClusterClient::View() {
  if (executor_.clock().Now() < view_stale_at_) co_return view_;
  co_return co_await RefreshView();
}

env::Task<std::vector<StatusOr<NodeId>>> ClusterClient::FindCoordinators(std::vector<std::string> groups) {
  std::vector<std::string> unknown;
  for (const std::string& group : groups) {
    if (!coordinators_.contains(std::string_view(group))) unknown.push_back(group);
  }
  Status asked;
  for (size_t begin = 0; begin < unknown.size() && asked.ok(); begin += kGroupsOfRequest) {
    const size_t end = std::min(begin + kGroupsOfRequest, unknown.size());
    std::vector<std::string> part(unknown.begin() + static_cast<ptrdiff_t>(begin),
                                  unknown.begin() + static_cast<ptrdiff_t>(end));
    asked = co_await FindCoordinatorsOf(std::move(part));
  }
  if (asked.ok()) asked = MakeStatus(StatusCode::kUnavailable, "no answer for this group");
  std::vector<StatusOr<NodeId>> found;
  for (const std::string& group : groups) {
    const auto it = coordinators_.find(std::string_view(group));
    found.push_back(it == coordinators_.end() ? StatusOr<NodeId>(asked) : it->second);
  }
  // A failure is told, and asked again the next time.
  for (const std::string& group : groups) {
    const auto it = coordinators_.find(std::string_view(group));
    if (it != coordinators_.end() && !it->second.ok()) coordinators_.erase(it);
  }
  co_return found;
}

env::Task<Status> ClusterClient::FindCoordinatorsOf(std::vector<std::string> groups) {
  FindCoordinatorRequest request;
  for (const std::string& group : groups) request.coordinator_keys.emplace_back(group);
  auto answer =
      co_await Call<FindCoordinatorResponse>(Route::Any(), std::move(request), kFindCoordinatorVersions);
  if (!answer.ok()) co_return answer.status();
  for (const auto& item : answer->message.coordinators) {
    const Status status = StatusFromKafka(
        item.error_code, item.error_message ? item.error_message->view() : std::string_view());
    coordinators_.insert_or_assign(std::string(item.key),
                                   status.ok() ? StatusOr<NodeId>(NodeId(item.node_id)) : status);
  }
  co_return OkStatus();
}

void ClusterClient::ForgetCoordinator(std::string_view group) {
  const auto it = coordinators_.find(group);
  if (it != coordinators_.end()) coordinators_.erase(it);
}

}  // namespace dohle::kafka::client
