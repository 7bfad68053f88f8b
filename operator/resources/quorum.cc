#include "operator/resources/quorum.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "lib/base/uuid.h"
#include "operator/api/cluster.h"
#include "operator/resources/names.h"

namespace dohle::resources {
namespace {

constexpr int32_t kWantedControllers = 3;  // one may be away

int Nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The bytes of an RFC 4122 text; of anything else, what it amounts to.
std::array<uint8_t, 16> BytesOf(std::string_view uid) {
  std::array<uint8_t, 16> bytes{};
  size_t nibbles = 0;
  for (const char c : uid) {
    if (c == '-') continue;
    const int nibble = Nibble(c);
    if (nibble < 0 || nibbles == 32) {
      nibbles = 0;
      break;
    }
    uint8_t& byte = bytes[nibbles++ / 2];
    byte = static_cast<uint8_t>(byte << 4 | nibble);
  }
  if (nibbles == 32) return bytes;
  bytes.fill(0);
  for (size_t i = 0; i < uid.size(); ++i) {
    uint8_t& byte = bytes[i % bytes.size()];
    byte = static_cast<uint8_t>(byte * 31 + static_cast<uint8_t>(uid[i]));
  }
  return bytes;
}

}  // namespace

Quorum NewQuorum(const std::string& cluster_uid, int32_t brokers) {
  if (brokers <= 1) return {};
  std::array<uint8_t, 16> bytes = BytesOf(cluster_uid);
  std::optional<Uuid> id = Uuid::FromRandom(bytes);
  if (!id) {  // it would look like an option, or is reserved
    bytes[0] ^= 0x80;
    id = Uuid::FromRandom(bytes);
  }
  return {brokers < kWantedControllers ? 1 : kWantedControllers, ToString(id.value_or(Uuid(1, 1000)))};
}

std::optional<Quorum> ReadQuorum(const k8s::ObjectMeta& claim) {
  const std::string_view controllers = claim.Annotation(kControllersAnnotation);
  const std::string_view cluster_id = claim.Annotation(kClusterIdAnnotation);
  Quorum quorum;
  const char* end = controllers.data() + controllers.size();
  const auto [at, error] = std::from_chars(controllers.data(), end, quorum.controllers);
  if (error != std::errc() || at != end || quorum.controllers < 1 || quorum.controllers > api::kMaxBrokers) {
    return std::nullopt;
  }
  if (!Uuid::Parse(cluster_id)) return std::nullopt;
  quorum.cluster_id = cluster_id;
  return quorum;
}

k8s::Json QuorumAnnotations(const Quorum& quorum) {
  return {{std::string(kControllersAnnotation), fmt::format("{}", quorum.controllers)},
          {std::string(kClusterIdAnnotation), quorum.cluster_id}};
}

}  // namespace dohle::resources
