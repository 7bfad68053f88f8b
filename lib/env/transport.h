// The third seam: the network. A Connection is a non-blocking byte stream that belongs to one executor; the
// coroutine wrappers below are what most code uses.
//
// Failures: kUnavailable = the peer is gone or refused; kCancelled = closed by us.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/status.h"
#include "lib/env/executor.h"
#include "lib/env/file_system.h"
#include "lib/env/task.h"

namespace dohle::env {

struct Endpoint {
  std::string host;
  uint16_t port = 0;
};
std::string ToString(const Endpoint& endpoint);  // "host:port", "[::1]:port"

// Whether a Connect has failed because the host is there, yet nobody listens on that port: a process that did
// is gone. `Refused` makes such a status.
bool IsRefused(const Status& status);
Status Refused(const Endpoint& endpoint);

// What a non-blocking attempt came to. `bytes` is meaningful for kDone only.
struct IoResult {
  enum class Kind { kDone, kWouldBlock, kEndOfStream, kFailed };
  Kind kind = Kind::kFailed;
  size_t bytes = 0;
};

// All calls from the executor's thread. At most one waiter for reading and one for writing at a time.
class Connection {
 public:
  virtual ~Connection() = default;  // closes

  virtual IoResult TryRead(char* buffer, size_t n) = 0;
  virtual IoResult TryWrite(std::span<const std::string_view> parts) = 0;
  // Sends from `slice.position + done` on, without copying where the transport can. kFailed if the file is
  // shorter.
  virtual IoResult TrySend(const FileSlice& slice, uint64_t done) = 0;
  // Resumes `waiter` on the executor when an attempt is worth repeating, or when the connection failed or
  // closed.
  virtual void WhenReadable(std::coroutine_handle<> waiter) = 0;
  virtual void WhenWritable(std::coroutine_handle<> waiter) = 0;
  // Wakes both waiters; every later attempt fails. Idempotent.
  virtual void Close() = 0;
  virtual bool closed() const = 0;

  // Bounds what the transport keeps of bytes that are on their way; -1 leaves a side as it is. A hint.
  virtual void SetBufferBytes(int send, int receive) {
    static_cast<void>(send);
    static_cast<void>(receive);
  }

  virtual const Endpoint& peer() const = 0;
  virtual Executor& executor() = 0;
};

struct Readable {
  Connection* connection;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) const { connection->WhenReadable(waiter); }
  void await_resume() const noexcept {}
};
struct Writable {
  Connection* connection;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) const { connection->WhenWritable(waiter); }
  void await_resume() const noexcept {}
};

// Reads at least one byte; 0 means end of stream.
Task<StatusOr<size_t>> ReadSome(Connection& connection, char* buffer, size_t n);
// Reads exactly `n` bytes; kUnavailable if the stream ends before.
Task<Status> ReadExactly(Connection& connection, char* buffer, size_t n);
Task<Status> WriteAll(Connection& connection, std::string_view data);

// Accepts until destroyed or stopped.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual Endpoint local() const = 0;  // with the port that the system chose, if 0 was asked
  // No more connections are accepted after this returns. Idempotent. Any thread.
  virtual void Stop() = 0;
};

// Called on the executor that the connection was given to.
using AcceptHandler = std::function<void(std::unique_ptr<Connection>)>;

class Transport {
 public:
  virtual ~Transport() = default;
  // Binds and listens at once; connections are dealt out over the executors. `handler` outlives the Listener.
  virtual StatusOr<std::unique_ptr<Listener>> Listen(const Endpoint& endpoint,
                                                     std::span<Executor* const> executors,
                                                     AcceptHandler handler) = 0;
  // Connects from `executor`, resolving the name off the event loop. kDeadlineExceeded after `timeout`.
  virtual Task<StatusOr<std::unique_ptr<Connection>>> Connect(Executor& executor, Endpoint endpoint,
                                                              absl::Duration timeout) = 0;
};

}  // namespace dohle::env
