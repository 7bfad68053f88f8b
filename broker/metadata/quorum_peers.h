// QuorumPeers: connections to other members of the quorum. Opened when needed, versions negotiated, closed
// after a failure; the next call opens anew.
//
// A server answers the requests of one connection one after the other, so what waits long goes over
// connections of its own: a lane of traffic each.
//
// All on one executor. Must outlive its calls; Close() ends them at once.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/one_shot.h"
#include "lib/kafka/client/connection.h"
#include "lib/kafka/version_range.h"

namespace dohle::metadata {

enum class Traffic : uint8_t { kFetch, kElection, kChanges };

class QuorumPeers {
 public:
  QuorumPeers(env::Transport& transport, env::Executor& executor, absl::Duration request_timeout)
      : transport_(transport), executor_(executor), request_timeout_(request_timeout) {}

  // kUnavailable: nobody listens there; kAborted: the connection broke; kDeadlineExceeded; kUnimplemented: none
  // of `versions` is spoken there.
  template <typename Response, typename Request>
  env::Task<StatusOr<kafka::client::Answer<Response>>> Call(env::Endpoint to, Traffic traffic,
                                                            Request request,
                                                            kafka::VersionRange versions = Request::kVersions) {
    StatusOr<LinkPtr> link = co_await Connect(std::move(to), traffic);
    if (!link.ok()) co_return link.status();
    StatusOr<int16_t> version = Choose(**link, Request::kApiKey, versions);
    if (!version.ok()) co_return version.status();
    auto answer = co_await (*link)->connection->template Call<Response>(std::move(request), *version);
    if (absl::IsUnavailable(answer.status())) co_return Broken(answer.status());
    co_return std::move(answer);
  }
  // The features that the node supports, as ApiVersions names them: how a future voter is checked.
  env::Task<StatusOr<kafka::VersionRange>> SupportedFeature(env::Endpoint of, std::string feature);
  // Whether nobody listens there any more, tried now. What was open is closed.
  env::Task<bool> Refuses(env::Endpoint endpoint, Traffic traffic);

  // Every call fails from now on.
  void Close();

 private:
  struct Link {
    std::shared_ptr<kafka::client::BrokerConnection> connection;
    std::map<int16_t, kafka::VersionRange> versions;  // by API key
    std::map<std::string, kafka::VersionRange> features;
  };
  using LinkPtr = std::shared_ptr<Link>;
  using Opened = StatusOr<std::unique_ptr<kafka::client::BrokerConnection>>;
  using Dialled = std::shared_ptr<env::OneShot<Opened>>;
  using Key = std::pair<std::string, Traffic>;

  env::Task<StatusOr<LinkPtr>> Connect(env::Endpoint to, Traffic traffic);
  env::Task<StatusOr<LinkPtr>> Open(env::Endpoint to);
  env::Task<Opened> Dial(env::Endpoint to);
  static Status Broken(const Status& status) { return {StatusCode::kAborted, status.message()}; }
  static StatusOr<int16_t> Choose(const Link& link, kafka::ApiKey key, kafka::VersionRange wanted);

  env::Transport& transport_;
  env::Executor& executor_;
  const absl::Duration request_timeout_;
  std::map<Key, LinkPtr> links_;
  std::vector<Dialled> dialling_;
  std::vector<LinkPtr> negotiating_;
  bool closed_ = false;
};

}  // namespace dohle::metadata
