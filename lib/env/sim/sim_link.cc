#include "lib/env/sim/sim_link.h"

#include <algorithm>
#include <utility>

namespace dohle::env {
namespace {

constexpr size_t kWindow = size_t{128} << 10;

constexpr IoResult kWouldBlock{IoResult::Kind::kWouldBlock, 0};
constexpr IoResult kEndOfStream{IoResult::Kind::kEndOfStream, 0};
constexpr IoResult kFailed{IoResult::Kind::kFailed, 0};

}  // namespace

SimLink::SimLink(SimNetwork& network, Endpoint client, Endpoint server)
    : network_(network), client_(std::move(client)), server_(std::move(server)) {}

bool SimLink::Joins(const std::string& a, const std::string& b) const {
  return (client_.host == a && server_.host == b) || (client_.host == b && server_.host == a);
}

void SimLink::Tell(int side) {
  if (SimEnd* told = end(side).end) told->OnChange();
}

void SimLink::Fail(int side) {
  end(side).failed = true;
  Tell(side);
}

void SimLink::Attach(int side, SimEnd* told) { end(side).end = told; }

void SimLink::Detach(int side) {
  if (std::exchange(end(side).gone, true)) return;
  end(side).end = nullptr;
  Send(side, {Kind::kEnd, {}});
}

void SimLink::Abort(int side) {
  if (std::exchange(end(side).gone, true)) return;
  end(side).end = nullptr;
  Send(side, {Kind::kReset, {}});
}

void SimLink::Vanish(int side) {
  end(side).gone = true;
  end(side).end = nullptr;
}

void SimLink::Break() {
  Fail(0);
  Fail(1);
}

void SimLink::Send(int side, Segment segment) {
  outgoing(side).under_way.push_back(std::move(segment));
  network_.Transmit(endpoint(side).host, endpoint(1 - side).host,
                    [self = shared_from_this(), side] { self->Arrive(side); });
}

void SimLink::SendWhole(int side, std::string data) { Send(side, {Kind::kData, std::move(data)}); }

// Whichever message comes over, the first segment comes with it: so nothing overtakes within a stream.
void SimLink::Arrive(int from) {
  Direction& direction = outgoing(from);
  if (direction.under_way.empty()) return;
  Segment segment = std::move(direction.under_way.front());
  direction.under_way.pop_front();
  const int to = 1 - from;
  if (!network_.IsUp(endpoint(to).host)) return;
  if (end(to).gone) {
    if (segment.kind == Kind::kData && !end(from).gone) Send(to, {Kind::kReset, {}});
    return;
  }
  switch (segment.kind) {
    case Kind::kData:
      direction.arrived += segment.data;
      break;
    case Kind::kEnd:
      direction.ended = true;
      break;
    case Kind::kReset:
      end(to).failed = true;
      break;
  }
  Tell(to);
}

bool SimLink::Readable(int side) const {
  const auto& direction = directions_[static_cast<size_t>(1 - side)];
  return ends_[static_cast<size_t>(side)].failed || !direction.arrived.empty() || direction.ended;
}

bool SimLink::Writable(int side) const {
  return ends_[static_cast<size_t>(side)].failed ||
         directions_[static_cast<size_t>(side)].unacknowledged < kWindow;
}

IoResult SimLink::Read(int side, char* buffer, size_t n) {
  if (end(side).failed) return kFailed;
  Direction& direction = incoming(side);
  if (direction.arrived.empty()) return direction.ended ? kEndOfStream : kWouldBlock;
  const size_t take = std::min(n, network_.Piece(std::min(n, direction.arrived.size())));
  direction.arrived.copy(buffer, take);
  direction.arrived.erase(0, take);
  network_.Transmit(endpoint(side).host, endpoint(1 - side).host, [self = shared_from_this(), side, take] {
    self->incoming(side).unacknowledged -= take;
    self->Tell(1 - side);
  });
  return {IoResult::Kind::kDone, take};
}

IoResult SimLink::Write(int side, std::span<const std::string_view> parts) {
  if (end(side).failed) return kFailed;
  Direction& direction = outgoing(side);
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  if (size == 0) return {IoResult::Kind::kDone, 0};
  if (direction.unacknowledged >= kWindow) return kWouldBlock;
  const size_t take = network_.Piece(std::min(size, kWindow - direction.unacknowledged));
  std::string data;
  for (const std::string_view part : parts) data += part.substr(0, take - data.size());
  direction.unacknowledged += take;
  if (side == 0 && number_ != 0 && network_.tap()) network_.tap()(number_, client_, server_, data);
  Send(side, {Kind::kData, std::move(data)});
  return {IoResult::Kind::kDone, take};
}

}  // namespace dohle::env
