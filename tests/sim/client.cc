#include "tests/sim/client.h"

namespace dohle::sim {

env::Task<Status> Client::Connect() {
  if (connection_ != nullptr && !connection_->closed()) co_return OkStatus();
  kafka::client::ConnectionOptions options;
  options.client_id = id_;
  options.connect_timeout = absl::Seconds(2);
  options.request_timeout = absl::Seconds(5);
  auto opened =
      co_await kafka::client::BrokerConnection::Open(env_.transport, executor(), broker_, std::move(options));
  if (!opened.ok()) co_return opened.status();
  connection_ = std::move(*opened);
  co_return OkStatus();
}

}  // namespace dohle::sim
