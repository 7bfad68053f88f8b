#include "lib/env/address_bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace dohle::env {
namespace {

constexpr size_t kVersion4Bytes = 4;
constexpr size_t kVersion6Bytes = 16;

std::optional<unsigned> Number(std::string_view text, int base, unsigned most) {
  unsigned number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || stop != end || number > most) return std::nullopt;
  return number;
}

// Adds the bytes of "1.2.3.4".
bool AddVersion4(std::string_view text, std::string* bytes) {
  for (size_t i = 0; i < kVersion4Bytes; ++i) {
    const size_t dot = i + 1 < kVersion4Bytes ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return false;
    const auto part = Number(text.substr(0, dot), 10, 255);
    if (!part) return false;
    bytes->push_back(static_cast<char>(*part));
    text.remove_prefix(std::min(text.size(), dot + 1));
  }
  return true;
}

// Adds the bytes of "a:b:1.2.3.4": groups without a gap.
bool AddGroups(std::string_view text, std::string* bytes) {
  while (!text.empty()) {
    const size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
      return AddVersion4(group, bytes);
    }
    const auto number = Number(group, 16, 0xffff);
    if (!number) return false;
    bytes->push_back(static_cast<char>(*number >> 8));
    bytes->push_back(static_cast<char>(*number & 0xff));
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon + 1);
    if (text.empty()) return false;
  }
  return true;
}

std::optional<std::string> Version6(std::string_view host) {
  host = host.substr(0, host.find('%'));  // the zone is no part of the address
  const size_t gap = host.find("::");
  std::string head;
  std::string tail;
  if (!AddGroups(host.substr(0, gap), &head)) return std::nullopt;
  if (gap == std::string_view::npos) {
    if (head.size() != kVersion6Bytes) return std::nullopt;
    return head;
  }
  if (!AddGroups(host.substr(gap + 2), &tail)) return std::nullopt;
  if (head.size() + tail.size() > kVersion6Bytes - 2) return std::nullopt;
  return head + std::string(kVersion6Bytes - head.size() - tail.size(), '\0') + tail;
}

}  // namespace

std::string AddressBytes(std::string_view host) {
  if (host.find(':') != std::string_view::npos) {
    if (auto bytes = Version6(host)) return *bytes;
  }
  std::string bytes;
  if (AddVersion4(host, &bytes)) return bytes;
  return std::string(kVersion4Bytes, '\0');
}

std::string HostOfAddressBytes(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(bytes[i])); };
  if (bytes.size() == kVersion4Bytes) return fmt::format("{}.{}.{}.{}", at(0), at(1), at(2), at(3));
  if (bytes.size() != kVersion6Bytes) return "";
  std::string host;
  for (size_t i = 0; i < kVersion6Bytes; i += 2) {
    host += fmt::format("{}{:x}", i == 0 ? "" : ":", at(i) << 8 | at(i + 1));
  }
  return host;
}

}  // namespace dohle::env
