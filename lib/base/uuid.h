// Kafka's 128-bit ids (topics, directories, clusters): 16 bytes in network order, printed as 22 characters of
// unpadded base64url (org.apache.kafka.common.Uuid).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dohle {

class Uuid {
 public:
  constexpr Uuid() = default;  // the zero id, "AAAAAAAAAAAAAAAAAAAAAA": Kafka's «none»
  constexpr explicit Uuid(const std::array<uint8_t, 16>& bytes) : bytes_(bytes) {}
  constexpr Uuid(uint64_t most, uint64_t least) {
    for (int i = 0; i < 8; ++i) {
      bytes_[static_cast<size_t>(i)] = static_cast<uint8_t>(most >> (56 - 8 * i));
      bytes_[static_cast<size_t>(8 + i)] = static_cast<uint8_t>(least >> (56 - 8 * i));
    }
  }

  // Nothing if `text` isn't 22 characters of base64url.
  static std::optional<Uuid> Parse(std::string_view text);
  // A version 4 id out of 16 random bytes, never one of the ids below 100 that Kafka reserves and never one
  // whose text begins with '-', which command lines would take for an option.
  static std::optional<Uuid> FromRandom(const std::array<uint8_t, 16>& random);

  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  bool is_zero() const { return *this == Uuid(); }

  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Uuid& id) {
    return H::combine(std::move(h), id.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_{};
};

std::string ToString(const Uuid& id);

using TopicId = Uuid;
using DirectoryId = Uuid;

inline constexpr TopicId kMetadataTopicId{0, 1};          // __cluster_metadata
inline constexpr DirectoryId kUnassignedDirectory{0, 0};  // KIP-858
inline constexpr DirectoryId kLostDirectory{0, 1};        // KIP-858
inline constexpr DirectoryId kMigratingDirectory{0, 2};   // KIP-858

}  // namespace dohle
