#include "broker/metadata/quorum_peers.h"

#include <algorithm>
#include <optional>

#include "lib/kafka/messages/api_versions_request.h"
#include "lib/kafka/messages/api_versions_response.h"

namespace dohle::metadata {
namespace {

// The first that tells of features which begin at level 0 (KAFKA-17011).
constexpr int16_t kApiVersionsVersion = 4;

using Opened = StatusOr<std::unique_ptr<kafka::client::BrokerConnection>>;

// Uses nothing of those who wait, who may be gone before it ends.
env::Task<void> DialFor(env::Transport* transport, env::Executor* executor, env::Endpoint to,
                        kafka::client::ConnectionOptions options,
                        std::shared_ptr<env::OneShot<Opened>> dialled) {
  Opened opened =
      co_await kafka::client::BrokerConnection::Open(*transport, *executor, std::move(to), std::move(options));
  dialled->Set(std::move(opened));
}

Status Closed() { return MakeStatus(StatusCode::kUnavailable, "this node stops"); }

}  // namespace

StatusOr<int16_t> QuorumPeers::Choose(const Link& link, kafka::ApiKey key, kafka::VersionRange wanted) {
  const auto spoken = link.versions.find(static_cast<int16_t>(key));
  const kafka::VersionRange theirs = spoken == link.versions.end() ? kafka::VersionRange() : spoken->second;
  const int16_t best = std::min(wanted.max, theirs.max);
  if (best >= std::max(wanted.min, theirs.min)) return best;
  return MakeStatus(StatusCode::kUnimplemented, "versions {}-{} of API {} are spoken there, not {}-{}",
                    theirs.min, theirs.max, static_cast<int>(key), wanted.min, wanted.max);
}

env::Task<QuorumPeers::Opened> QuorumPeers::Dial(env::Endpoint to) {
  if (closed_) co_return Closed();
  kafka::client::ConnectionOptions options;
  options.client_id = "raft-client";
  options.connect_timeout = request_timeout_;
  options.request_timeout = request_timeout_;
  auto dialled = std::make_shared<env::OneShot<Opened>>();
  dialling_.push_back(dialled);
  env::Spawn(executor_, DialFor(&transport_, &executor_, std::move(to), std::move(options), dialled));
  std::optional<Opened> opened = co_await dialled->WaitForever();
  std::erase(dialling_, dialled);
  co_return *std::move(opened);
}

env::Task<StatusOr<QuorumPeers::LinkPtr>> QuorumPeers::Open(env::Endpoint to) {
  using kafka::ApiVersionsResponse;
  Opened opened = co_await Dial(to);
  if (!opened.ok()) co_return opened.status();
  if (closed_) co_return Closed();
  auto link = std::make_shared<Link>();
  link->connection = std::move(*opened);
  negotiating_.push_back(link);
  kafka::ApiVersionsRequest request;
  request.client_software_name = "dohle";
  request.client_software_version = "1";
  auto answer = co_await link->connection->Call<ApiVersionsResponse>(std::move(request), kApiVersionsVersion);
  std::erase(negotiating_, link);
  if (absl::IsUnavailable(answer.status())) co_return Broken(answer.status());
  if (!answer.ok()) co_return answer.status();
  if (answer->message.error_code != 0) {
    co_return MakeStatus(StatusCode::kUnimplemented, "{} refused ApiVersions with error {}",
                         env::ToString(to), answer->message.error_code);
  }
  for (const auto& api : answer->message.api_keys)
    link->versions[api.api_key] = {api.min_version, api.max_version};
  for (const auto& feature : answer->message.supported_features)
    link->features[std::string(feature.name.view())] = {feature.min_version, feature.max_version};
  co_return link;
}

env::Task<StatusOr<QuorumPeers::LinkPtr>> QuorumPeers::Connect(env::Endpoint to, Traffic traffic) {
  const Key key(env::ToString(to), traffic);
  const auto found = links_.find(key);
  if (found != links_.end() && !found->second->connection->closed()) co_return found->second;
  StatusOr<LinkPtr> link = co_await Open(std::move(to));
  if (!link.ok()) co_return link.status();
  // Another may have been opened meanwhile; its calls keep it.
  links_[key] = *link;
  co_return link;
}

env::Task<StatusOr<kafka::VersionRange>> QuorumPeers::SupportedFeature(env::Endpoint of,
                                                                      std::string feature) {
  // Not one that is there: who listens now is the question.
  StatusOr<LinkPtr> link = co_await Open(std::move(of));
  if (!link.ok()) co_return link.status();
  const auto found = (*link)->features.find(feature);
  co_return found == (*link)->features.end() ? kafka::VersionRange{0, 0} : found->second;
}

env::Task<bool> QuorumPeers::Refuses(env::Endpoint endpoint, Traffic traffic) {
  links_.erase({env::ToString(endpoint), traffic});
  const StatusOr<LinkPtr> link = co_await Connect(std::move(endpoint), traffic);
  co_return !closed_ && absl::IsUnavailable(link.status());
}

void QuorumPeers::Close() {
  closed_ = true;
  for (const Dialled& dialled : std::exchange(dialling_, {})) dialled->Set(Closed());
  for (auto& [key, link] : links_) link->connection->Close();
  for (const LinkPtr& link : std::vector<LinkPtr>(negotiating_)) link->connection->Close();
}

}  // namespace dohle::metadata
