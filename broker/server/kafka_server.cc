#include "broker/server/kafka_server.h"

#include <utility>

#include "broker/server/limits.h"
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/env/one_shot.h"

namespace dohle::server {

KafkaServer::KafkaServer(env::Env& env, KafkaServerOptions options)
    : env_(env), options_(std::move(options)), budget_(kMostRequestBytes) {
  for (env::Executor* executor : env_.executors) {
    shards_.push_back(std::make_unique<Shard>());
    Shard& shard = *shards_.back();
    shard.executor = executor;
    const auto number = static_cast<int>(shards_.size()) - 1;
    for (const ListenerOptions& listener : options_.listeners) {
      auto& of_listener = shard.listeners.emplace_back();
      if (options_.metrics == nullptr) continue;
      of_listener.metrics = options_.metrics->ForListener(listener.name, number);
    }
  }
}

KafkaServer::~KafkaServer() = default;

Status KafkaServer::Start() {
  for (size_t i = 0; i < options_.listeners.size(); ++i) {
    const ListenerOptions& listener = options_.listeners[i];
    auto accept = [this, i](std::unique_ptr<env::Connection> stream) { Accept(i, std::move(stream)); };
    auto listening = env_.transport.Listen(listener.endpoint, env_.executors, accept);
    if (!listening.ok()) {
      for (auto& other : listeners_) other->Stop();
      listeners_.clear();
      return MakeStatus(listening.status().code(), "listener {} can't listen on {}: {}", listener.name,
                        ToString(listener.endpoint), Message(listening.status()));
    }
    listeners_.push_back(std::move(*listening));
  }
  for (auto& shard : shards_) {
    Shard* it = shard.get();
    it->executor->Post([this, it] { ScheduleIdleSweep(*it); });
  }
  return OkStatus();
}

void KafkaServer::Serve(Services& services, const Dispatcher& dispatcher) {
  services_ = &services;
  dispatcher_ = &dispatcher;
  for (auto& shard : shards_) {
    Shard* it = shard.get();
    it->executor->Post([this, it] {
      it->serving = true;
      for (auto& [listener, stream] : std::exchange(it->waiting, {})) Accept(listener, std::move(stream));
    });
  }
}

std::vector<ListenerOptions> KafkaServer::local_listeners() const {
  std::vector<ListenerOptions> local;
  for (size_t i = 0; i < listeners_.size(); ++i) {
    local.push_back({options_.listeners[i].name, listeners_[i]->local()});
  }
  return local;
}

KafkaServer::Shard& KafkaServer::ShardOf(env::Executor& executor) {
  for (auto& shard : shards_) {
    if (shard->executor == &executor) return *shard;
  }
  DOHLE_CHECK(false);
}

void KafkaServer::Accept(size_t listener, std::unique_ptr<env::Connection> stream) {
  Shard& shard = ShardOf(stream->executor());
  if (shard.stopping) return;
  if (!shard.serving) {
    shard.waiting.emplace_back(listener, std::move(stream));
    return;
  }
  if (connection_count_.load() >= options_.max_connections) {
    log::Warning("server", "refused {}: {} connections are open (max.connections)", ToString(stream->peer()),
                 connection_count_.load());
    return;
  }
  Shard::OfListener& of_listener = shard.listeners[listener];
  stream->SetBufferBytes(options_.send_buffer_bytes, options_.receive_buffer_bytes);
  const ClientConnection::Options options{options_.max_frame_bytes, options_.listeners[listener].name,
                                          &of_listener.metrics, &of_listener.answers_waiting};
  auto connection =
      std::make_shared<ClientConnection>(std::move(stream), *dispatcher_, *services_, budget_, options);
  const uint64_t number = shard.accepted++;
  shard.connections.emplace(number, connection);
  ++connection_count_;
  ++of_listener.connections;
  connection->Start([this, &shard, &of_listener, number] {
    shard.connections.erase(number);
    --connection_count_;
    --of_listener.connections;
  });
}

int64_t KafkaServer::answers_waiting() const {
  int64_t waiting = 0;
  for (const auto& shard : shards_) {
    for (const Shard::OfListener& listener : shard->listeners) waiting += listener.answers_waiting.load();
  }
  return waiting;
}

std::vector<KafkaServer::Count> KafkaServer::ConnectionCounts() const {
  std::vector<Count> counts;
  for (size_t executor = 0; executor < shards_.size(); ++executor) {
    for (size_t i = 0; i < options_.listeners.size(); ++i) {
      counts.push_back({options_.listeners[i].name, static_cast<int>(executor),
                        shards_[executor]->listeners[i].connections.load()});
    }
  }
  return counts;
}

void KafkaServer::ScheduleIdleSweep(Shard& shard) {
  if (shard.stopping) return;
  const env::MonotonicTime now = shard.executor->clock().Now();
  std::vector<std::shared_ptr<ClientConnection>> idle;
  for (const auto& [number, connection] : shard.connections) {
    if (connection->idle() && now - connection->last_active() > options_.max_idle_time)
      idle.push_back(connection);
  }
  for (const auto& connection : idle) connection->Close();
  shard.sweep =
      shard.executor->RunAfter(options_.max_idle_time / 10, [this, &shard] { ScheduleIdleSweep(shard); });
}

env::Task<void> KafkaServer::Stop() {
  for (auto& listener : listeners_) listener->Stop();
  for (auto& shard : shards_) {
    auto closed = std::make_shared<env::OneShot<bool>>();
    Shard* it = shard.get();
    it->executor->Post([it, closed] {
      it->stopping = true;
      it->waiting.clear();
      if (it->sweep != env::kNoTimer) it->executor->Cancel(std::exchange(it->sweep, env::kNoTimer));
      const auto connections = it->connections;
      for (const auto& [number, connection] : connections) connection->Close();
      closed->Set(true);
    });
    co_await closed->WaitForever();
  }
  listeners_.clear();
}

}  // namespace dohle::server
