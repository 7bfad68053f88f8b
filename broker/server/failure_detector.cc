#include "broker/server/failure_detector.h"

#include <memory>

#include "broker/controller/controller.h"
#include "broker/server/request_context.h"
#include "lib/base/log.h"

namespace dohle::server {
namespace {

constexpr absl::Duration kConnectTimeout = absl::Seconds(1);
// While a process dies, its port may still accept for a moment what then breaks.
constexpr absl::Duration kProofOfLife = absl::Milliseconds(200);
constexpr int kMostLooks = 5;

// Whether the peer keeps the connection for a while.
env::Task<bool> StaysOpen(env::Connection& connection) {
  env::Connection* raw = &connection;
  bool over = false;
  env::Executor& executor = connection.executor();
  const env::TimerId timer = executor.RunAfter(kProofOfLife, [raw, &over] {
    over = true;
    raw->Close();
  });
  char byte = 0;
  (void)co_await env::ReadSome(connection, &byte, 1);
  if (!over) executor.Cancel(timer);
  co_return over;
}

}  // namespace

void FailureDetector::Heard(NodeId broker, ConnectionInfo& connection) {
  if (connection.on_end) return;
  connection.on_end = [this, broker] { env::Spawn(*env_.executors.front(), Lost(broker)); };
  env::Spawn(*env_.executors.front(), Connected(broker));
}

env::Task<void> FailureDetector::Connected(NodeId broker) {
  ++connections_[broker];
  lost_.erase(broker);
  co_return;
}

env::Task<void> FailureDetector::Lost(NodeId broker) {
  if (--connections_[broker] > 0) co_return;
  connections_.erase(broker);
  lost_.insert(broker);
  co_await Look(broker);
}

env::Task<bool> FailureDetector::FenceIfLost(NodeId broker) {
  auto fenced = std::make_shared<env::OneShot<bool>>();
  env::Spawn(*env_.executors.front(), Fence(broker, fenced));
  const std::optional<bool> done = co_await fenced->WaitForever();
  co_return done.value_or(false);
}

env::Task<void> FailureDetector::Fence(NodeId broker, std::shared_ptr<env::OneShot<bool>> fenced) {
  const metadata::ImagePtr image = metadata_.Current();
  const metadata::BrokerRegistration* registration = image->cluster.Broker(broker);
  if (registration == nullptr || !lost_.contains(broker)) {
    fenced->Set(false);
    co_return;
  }
  Status done = co_await controller_.FenceBroker(broker, registration->epoch);
  fenced->Set(done.ok());
}

void FailureDetector::LookAtAll() {
  const metadata::ImagePtr image = metadata_.Current();
  for (const auto& [id, registration] : image->cluster.brokers) {
    if (id != own_id_ && !registration.fenced) env::Spawn(*env_.executors.front(), Look(id));
  }
}

env::Task<void> FailureDetector::Look(NodeId broker) {
  for (int look = 0; look < kMostLooks; ++look) {
    const metadata::ImagePtr image = metadata_.Current();
    const metadata::BrokerRegistration* registration = image->cluster.Broker(broker);
    if (!controller_.is_active() || registration == nullptr || registration->fenced) co_return;
    if (registration->endpoints.empty()) co_return;
    const metadata::ListenerEndpoint* listener = registration->Endpoint(listener_);
    if (listener == nullptr) listener = &registration->endpoints.front();
    env::Endpoint endpoint{listener->host, listener->port};
    auto connection =
        co_await env_.transport.Connect(*env_.executors.front(), std::move(endpoint), kConnectTimeout);
    if (env::IsRefused(connection.status())) {
      log::Warning("server", "broker {} is gone: {}", broker.value(), Message(connection.status()));
      Status fenced = co_await controller_.FenceBroker(broker, registration->epoch);
      if (!fenced.ok()) log::Warning("server", "broker {} isn't fenced: {}", broker.value(), Message(fenced));
      co_return;
    }
    if (!connection.ok()) co_return;
    const bool alive = co_await StaysOpen(**connection);
    if (alive) co_return;
  }
}

}  // namespace dohle::server
