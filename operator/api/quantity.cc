#include "operator/api/quantity.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "absl/numeric/int128.h"

namespace dohle::api {
namespace {

constexpr size_t kMaxDigits = 18;  // whole and decimals each: with these nothing below overflows 128 bits

struct Suffix {
  std::string_view text;
  int binary = 0;   // times 2^binary
  int decimal = 0;  // times 10^decimal
};
constexpr std::array<Suffix, 16> kSuffixes = {{{"", 0, 0},
                                               {"n", 0, -9},
                                               {"u", 0, -6},
                                               {"m", 0, -3},
                                               {"k", 0, 3},
                                               {"M", 0, 6},
                                               {"G", 0, 9},
                                               {"T", 0, 12},
                                               {"P", 0, 15},
                                               {"E", 0, 18},
                                               {"Ki", 10, 0},
                                               {"Mi", 20, 0},
                                               {"Gi", 30, 0},
                                               {"Ti", 40, 0},
                                               {"Pi", 50, 0},
                                               {"Ei", 60, 0}}};

std::optional<Suffix> ParseSuffix(std::string_view text) {
  const auto known = std::find_if(kSuffixes.begin(), kSuffixes.end(),
                                  [&](const Suffix& suffix) { return suffix.text == text; });
  if (known != kSuffixes.end()) return *known;
  if (text.front() != 'e' && text.front() != 'E') return std::nullopt;
  text.remove_prefix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  int exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (exponent < -18 || exponent > 18) return std::nullopt;
  return Suffix{.decimal = exponent};
}

std::string_view TakeDigits(std::string_view& text) {
  const size_t size = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, size);
  text.remove_prefix(size);
  return digits;
}

absl::uint128 Digits(std::string_view digits) {
  absl::uint128 value = 0;
  for (const char c : digits) value = value * 10 + static_cast<unsigned>(c - '0');
  return value;
}

absl::uint128 PowerOfTen(int exponent) {
  absl::uint128 power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

}  // namespace

std::optional<int64_t> ParseQuantity(std::string_view text) {
  const std::string_view whole = TakeDigits(text);
  std::string_view decimals;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    decimals = TakeDigits(text);
  }
  if (whole.empty() && decimals.empty()) return std::nullopt;
  if (whole.size() > kMaxDigits || decimals.size() > kMaxDigits) return std::nullopt;
  const auto suffix = ParseSuffix(text);
  if (!suffix) return std::nullopt;

  const auto scaled = [&](std::string_view digits) {
    const int up = std::max(suffix->decimal, 0);
    return Digits(digits) * PowerOfTen(up) * (absl::uint128(1) << suffix->binary);
  };
  const int down = std::max(-suffix->decimal, 0);
  // whole / 10^down + decimals / 10^(down + decimals.size()), each rounded where nothing is lost by it.
  const absl::uint128 fraction_unit = PowerOfTen(static_cast<int>(decimals.size()));
  const absl::uint128 fraction = scaled(decimals);
  const absl::uint128 units = scaled(whole) + fraction / fraction_unit;
  const bool rest = fraction % fraction_unit != 0;
  const absl::uint128 unit = PowerOfTen(down);
  const absl::uint128 value = units / unit + (units % unit != 0 || rest ? 1 : 0);
  const absl::uint128 most = static_cast<uint64_t>(INT64_MAX);
  return value > most ? INT64_MAX : static_cast<int64_t>(value);
}

std::string FormatQuantity(int64_t bytes) {
  static constexpr std::array<const char*, 7> kUnits = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

}  // namespace dohle::api
