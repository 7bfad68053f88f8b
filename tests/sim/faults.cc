#include "tests/sim/faults.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace dohle::sim {
namespace {

using env::SimNode;

const absl::Duration kTick = absl::Milliseconds(200);
// What a disk that lies has sent may be on its way for so long.
const absl::Duration kLiesAreOver = absl::Seconds(10);

struct DiskTarget {
  std::string_view pattern;
  env::DiskOp op;
};
constexpr std::array kDiskTargets = {
    DiskTarget{"/data/orders-0/*.log", env::DiskOp::kWrite},
    DiskTarget{"/data/orders-0/*.log", env::DiskOp::kSync},
    DiskTarget{"/data/plain-*.log", env::DiskOp::kWrite},
    DiskTarget{"/data/orders-1/*", env::DiskOp::kOpen},
    DiskTarget{"/data/__consumer_offsets-*.log", env::DiskOp::kWrite},
    DiskTarget{"/data/*-checkpoint*", env::DiskOp::kAny},
    DiskTarget{"/data/*.snapshot*", env::DiskOp::kAny},
    DiskTarget{"/data/*index", env::DiskOp::kAny},
    DiskTarget{"/data/__cluster_metadata-0/*.log", env::DiskOp::kWrite},
    DiskTarget{"/data/__cluster_metadata-0/*.log", env::DiskOp::kSync},
    DiskTarget{"/data/*", env::DiskOp::kSync},
};

}  // namespace

Faults::Faults(env::SimWorld& world, Cluster& cluster, History& history, std::vector<std::string> clients,
               FaultOptions options)
    : world_(world),
      cluster_(cluster),
      history_(history),
      clients_(std::move(clients)),
      options_(options),
      strays_(world, cluster) {}

void Faults::At(absl::Duration when, std::string what, Action action) {
  plan_.emplace(when, std::pair(std::move(what), std::move(action)));
}

void Faults::Kill(size_t node, SimNode::Death death) {
  if (!cluster_.running(node)) return;
  // One alone may forget what nobody else has.
  if (death == SimNode::Death::kPower && cluster_.size() == 1) history_.PowerCut(world_.now());
  cluster_.Crash(node, death);
}

void Faults::StartAgain(size_t node) {
  if (!cluster_.running(node)) cluster_.Start(node);
}

size_t Faults::DrawMortal() {
  const size_t node = world_.random().Below(cluster_.size());
  return options_.power_cuts && cluster_.size() > 1 ? options_.power_victim : node;
}

void Faults::Death(absl::Duration when, SimNode::Death death) {
  const bool power = death == SimNode::Death::kPower;
  const size_t node = DrawMortal();
  // Twice in a row: the second meets the recovery from the first.
  const int times = world_.random().Chance(0.3) ? 2 : 1;
  for (int i = 0; i < times; ++i) {
    const absl::Duration down = absl::Milliseconds(world_.random().Between(0, 2000));
    At(when, fmt::format("{} of node {}", power ? "power cut" : "crash", node),
       [this, node, death] { Kill(node, death); });
    At(when + down, fmt::format("node {} starts", node), [this, node] { StartAgain(node); });
    when += down + absl::Milliseconds(world_.random().Between(1, 500));
  }
}

void Faults::SlowDisk(absl::Duration when) {
  const size_t node = world_.random().Below(cluster_.size());
  const int64_t at_most_ms = world_.random().Between(20, 1500);
  At(when, fmt::format("disk of node {} takes up to {} ms", node, at_most_ms), [this, node, at_most_ms] {
    cluster_.node(node).SetBlockingDelay(absl::Milliseconds(1), absl::Milliseconds(at_most_ms));
  });
  At(when + absl::Milliseconds(world_.random().Between(500, 6000)),
     fmt::format("disk of node {} is fast", node),
     [this, node] { cluster_.node(node).SetBlockingDelay(absl::Microseconds(10), absl::Milliseconds(2)); });
}

void Faults::FullDisk(absl::Duration when) {
  const size_t node = DrawMortal();
  const auto left = static_cast<uint64_t>(world_.random().Between(0, 20'000));
  At(when, fmt::format("disk of node {} has {} bytes left", node, left), [this, node, left] {
    env::SimDisk& disk = cluster_.node(node).disk();
    disk.set_capacity(disk.used_bytes() + left);
  });
  when += absl::Milliseconds(world_.random().Between(500, 5000));
  At(when, fmt::format("disk of node {} has room", node),
     [this, node] { cluster_.node(node).disk().set_capacity(uint64_t{1} << 40); });
  // Half of the time nobody starts it again: a disk that was full is used again by itself.
  if (left % 2 == 0) return;
  At(when, fmt::format("crash of node {}", node), [this, node] { Kill(node, SimNode::Death::kProcess); });
  At(when + absl::Milliseconds(100), fmt::format("node {} starts", node), [this, node] { StartAgain(node); });
}

void Faults::IoErrors(absl::Duration when) {
  const size_t node = DrawMortal();
  const DiskTarget& target = kDiskTargets[world_.random().Below(kDiskTargets.size())];
  env::DiskFault fault;
  fault.pattern = target.pattern;
  fault.op = target.op;
  fault.skip = world_.random().Between(0, 3);
  fault.times = world_.random().Between(1, 3);
  At(when, fmt::format("{} I/O errors on {} of node {}", fault.times, fault.pattern, node),
     [this, node, fault] { cluster_.node(node).disk().AddFault(fault); });
  when += absl::Milliseconds(world_.random().Between(200, 4000));
  // A broker whose only log directory has failed is started again, as by any init system.
  At(when, fmt::format("crash of node {}, its disk is well", node), [this, node] {
    cluster_.node(node).disk().ClearFaults();
    Kill(node, SimNode::Death::kProcess);
  });
  At(when + absl::Milliseconds(100), fmt::format("node {} starts", node), [this, node] { StartAgain(node); });
}

void Faults::Network(absl::Duration when) {
  const std::string broker = cluster_.host(world_.random().Below(cluster_.size()));
  std::string client = clients_[world_.random().Below(clients_.size())];
  if (cluster_.size() > 1 && world_.random().Chance(0.6))
    client = cluster_.host(world_.random().Below(cluster_.size()));
  const absl::Duration end = when + absl::Milliseconds(world_.random().Between(200, 8000));
  env::SimNetwork& network = world_.network();
  switch (world_.random().Below(5)) {
    case 0:
      At(when, fmt::format("{} and {}: connections break", client, broker),
         [&network, client, broker] { network.ResetConnections(client, broker); });
      return;
    case 1:
      At(when, "messages get lost", [&network] { network.set_loss_chance(0.2); });
      At(end, "no message gets lost", [&network] { network.set_loss_chance(0); });
      return;
    case 2:
      At(when, "messages are late",
         [&network] { network.SetDelay(absl::Milliseconds(1), absl::Milliseconds(400)); });
      At(end, "messages are in time",
         [&network] { network.SetDelay(absl::Microseconds(20), absl::Microseconds(500)); });
      return;
    case 3:
      At(when, "what brokers ask of each other comes once more, late", [this] { strays_.set_chance(0.3); });
      At(end, "nothing comes twice", [this] { strays_.set_chance(0); });
      return;
    default:
      Cut(when, end, client, broker);
  }
}

void Faults::Cut(absl::Duration when, absl::Duration end, const std::string& one, const std::string& other) {
  env::SimNetwork& network = world_.network();
  if (one == other) {
    // A node alone: from all others.
    At(when, fmt::format("{} is cut off from the other nodes", one), [this, &network, one] {
      for (size_t i = 0; i < cluster_.size(); ++i) {
        if (cluster_.host(i) != one) network.CutBothWays(one, cluster_.host(i));
      }
    });
  } else if (cluster_.size() > 1 && world_.random().Chance(0.3)) {
    At(when, fmt::format("nothing gets from {} to {}", one, other),
       [&network, one, other] { network.Cut(one, other); });
  } else {
    At(when, fmt::format("{} and {} are cut off", one, other),
       [&network, one, other] { network.CutBothWays(one, other); });
  }
  At(end, "the network is whole", [&network] { network.HealAll(); });
}

void Faults::ClockJump(absl::Duration when) {
  const size_t node = world_.random().Below(cluster_.size());
  const int64_t seconds = world_.random().Between(-3600, 3600);
  At(when, fmt::format("clock of node {} is off by {} s", node, seconds),
     [this, node, seconds] { cluster_.node(node).SetWallClock(absl::Seconds(seconds)); });
}

// A part of the nodes, mostly one, as an administrator does it.
void Faults::CleanRestart(absl::Duration when) {
  const size_t node = world_.random().Below(cluster_.size());
  // Some are down for so long that they leave every ISR, if they didn't at once.
  const absl::Duration down = absl::Milliseconds(world_.random().Between(0, 12'000));
  At(when, fmt::format("node {} is stopped cleanly for {}", node, absl::FormatDuration(down)),
     [this, node, down] { cluster_.RestartCleanly(node, down); });
}

void Faults::RollingRestart(absl::Duration when) {
  const absl::Duration step = absl::Milliseconds(world_.random().Between(500, 4000));
  const absl::Duration down = absl::Milliseconds(world_.random().Between(0, 300));
  for (size_t node = 0; node < cluster_.size(); ++node) {
    At(when, fmt::format("a rolling restart comes to node {}", node),
       [this, node, down] { cluster_.RestartCleanly(node, down); });
    when += step;
  }
}

// Its disk is lost whole; often it has lied before.
void Faults::Replacement(absl::Duration when) {
  const size_t node = options_.power_victim;
  if (world_.random().Chance(0.5)) {
    env::DiskFault fault;
    fault.pattern = world_.random().Chance(0.5) ? "*.log" : "*";
    fault.kind = env::DiskFaultKind::kMisdirected;
    fault.skip = world_.random().Between(0, 10);
    fault.times = world_.random().Between(1, 5);
    At(when, fmt::format("disk of node {} writes elsewhere", node), [this, node, fault] {
      if (!cluster_.running(node)) return;
      cluster_.CondemnDisk(node);
      cluster_.node(node).disk().AddFault(fault);
    });
    when += absl::Milliseconds(world_.random().Between(100, 2000));
  }
  At(when, fmt::format("node {} loses its disk", node), [this, node] {
    Kill(node, SimNode::Death::kPower);
    cluster_.CondemnDisk(node);
  });
  At(when + absl::Milliseconds(world_.random().Between(0, 3000)), fmt::format("node {} starts", node),
     [this, node] { StartAgain(node); });
}

// What makes a leader alone: its followers are down in good order, then it loses its power.
void Faults::Isolation(absl::Duration when) {
  const size_t victim = options_.power_victim;
  const absl::Duration down = absl::Milliseconds(world_.random().Between(1500, 4000));
  for (size_t node = 0; node < cluster_.size(); ++node) {
    // The quorum goes on if it can.
    if (node == victim || world_.random().Chance(0.4)) continue;
    At(when, fmt::format("node {} is stopped cleanly for {}", node, absl::FormatDuration(down)),
       [this, node, down] { cluster_.RestartCleanly(node, down); });
  }
  const auto death = options_.power_cuts ? SimNode::Death::kPower : SimNode::Death::kProcess;
  when += absl::Milliseconds(world_.random().Between(500, 2500));
  At(when, fmt::format("node {} dies beside those that are stopped", victim),
     [this, victim, death] { Kill(victim, death); });
  At(when + absl::Milliseconds(world_.random().Between(0, 6000)), fmt::format("node {} starts", victim),
     [this, victim] { StartAgain(victim); });
}

void Faults::DrawOne(absl::Duration when) {
  if (cluster_.size() > 1 && world_.random().Chance(0.25)) {
    switch (world_.random().Below(options_.replacement ? 5 : 3)) {
      case 0:
        return CleanRestart(when);
      case 1:
        return RollingRestart(when);
      case 2:
        return Isolation(when);
      default:
        return Replacement(when);
    }
  }
  switch (world_.random().Below(8)) {
    case 0:
    case 1:
      return Death(when, options_.power_cuts ? SimNode::Death::kPower : SimNode::Death::kProcess);
    case 2:
      return Death(when, SimNode::Death::kProcess);
    case 3:
      return SlowDisk(when);
    case 4:
      return FullDisk(when);
    case 5:
      return IoErrors(when);
    case 6:
      return Network(when);
    default:
      return world_.random().Chance(0.3) ? ClockJump(when) : Network(when);
  }
}

void Faults::Draw() {
  // No two clocks agree.
  for (size_t node = 0; node < cluster_.size(); ++node) {
    const absl::Duration offset = absl::Milliseconds(world_.random().Between(-2000, 2000));
    const double drift = static_cast<double>(world_.random().Between(-50, 50)) * 1e-3;
    cluster_.node(node).SetWallClock(offset, drift);
  }
  absl::Duration when = absl::Milliseconds(world_.random().Between(500, 4000));
  while (when < options_.duration) {
    DrawOne(when);
    when += absl::Milliseconds(world_.random().Between(300, 6000));
  }
}

void Faults::RunFor(absl::Duration duration) {
  world_.RunFor(duration);
  cluster_.Tend();
  if (cluster_.AnyDiskCondemned()) history_.DiskLies(world_.now() + kLiesAreOver);
}

void Faults::Run() {
  Draw();
  const env::MonotonicTime began = world_.now();
  while (!plan_.empty()) {
    const auto next = plan_.begin();
    while (world_.now() - began < next->first) {
      RunFor(std::min(kTick, next->first - (world_.now() - began)));
    }
    log_ += fmt::format("{:9.3f} s  {}\n", static_cast<double>(world_.now().nanoseconds()) * 1e-9,
                        next->second.first);
    const Action action = std::move(next->second.second);
    plan_.erase(next);
    action();
  }
  for (size_t i = 0; i < cluster_.size(); ++i) StartAgain(i);
}

}  // namespace dohle::sim
