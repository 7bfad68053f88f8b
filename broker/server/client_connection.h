// One client connection: reads requests, serves them, writes the answers in the order of the requests.
//
// The next request starts when the one before has been answered or has said that the next may start
// (RequestContext::AllowNext): so two produce requests reach a partition in the order sent, while a long poll
// or an acks=all wait holds up nobody. Belongs to one executor; everything here runs on its thread.
#pragma once

#include <atomic>
#include <coroutine>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "broker/server/dispatcher.h"
#include "broker/server/frame_reader.h"
#include "broker/server/request_context.h"
#include "lib/env/clock.h"
#include "lib/env/transport.h"
#include "lib/kafka/writer.h"

namespace dohle::server {

struct Services;
class MemoryBudget;

class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  struct Options {
    size_t max_frame_bytes;
    std::string listener_name;
    const ListenerMetrics* metrics;         // outlives the connection
    std::atomic<int64_t>* answers_waiting;  // likewise; written on this executor only
  };

  ClientConnection(std::unique_ptr<env::Connection> stream, const Dispatcher& dispatcher, Services& services,
                   MemoryBudget& budget, const Options& options);

  // Serves until the client is gone or Close() is called; `on_end` runs then.
  void Start(std::function<void()> on_end);
  // Reads no more, and forgets what isn't written. Idempotent.
  void Close();

  const ConnectionInfo& info() const { return info_; }
  env::MonotonicTime last_active() const { return last_active_; }
  bool idle() const { return exchanges_.empty(); }

 private:
  // One request with its answer, in the order of arrival.
  struct Exchange {
    Exchange(Frame&& f, Services& services, ConnectionInfo& info, env::MonotonicTime now)
        : frame(std::move(f)), context(services, info, frame.writable(), now) {}
    Frame frame;
    RequestContext context;
    std::optional<kafka::EncodedMessage> answer;
    bool done = false;
    env::MonotonicTime done_at;
  };

  env::Task<void> Serve(std::shared_ptr<ClientConnection> self);
  env::Task<void> Answer(std::shared_ptr<ClientConnection> self, std::shared_ptr<Exchange> exchange);
  env::Task<void> WriteAnswers(std::shared_ptr<ClientConnection> self);
  env::Task<Status> WriteBatch(std::deque<kafka::EncodedMessage> answers);
  // May the next request start now?
  bool MayGoOn() const;
  void WakeReader();
  void AddWaitingAnswers(int64_t n) {
    const int64_t now = answers_waiting_.load(std::memory_order_relaxed) + n;
    answers_waiting_.store(now, std::memory_order_relaxed);
  }

  // co_await GoOn{this}: waits until MayGoOn().
  struct GoOn {
    ClientConnection* connection;
    bool await_ready() const { return connection->MayGoOn(); }
    void await_suspend(std::coroutine_handle<> reader) const { connection->reader_ = reader; }
    void await_resume() const {}
  };

  const std::unique_ptr<env::Connection> stream_;
  const Dispatcher& dispatcher_;
  Services& services_;
  const size_t max_frame_bytes_;
  const ListenerMetrics& metrics_;
  std::atomic<int64_t>& answers_waiting_;
  FrameReader frames_;
  ConnectionInfo info_;
  std::function<void()> on_end_;
  std::deque<std::shared_ptr<Exchange>> exchanges_;
  std::coroutine_handle<> reader_;  // of Serve, while it waits in GoOn
  bool writing_ = false;
  env::MonotonicTime last_active_;
};

}  // namespace dohle::server
