#include "operator/resources/quorum.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "lib/base/text_list.h"
#include "lib/base/uuid.h"
#include "operator/api/cluster.h"
#include "operator/resources/names.h"

namespace dohle::resources {
namespace {

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

Uuid IdFrom(std::string_view text) {
  std::array<uint8_t, 16> bytes = BytesOf(text);
  std::optional<Uuid> id = Uuid::FromRandom(bytes);
  if (!id) {  // it would look like an option, or is reserved
    bytes[0] ^= 0x80;
    id = Uuid::FromRandom(bytes);
  }
  return id.value_or(Uuid(1, 1000));
}

// One hash from another start for each half: they must differ between any two nodes and clusters.
uint64_t Hash(std::string_view text, uint64_t start) {
  uint64_t hash = start;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash ^ hash >> 29;
}

}  // namespace

bool Quorum::IsFounder(int32_t id) const {
  return std::find(founders.begin(), founders.end(), id) != founders.end();
}

int32_t VotersAmong(int32_t brokers) {
  constexpr int32_t kForThree = 3;  // one may be away
  constexpr int32_t kForFive = 7;   // one may be restarted and another lost
  return brokers >= kForFive ? 5 : brokers >= kForThree ? 3 : 1;
}

Quorum NewQuorum(const std::string& cluster_uid, int32_t voters) {
  Quorum quorum;
  quorum.cluster_id = ToString(IdFrom(cluster_uid));
  for (int32_t id = 0; id < voters; ++id) quorum.founders.push_back(id);
  return quorum;
}

std::string FounderDirectory(const std::string& cluster_id, int32_t id) {
  const std::string text = fmt::format("{}/{}", cluster_id, id);
  std::array<uint8_t, 16> bytes{};
  const std::array<uint64_t, 2> halves = {Hash(text, 0xcbf29ce484222325), Hash(text, 0x9ae16a3b2f90404f)};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(halves[i / 8] >> (8 * (i % 8)));
  std::optional<Uuid> directory = Uuid::FromRandom(bytes);
  if (!directory) {
    bytes[0] ^= 0x80;
    directory = Uuid::FromRandom(bytes);
  }
  return ToString(directory.value_or(Uuid(1, static_cast<uint64_t>(id) + 1000)));
}

std::vector<int32_t> ParseIds(std::string_view text) {
  std::vector<int32_t> ids;
  for (const std::string_view part : NonEmptyParts(text)) {
    const std::string_view one = Trimmed(part);
    int32_t id = -1;
    const auto [end, error] = std::from_chars(one.data(), one.data() + one.size(), id);
    const bool whole = error == std::errc() && end == one.data() + one.size();
    if (whole && id >= 0 && id < api::kMaxBrokers) ids.push_back(id);
  }
  return ids;
}

std::string IdsText(const std::vector<int32_t>& ids) { return fmt::format("{}", fmt::join(ids, ",")); }

std::optional<Quorum> ReadQuorum(const k8s::ObjectMeta& claim) {
  Quorum quorum;
  quorum.cluster_id = claim.Annotation(kClusterIdAnnotation);
  if (!Uuid::Parse(quorum.cluster_id)) return std::nullopt;
  quorum.founders = ParseIds(claim.Annotation(kFoundersAnnotation));
  quorum.formed = claim.Annotation(kFormedAnnotation) == "true";
  if (quorum.dynamic()) return quorum;
  const std::vector<int32_t> controllers = ParseIds(claim.Annotation(kControllersAnnotation));
  if (controllers.size() != 1 || controllers.front() < 1) return std::nullopt;
  quorum.controllers = controllers.front();
  return quorum;
}

k8s::Json QuorumAnnotations(const Quorum& quorum) {
  k8s::Json annotations = {{std::string(kClusterIdAnnotation), quorum.cluster_id}};
  if (!quorum.dynamic()) {
    annotations[std::string(kControllersAnnotation)] = fmt::format("{}", quorum.controllers);
    return annotations;
  }
  annotations[std::string(kFoundersAnnotation)] = IdsText(quorum.founders);
  if (quorum.formed) annotations[std::string(kFormedAnnotation)] = "true";
  return annotations;
}

}  // namespace dohle::resources
