#include "lib/env/transport.h"

#include "absl/strings/cord.h"

namespace dohle::env {
namespace {

constexpr absl::string_view kRefusedPayload = "dohle/refused";

}  // namespace

bool IsRefused(const Status& status) { return status.GetPayload(kRefusedPayload).has_value(); }

Status Refused(const Endpoint& endpoint) {
  Status status = MakeStatus(StatusCode::kUnavailable, "{} refused the connection", ToString(endpoint));
  status.SetPayload(kRefusedPayload, absl::Cord());
  return status;
}

std::string ToString(const Endpoint& endpoint) {
  if (endpoint.host.find(':') != std::string::npos)
    return fmt::format("[{}]:{}", endpoint.host, endpoint.port);
  return fmt::format("{}:{}", endpoint.host, endpoint.port);
}

Task<StatusOr<size_t>> ReadSome(Connection& connection, char* buffer, size_t n) {
  for (;;) {
    const IoResult result = connection.TryRead(buffer, n);
    switch (result.kind) {
      case IoResult::Kind::kDone:
        co_return result.bytes;
      case IoResult::Kind::kEndOfStream:
        co_return size_t{0};
      case IoResult::Kind::kFailed:
        co_return MakeStatus(StatusCode::kUnavailable, "connection to {} is gone",
                             ToString(connection.peer()));
      case IoResult::Kind::kWouldBlock:
        break;
    }
    co_await Readable{&connection};
  }
}

Task<Status> ReadExactly(Connection& connection, char* buffer, size_t n) {
  while (n > 0) {
    StatusOr<size_t> got = co_await ReadSome(connection, buffer, n);
    if (!got.ok()) co_return got.status();
    if (*got == 0) {
      co_return MakeStatus(StatusCode::kUnavailable, "{} closed the connection", ToString(connection.peer()));
    }
    buffer += *got;
    n -= *got;
  }
  co_return OkStatus();
}

Task<Status> WriteAll(Connection& connection, std::string_view data) {
  while (!data.empty()) {
    const IoResult result = connection.TryWrite({&data, 1});
    if (result.kind == IoResult::Kind::kDone) {
      data.remove_prefix(result.bytes);
    } else if (result.kind == IoResult::Kind::kWouldBlock) {
      co_await Writable{&connection};
    } else {
      co_return MakeStatus(StatusCode::kUnavailable, "connection to {} is gone", ToString(connection.peer()));
    }
  }
  co_return OkStatus();
}

}  // namespace dohle::env
