#include "tests/sim/strays.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/kafka/messages/api_keys.h"

namespace dohle::sim {
namespace {

using kafka::ApiKey;

// Those that brokers send on their own account. What they forward is their clients' to repeat.
constexpr std::array kRepeated{ApiKey::kFetch,
                               ApiKey::kListOffsets,
                               ApiKey::kOffsetForLeaderEpoch,
                               ApiKey::kVote,
                               ApiKey::kBeginQuorumEpoch,
                               ApiKey::kEndQuorumEpoch,
                               ApiKey::kAlterPartition,
                               ApiKey::kFetchSnapshot,
                               ApiKey::kBrokerHeartbeat,
                               ApiKey::kAllocateProducerIds,
                               ApiKey::kAssignReplicasToDirs};
constexpr size_t kPrefix = 4;
constexpr int64_t kLatestMs = 3000;

size_t Big(std::string_view bytes) {
  size_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

bool IsRepeated(std::string_view frame) {
  const size_t key = frame.size() < kPrefix + 2 ? SIZE_MAX : Big(frame.substr(kPrefix, 2));
  return std::ranges::any_of(kRepeated, [key](ApiKey one) { return static_cast<size_t>(one) == key; });
}

}  // namespace

Strays::Strays(env::SimWorld& world, const Cluster& cluster) : world_(world) {
  for (size_t i = 0; i < cluster.size(); ++i) hosts_.insert(cluster.host(i));
  if (cluster.size() == 1) return;
  world_.network().SetTap([this](uint64_t connection, const env::Endpoint& from, const env::Endpoint& to,
                                 std::string_view bytes) { See(connection, from, to, bytes); });
}

Strays::~Strays() { world_.network().SetTap(nullptr); }

void Strays::See(uint64_t connection, const env::Endpoint& from, const env::Endpoint& to,
                 std::string_view bytes) {
  if (!hosts_.contains(from.host) || from.host == to.host) return;
  std::string& begun = begun_[connection];
  begun += bytes;
  while (begun.size() >= kPrefix) {
    const size_t whole = kPrefix + Big(std::string_view(begun).substr(0, kPrefix));
    if (begun.size() < whole) return;
    std::string frame = begun.substr(0, whole);
    begun.erase(0, whole);
    if (chance_ > 0 && IsRepeated(frame) && world_.random().Chance(chance_))
      Repeat(from, to, std::move(frame));
  }
}

void Strays::Repeat(const env::Endpoint& from, const env::Endpoint& to, std::string frame) {
  const absl::Duration late = absl::Milliseconds(world_.random().Between(0, kLatestMs));
  world_.After(late, [&network = world_.network(), from = from.host, to, frame = std::move(frame)] {
    network.SendStray(from, to, frame);
  });
}

}  // namespace dohle::sim
