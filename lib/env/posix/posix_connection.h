// env::Connection on a non-blocking TCP socket.
#pragma once

#include <string>

#include "lib/env/posix/event_loop.h"
#include "lib/env/posix/unique_fd.h"
#include "lib/env/transport.h"

namespace dohle::env {

class PosixConnection final : public Connection, private EventLoop::Handler {
 public:
  // Takes its place among `loop.connections`, which the caller has counted up.
  PosixConnection(EventLoop& loop, UniqueFd fd, Endpoint peer);
  ~PosixConnection() override;

  IoResult TryRead(char* buffer, size_t n) override;
  IoResult TryWrite(std::span<const std::string_view> parts) override;
  IoResult TrySend(const FileSlice& slice, uint64_t done) override;
  void WhenReadable(std::coroutine_handle<> waiter) override;
  void WhenWritable(std::coroutine_handle<> waiter) override;
  void Close() override;
  void SetBufferBytes(int send, int receive) override;
  bool closed() const override { return !fd_.valid(); }
  const Endpoint& peer() const override { return peer_; }
  Executor& executor() override { return loop_; }

  // What became of a connect that was under way: 0, or its errno.
  int TakeError();

 private:
  void OnEvents(uint32_t epoll_events) override;
  IoResult SendCopied(const FileSlice& slice, uint64_t done);

  EventLoop& loop_;
  UniqueFd fd_;
  const Endpoint peer_;
  // Whether an attempt may succeed. Events are edges: once an attempt found nothing, the next edge tells.
  bool may_read_ = false;
  bool may_write_ = false;
  bool hung_up_ = false;  // there is an end to be read; no edge will tell of it again
  std::coroutine_handle<> reader_;
  std::coroutine_handle<> writer_;
};

}  // namespace dohle::env
