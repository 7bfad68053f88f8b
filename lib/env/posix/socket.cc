#include "lib/env/posix/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "lib/env/posix/errno_status.h"

namespace dohle::env {
namespace {

constexpr int kBacklog = 1024;

SocketAddress AnyAddress(int family, uint16_t port) {
  SocketAddress address;
  if (family == AF_INET6) {
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(port);
    std::memcpy(&address.storage, &any, sizeof(any));
    address.length = sizeof(any);
  } else {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(port);
    std::memcpy(&address.storage, &any, sizeof(any));
    address.length = sizeof(any);
  }
  return address;
}

void SetOption(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof(value));
}

StatusOr<std::vector<SocketAddress>> LookUp(const Endpoint& endpoint, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(endpoint.port);
  const int error = ::getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &list);
  if (error != 0) {
    return MakeStatus(StatusCode::kUnavailable, "cannot resolve {}: {}", endpoint.host,
                      error == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, &::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    SocketAddress address;
    if (info->ai_addrlen > sizeof(address.storage)) continue;
    std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
    address.length = info->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

StatusOr<UniqueFd> BindAndListen(const SocketAddress& address, bool both_families, const Endpoint& endpoint) {
  UniqueFd fd = OpenStream(address.family());
  if (!fd.valid()) return ErrnoStatus(errno, "open a socket for", ToString(endpoint));
  SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.family() == AF_INET6) SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, both_families ? 0 : 1);
  if (::bind(fd.get(), address.get(), address.length) != 0 || ::listen(fd.get(), kBacklog) != 0)
    return ErrnoStatus(errno, "listen on", ToString(endpoint));
  return fd;
}

}  // namespace

uint16_t SocketAddress::port() const {
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  return 0;
}

Endpoint ToEndpoint(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.family() == AF_INET6) {
    const auto& v6 = *reinterpret_cast<const sockaddr_in6*>(&address.storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    } else {
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    }
  } else if (address.family() == AF_INET) {
    const auto& v4 = *reinterpret_cast<const sockaddr_in*>(&address.storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  }
  return {text.data(), address.port()};
}

std::vector<SocketAddress> ParseNumeric(const Endpoint& endpoint) {
  if (endpoint.host.empty()) return {};
  auto addresses = LookUp(endpoint, AI_NUMERICHOST);
  return addresses.ok() ? *std::move(addresses) : std::vector<SocketAddress>();
}

StatusOr<std::vector<SocketAddress>> Resolve(const Endpoint& endpoint) { return LookUp(endpoint, 0); }

UniqueFd OpenStream(int family) {
  return UniqueFd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

void SetNoDelay(int fd) { SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

StatusOr<UniqueFd> OpenListener(const Endpoint& endpoint) {
  if (endpoint.host.empty() || endpoint.host == "0.0.0.0" || endpoint.host == "::") {
    auto both = BindAndListen(AnyAddress(AF_INET6, endpoint.port), true, endpoint);
    // A port that is in use stays so; only a kernel without IPv6 is worth the second try.
    if (both.ok() || both.status().code() == StatusCode::kFailedPrecondition) return both;
    return BindAndListen(AnyAddress(AF_INET, endpoint.port), false, endpoint);
  }
  std::vector<SocketAddress> addresses = ParseNumeric(endpoint);
  if (addresses.empty()) {
    DOHLE_ASSIGN_OR_RETURN(addresses, Resolve(endpoint));
  }
  Status last = MakeStatus(StatusCode::kUnavailable, "{} has no address", endpoint.host);
  for (const SocketAddress& address : addresses) {
    auto fd = BindAndListen(address, false, endpoint);
    if (fd.ok()) return fd;
    last = fd.status();
  }
  return last;
}

uint16_t LocalPort(int fd) {
  SocketAddress address;
  address.length = sizeof(address.storage);
  if (::getsockname(fd, address.get(), &address.length) != 0) return 0;
  return address.port();
}

}  // namespace dohle::env
