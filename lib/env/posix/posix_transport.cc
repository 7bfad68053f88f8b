#include "lib/env/posix/posix_transport.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/env/one_shot.h"
#include "lib/env/posix/errno_status.h"
#include "lib/env/posix/event_loop.h"
#include "lib/env/posix/posix_connection.h"
#include "lib/env/posix/posix_listener.h"
#include "lib/env/posix/socket.h"

namespace dohle::env {
namespace {

using Addresses = StatusOr<std::vector<SocketAddress>>;

Status TookTooLong(const Endpoint& endpoint) {
  return MakeStatus(StatusCode::kDeadlineExceeded, "no connection to {} in time", ToString(endpoint));
}

Task<Addresses> ResolveOnThread(BlockingPool& threads, const Endpoint& endpoint, absl::Duration timeout) {
  auto resolved = std::make_shared<OneShot<Addresses>>();
  threads.Submit([resolved, endpoint] { resolved->Set(Resolve(endpoint)); });
  std::optional<Addresses> addresses = co_await resolved->WaitFor(timeout);
  if (!addresses) co_return TookTooLong(endpoint);
  co_return *std::move(addresses);
}

Task<StatusOr<std::unique_ptr<Connection>>> ConnectTo(EventLoop& loop, const SocketAddress& address,
                                                      const Endpoint& endpoint, MonotonicTime deadline) {
  const auto failed = [&](int error) {
    if (error == ECONNREFUSED) return Refused(endpoint);
    Status status = ErrnoStatus(error, "connect to", ToString(endpoint));
    if (status.code() != StatusCode::kInternal && status.code() != StatusCode::kInvalidArgument)
      return status;
    return Status(StatusCode::kUnavailable, status.message());
  };
  UniqueFd fd = OpenStream(address.family());
  if (!fd.valid()) co_return failed(errno);
  SetNoDelay(fd.get());
  if (::connect(fd.get(), address.get(), address.length) != 0 && errno != EINPROGRESS)
    co_return failed(errno);
  loop.connections.fetch_add(1, std::memory_order_relaxed);
  auto connection = std::make_unique<PosixConnection>(loop, std::move(fd), ToEndpoint(address));
  bool too_late = false;
  const TimerId timer = loop.RunAfter(deadline - loop.clock().Now(), [&] {
    too_late = true;
    connection->Close();
  });
  co_await Writable{connection.get()};
  loop.Cancel(timer);
  if (too_late) co_return TookTooLong(endpoint);
  if (const int error = connection->TakeError(); error != 0) co_return failed(error);
  co_return std::unique_ptr<Connection>(std::move(connection));
}

}  // namespace

StatusOr<std::unique_ptr<Listener>> PosixTransport::Listen(const Endpoint& endpoint,
                                                           std::span<Executor* const> executors,
                                                           AcceptHandler handler) {
  std::vector<EventLoop*> loops;
  for (Executor* executor : executors) loops.push_back(dynamic_cast<EventLoop*>(executor));
  DOHLE_CHECK(!loops.empty());
  for (const EventLoop* loop : loops) DOHLE_CHECK(loop != nullptr);
  DOHLE_ASSIGN_OR_RETURN(UniqueFd fd, OpenListener(endpoint));
  Endpoint local{endpoint.host, LocalPort(fd.get())};
  return std::make_unique<PosixListener>(std::move(fd), std::move(local), std::move(loops),
                                         std::move(handler));
}

Task<StatusOr<std::unique_ptr<Connection>>> PosixTransport::Connect(Executor& executor, Endpoint endpoint,
                                                                    absl::Duration timeout) {
  DOHLE_CHECK(Executor::Current() == &executor);
  auto* loop = dynamic_cast<EventLoop*>(&executor);
  DOHLE_CHECK(loop != nullptr);
  const MonotonicTime deadline = loop->clock().Now() + timeout;
  Addresses addresses = ParseNumeric(endpoint);
  if (addresses->empty()) addresses = co_await ResolveOnThread(resolver_threads_, endpoint, timeout);
  if (!addresses.ok()) co_return addresses.status();
  Status last = MakeStatus(StatusCode::kUnavailable, "{} has no address", endpoint.host);
  for (const SocketAddress& address : *addresses) {
    auto connection = co_await ConnectTo(*loop, address, endpoint, deadline);
    if (connection.ok()) co_return connection;
    last = connection.status();
    if (last.code() == StatusCode::kDeadlineExceeded) break;
  }
  co_return last;
}

}  // namespace dohle::env
