#include "broker/storage/file_names.h"

#include <fmt/core.h>

#include <charconv>

namespace dohle::storage {

std::string SegmentFileName(Offset base_offset, std::string_view suffix) {
  return fmt::format("{:020d}{}", base_offset.value(), suffix);
}

std::optional<SegmentFileParts> ParseSegmentFileName(std::string_view name) {
  constexpr size_t kDigits = 20;
  if (name.size() <= kDigits || name[kDigits] != '.') return std::nullopt;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, number);
  if (error != std::errc() || end != name.data() + kDigits || number < 0) return std::nullopt;
  return SegmentFileParts{Offset(number), name.substr(kDigits)};
}

}  // namespace dohle::storage
