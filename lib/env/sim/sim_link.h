// A simulated TCP connection between two hosts: two directions of segments, with a window that pushes back.
// Its ends come and go on their own: a segment that reaches a host whose end is gone is answered with a
// reset, if the host is up.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "lib/env/sim/sim_network.h"
#include "lib/env/transport.h"

namespace dohle::env {

// What an end is told; SimConnection is one.
class SimEnd {
 public:
  virtual void OnChange() = 0;

 protected:
  ~SimEnd() = default;
};

// The side that connects is 0, the one that accepts is 1.
class SimLink : public std::enable_shared_from_this<SimLink> {
 public:
  SimLink(SimNetwork& network, Endpoint client, Endpoint server);

  const Endpoint& endpoint(int side) const { return side == 0 ? client_ : server_; }
  bool Joins(const std::string& a, const std::string& b) const;

  // The end is there from here on; Detach closes it: what was written still arrives, then the end of the
  // stream.
  void Attach(int side, SimEnd* end);
  // For SimNetwork's tap; 0: not to be shown.
  void set_number(uint64_t number) { number_ = number; }
  // All at once, whatever the window.
  void SendWhole(int side, std::string data);
  void Detach(int side);
  // The process died: its kernel resets the connection.
  void Abort(int side);
  // The power went: nothing tells the other side, but what was on its way arrives.
  void Vanish(int side);
  // Both ends fail at once.
  void Break();

  IoResult Read(int side, char* buffer, size_t n);
  IoResult Write(int side, std::span<const std::string_view> parts);
  bool Readable(int side) const;
  bool Writable(int side) const;

 private:
  enum class Kind { kData, kEnd, kReset };
  struct Segment {
    Kind kind;
    std::string data;
  };
  struct Direction {
    std::deque<Segment> under_way;
    std::string arrived;
    size_t unacknowledged = 0;  // bytes written and not known to be read
    bool ended = false;         // the end of the stream has arrived
  };
  struct End {
    SimEnd* end = nullptr;
    bool failed = false;
    bool gone = false;
  };
  void Send(int side, Segment segment);
  void Arrive(int from);
  void Fail(int side);
  void Tell(int side);
  End& end(int side) { return ends_[static_cast<size_t>(side)]; }
  // What `side` writes.
  Direction& outgoing(int side) { return directions_[static_cast<size_t>(side)]; }
  Direction& incoming(int side) { return directions_[static_cast<size_t>(1 - side)]; }

  SimNetwork& network_;
  const Endpoint client_;
  const Endpoint server_;
  std::array<Direction, 2> directions_;
  std::array<End, 2> ends_;
  uint64_t number_ = 0;
};

}  // namespace dohle::env
