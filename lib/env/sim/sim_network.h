// The network of a simulation: hosts by name, and between two hosts messages that take time, get through late
// where the way is cut, and stay in order. TCP is built on it (SimLink): a stream loses and reorders nothing;
// it is slow, stands still or breaks.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "lib/env/sim/sim_scheduler.h"
#include "lib/env/transport.h"

namespace dohle::env {

class SimLink;

// Where connection attempts to a port arrive. Null once its node is down or the listener stopped.
struct SimPort {
  std::function<void(std::shared_ptr<SimLink>)> accept;
};

class SimNetwork {
 public:
  explicit SimNetwork(SimScheduler& scheduler) : scheduler_(scheduler), random_(scheduler.random().Next()) {}

  // --- for tests. Hosts are named as their nodes.
  void SetDelay(absl::Duration at_least, absl::Duration at_most);
  // The chance that a message is lost once and comes a retransmission (200 ms) later.
  void set_loss_chance(double chance) { loss_chance_ = chance; }
  // Whether reads and writes come in pieces of sizes drawn from the seed (the default), or as large as
  // possible.
  void set_pieces(bool pieces) { pieces_ = pieces; }
  // One way only; what is sent meanwhile waits and arrives after Heal.
  void Cut(const std::string& from, const std::string& to);
  void Heal(const std::string& from, const std::string& to);
  void CutBothWays(const std::string& a, const std::string& b);
  void HealAll();
  // Is shown all that is written by who connects, in order, with a number for the connection.
  using Tap = std::function<void(uint64_t connection, const Endpoint& from, const Endpoint& to,
                                 std::string_view bytes)>;
  void SetTap(Tap tap) { tap_ = std::move(tap); }
  // `bytes` come to who listens there, on a connection of their own. Nobody reads the answers.
  void SendStray(const std::string& from, const Endpoint& to, std::string bytes);
  // Breaks every connection between the two: both ends fail.
  void ResetConnections(const std::string& a, const std::string& b);

  // --- for SimTransport and SimLink
  // Runs `arrival` when the message has come over. Messages of one pair may overtake each other.
  void Transmit(const std::string& from, const std::string& to, absl::AnyInvocable<void()> arrival);
  // How much of `n` goes through at once: 1 to n.
  size_t Piece(size_t n);

  void SetHostUp(const std::string& host, bool up);
  bool IsHost(const std::string& host) const { return hosts_.contains(host); }
  bool IsUp(const std::string& host) const;
  // Null if nobody listens there.
  std::shared_ptr<SimPort> FindPort(const Endpoint& endpoint) const;
  // False: the port is taken. Port 0 chooses one.
  bool Bind(Endpoint& endpoint, std::shared_ptr<SimPort> port);
  void Unbind(const Endpoint& endpoint);
  uint16_t EphemeralPort(const std::string& host);
  // The number of the connection.
  uint64_t AddLink(const std::shared_ptr<SimLink>& link);
  const Tap& tap() const { return tap_; }
  SimScheduler& scheduler() { return scheduler_; }

 private:
  using Way = std::pair<std::string, std::string>;
  struct Host {
    bool up = true;
    uint16_t next_port = 32768;
    std::map<uint16_t, std::shared_ptr<SimPort>> ports;
  };
  void Deliver(const Way& way, absl::AnyInvocable<void()> arrival);

  SimScheduler& scheduler_;
  Xoshiro random_;
  absl::Duration delay_at_least_ = absl::Microseconds(20);
  absl::Duration delay_at_most_ = absl::Microseconds(500);
  double loss_chance_ = 0;
  bool pieces_ = true;
  std::set<Way> cuts_;
  std::map<Way, std::vector<absl::AnyInvocable<void()>>> held_;
  std::map<std::string, Host> hosts_;
  std::vector<std::weak_ptr<SimLink>> links_;
  uint64_t last_link_ = 0;
  Tap tap_;
};

}  // namespace dohle::env
