// Socket addresses and descriptors, as connection, listener and transport need them.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/env/posix/unique_fd.h"
#include "lib/env/transport.h"

namespace dohle::env {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  uint16_t port() const;
};

// The numeric form; an IPv4 address that came over an IPv6 socket is shown as IPv4.
Endpoint ToEndpoint(const SocketAddress& address);

// Nothing to look up: "" stays empty, an address gives itself.
std::vector<SocketAddress> ParseNumeric(const Endpoint& endpoint);
// Asks the resolver of the system. Blocks. kUnavailable if the name is not known (now).
StatusOr<std::vector<SocketAddress>> Resolve(const Endpoint& endpoint);

// Non-blocking, close-on-exec. Not valid, with errno set, if the system refuses.
UniqueFd OpenStream(int family);
void SetNoDelay(int fd);

// Listens on `endpoint`; the host "" or "0.0.0.0" or "::" means every address of both families.
StatusOr<UniqueFd> OpenListener(const Endpoint& endpoint);
uint16_t LocalPort(int fd);

}  // namespace dohle::env
