#include "lib/env/sim/sim_network.h"

#include "lib/base/check.h"
#include "lib/env/sim/sim_link.h"

namespace dohle::env {
namespace {
const absl::Duration kRetransmission = absl::Milliseconds(200);
const absl::Duration kStrayLasts = absl::Seconds(1);
}  // namespace

void SimNetwork::SetDelay(absl::Duration at_least, absl::Duration at_most) {
  DOHLE_CHECK(at_least <= at_most);
  delay_at_least_ = at_least;
  delay_at_most_ = at_most;
}

void SimNetwork::Cut(const std::string& from, const std::string& to) { cuts_.insert({from, to}); }

void SimNetwork::CutBothWays(const std::string& a, const std::string& b) {
  Cut(a, b);
  Cut(b, a);
}

void SimNetwork::Heal(const std::string& from, const std::string& to) {
  const Way way(from, to);
  if (cuts_.erase(way) == 0) return;
  const auto held = held_.find(way);
  if (held == held_.end()) return;
  auto messages = std::move(held->second);
  held_.erase(held);
  for (auto& message : messages) Transmit(from, to, std::move(message));
}

void SimNetwork::HealAll() {
  while (!cuts_.empty()) {
    const Way way = *cuts_.begin();
    Heal(way.first, way.second);
  }
}

void SimNetwork::ResetConnections(const std::string& a, const std::string& b) {
  const auto links = links_;
  for (const auto& weak : links) {
    const std::shared_ptr<SimLink> link = weak.lock();
    if (link != nullptr && link->Joins(a, b)) link->Break();
  }
}

void SimNetwork::Transmit(const std::string& from, const std::string& to,
                          absl::AnyInvocable<void()> arrival) {
  absl::Duration delay = absl::Nanoseconds(
      random_.Between(absl::ToInt64Nanoseconds(delay_at_least_), absl::ToInt64Nanoseconds(delay_at_most_)));
  if (loss_chance_ > 0 && random_.Chance(loss_chance_)) delay += kRetransmission;
  scheduler_.After(delay, [this, way = Way(from, to), arrival = std::move(arrival)]() mutable {
    Deliver(way, std::move(arrival));
  });
}

void SimNetwork::Deliver(const Way& way, absl::AnyInvocable<void()> arrival) {
  if (way.first != way.second && cuts_.contains(way)) {
    held_[way].push_back(std::move(arrival));
  } else {
    arrival();
  }
}

size_t SimNetwork::Piece(size_t n) {
  // Mostly whole, as on a quiet network, so that runs stay short.
  if (!pieces_ || n <= 1 || random_.Below(4) != 0) return n;
  return 1 + random_.Below(n);
}

void SimNetwork::SetHostUp(const std::string& host, bool up) {
  Host& entry = hosts_[host];
  entry.up = up;
  if (!up) entry.ports.clear();
}

bool SimNetwork::IsUp(const std::string& host) const {
  const auto it = hosts_.find(host);
  return it != hosts_.end() && it->second.up;
}

std::shared_ptr<SimPort> SimNetwork::FindPort(const Endpoint& endpoint) const {
  const auto host = hosts_.find(endpoint.host);
  if (host == hosts_.end()) return nullptr;
  const auto port = host->second.ports.find(endpoint.port);
  return port == host->second.ports.end() ? nullptr : port->second;
}

uint16_t SimNetwork::EphemeralPort(const std::string& host) {
  Host& entry = hosts_[host];
  if (entry.next_port < 32768) entry.next_port = 32768;
  return entry.next_port++;
}

bool SimNetwork::Bind(Endpoint& endpoint, std::shared_ptr<SimPort> port) {
  Host& host = hosts_[endpoint.host];
  while (endpoint.port == 0) {
    const uint16_t candidate = EphemeralPort(endpoint.host);
    if (!host.ports.contains(candidate)) endpoint.port = candidate;
  }
  return host.ports.emplace(endpoint.port, std::move(port)).second;
}

void SimNetwork::Unbind(const Endpoint& endpoint) { hosts_[endpoint.host].ports.erase(endpoint.port); }

uint64_t SimNetwork::AddLink(const std::shared_ptr<SimLink>& link) {
  std::erase_if(links_, [](const auto& weak) { return weak.expired(); });
  links_.push_back(link);
  return ++last_link_;
}

void SimNetwork::SendStray(const std::string& from, const Endpoint& to, std::string bytes) {
  auto link = std::make_shared<SimLink>(*this, Endpoint{from, EphemeralPort(from)}, to);
  Transmit(from, to.host, [this, link, bytes = std::move(bytes)] {
    const std::shared_ptr<SimPort> port =
        IsUp(link->endpoint(1).host) ? FindPort(link->endpoint(1)) : nullptr;
    if (port == nullptr || port->accept == nullptr) return;
    port->accept(link);
    link->SendWhole(0, bytes);
    scheduler_.After(kStrayLasts, [link] { link->Detach(0); });
  });
}

}  // namespace dohle::env
