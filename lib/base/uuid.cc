#include "lib/base/uuid.h"

#include "absl/strings/escaping.h"

namespace dohle {

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != 22) return std::nullopt;
  std::string raw;
  if (!absl::WebSafeBase64Unescape(absl::string_view(text.data(), text.size()), &raw) || raw.size() != 16) {
    return std::nullopt;
  }
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(raw[i]);
  return Uuid(bytes);
}

std::optional<Uuid> Uuid::FromRandom(const std::array<uint8_t, 16>& random) {
  std::array<uint8_t, 16> bytes = random;
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  Uuid id(bytes);
  // The version bits make a reserved id (most significant half zero) impossible.
  if (ToString(id).front() == '-') return std::nullopt;
  return id;
}

std::string ToString(const Uuid& id) {
  std::string encoded;
  absl::WebSafeBase64Escape(
      absl::string_view(reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size()), &encoded);
  return encoded;
}

}  // namespace dohle
