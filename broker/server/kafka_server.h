// The listeners and the connections behind them.
//
// Start: any thread; Stop: a coroutine on any executor. Connections live on the executors that they were
// dealt to.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/server/client_connection.h"
#include "broker/server/dispatcher.h"
#include "broker/server/memory_budget.h"
#include "lib/base/status.h"
#include "lib/env/env.h"

namespace dohle::server {

struct Services;

struct ListenerOptions {
  std::string name;  // "PLAINTEXT"
  env::Endpoint endpoint;
};

struct KafkaServerOptions {
  std::vector<ListenerOptions> listeners;
  int send_buffer_bytes = 102'400;                   // socket.send.buffer.bytes, -1: the system's choice
  int receive_buffer_bytes = -1;                     // socket.receive.buffer.bytes
  size_t max_frame_bytes = 100 << 20;                // socket.request.max.bytes
  int64_t max_connections = INT32_MAX;               // max.connections
  absl::Duration max_idle_time = absl::Minutes(10);  // connections.max.idle.ms
  const ServerMetrics* metrics = nullptr;            // null: nobody counts
};

class KafkaServer {
 public:
  // `env` outlives the server.
  KafkaServer(env::Env& env, KafkaServerOptions options);
  ~KafkaServer();  // after Stop, or once the environment has stopped: a crash

  // Listens; who connects waits until Serve. After an error nothing listens.
  Status Start();
  // Begins to serve, those who wait first. Both outlive the server. Once.
  void Serve(Services& services, const Dispatcher& dispatcher);
  // Where it listens, with the ports that the system chose, in the order of the options.
  std::vector<ListenerOptions> local_listeners() const;
  // Accepts no more and closes every connection; returns when all are closed.
  env::Task<void> Stop();

  int64_t connection_count() const { return connection_count_; }
  uint64_t request_bytes_in_memory() const { return budget_.used(); }
  // Requests that wait to be let in, and answers that wait for those before them or for the client. Any
  // thread.
  int64_t requests_waiting() const { return static_cast<int64_t>(budget_.waiting()); }
  int64_t answers_waiting() const;
  // Connections of each listener on each executor. Any thread.
  struct Count {
    std::string listener;
    int executor = 0;
    int64_t connections = 0;
  };
  std::vector<Count> ConnectionCounts() const;

 private:
  // The connections of one executor; touched on its thread only.
  struct Shard {
    env::Executor* executor;
    std::map<uint64_t, std::shared_ptr<ClientConnection>> connections;  // in the order accepted
    uint64_t accepted = 0;
    std::vector<std::pair<size_t, std::unique_ptr<env::Connection>>>
        waiting;  // with their listeners' numbers
    struct OfListener {
      ListenerMetrics metrics;
      std::atomic<int64_t> connections{0};
      std::atomic<int64_t> answers_waiting{0};
    };
    std::deque<OfListener> listeners;  // in the order of the options
    bool serving = false;
    env::TimerId sweep = env::kNoTimer;
    bool stopping = false;
  };

  void Accept(size_t listener, std::unique_ptr<env::Connection> stream);
  Shard& ShardOf(env::Executor& executor);
  // Closes what has been idle for too long, now and from time to time.
  void ScheduleIdleSweep(Shard& shard);

  env::Env& env_;
  const KafkaServerOptions options_;
  Services* services_ = nullptr;  // from Serve on
  const Dispatcher* dispatcher_ = nullptr;
  MemoryBudget budget_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::unique_ptr<env::Listener>> listeners_;
  std::atomic<int64_t> connection_count_ = 0;
};

}  // namespace dohle::server
