#include "broker/storage/checkpoint_file.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <optional>

namespace dohle::storage {
namespace {

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  std::optional<std::string_view> Next() {
    if (rest_.empty()) return std::nullopt;
    ++number_;
    const size_t end = rest_.find('\n');
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }
  Status Wrong(std::string_view what) const {
    return MakeStatus(StatusCode::kDataLoss, "checkpoint: line {}: {}", number_, what);
  }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  int number_ = 0;
};

// Reads version and count, then hands each line to `parse`, which says whether it could use it.
template <typename Parse>
Status ParseCheckpoint(std::string_view text, Parse parse) {
  Lines lines(text);
  const auto version = lines.Next();
  if (version != "0") return lines.Wrong("the version is not 0");
  const auto count_line = lines.Next();
  const auto count = count_line ? ParseNumber<int32_t>(*count_line) : std::nullopt;
  if (!count || *count < 0) return lines.Wrong("no number of entries");
  for (int32_t i = 0; i < *count; ++i) {
    const auto line = lines.Next();
    if (!line) return lines.Wrong("fewer entries than announced");
    if (!parse(*line)) return lines.Wrong(fmt::format("malformed entry '{}'", *line));
  }
  return lines.empty() ? OkStatus() : lines.Wrong("more entries than announced");
}

}  // namespace

std::string EncodeOffsetCheckpoint(const OffsetCheckpoint& offsets) {
  std::string text = fmt::format("0\n{}\n", offsets.size());
  for (const auto& [partition, offset] : offsets) {
    fmt::format_to(std::back_inserter(text), "{} {} {}\n", partition.topic, partition.partition.value(),
                   offset.value());
  }
  return text;
}

StatusOr<OffsetCheckpoint> ParseOffsetCheckpoint(std::string_view text) {
  OffsetCheckpoint offsets;
  DOHLE_RETURN_IF_ERROR(ParseCheckpoint(text, [&](std::string_view line) {
    const size_t last = line.rfind(' ');
    if (last == std::string_view::npos || last == 0) return false;
    const size_t middle = line.rfind(' ', last - 1);
    if (middle == std::string_view::npos || middle == 0) return false;
    const auto partition = ParseNumber<int32_t>(line.substr(middle + 1, last - middle - 1));
    const auto offset = ParseNumber<int64_t>(line.substr(last + 1));
    if (!partition || !offset) return false;
    offsets[TopicPartition{std::string(line.substr(0, middle)), PartitionIndex(*partition)}] =
        Offset(*offset);
    return true;
  }));
  return offsets;
}

StatusOr<OffsetCheckpoint> ReadOffsetCheckpoint(env::FileSystem& file_system, const std::string& path) {
  auto text = file_system.ReadWhole(path);
  if (text.status().code() == StatusCode::kNotFound) return OffsetCheckpoint();
  if (!text.ok()) return text.status();
  // Apache makes the replication and cleaner checkpoints empty at first.
  if (text->empty()) return OffsetCheckpoint();
  auto offsets = ParseOffsetCheckpoint(*text);
  if (offsets.ok()) return offsets;
  return MakeStatus(StatusCode::kDataLoss, "{}: {}", path, Message(offsets.status()));
}

std::string EncodeEpochCheckpoint(const std::vector<EpochStart>& epochs) {
  std::string text = fmt::format("0\n{}\n", epochs.size());
  for (const EpochStart& entry : epochs) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", entry.epoch.value(), entry.start_offset.value());
  }
  return text;
}

StatusOr<std::vector<EpochStart>> ParseEpochCheckpoint(std::string_view text) {
  std::vector<EpochStart> epochs;
  DOHLE_RETURN_IF_ERROR(ParseCheckpoint(text, [&](std::string_view line) {
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) return false;
    const auto epoch = ParseNumber<int32_t>(line.substr(0, space));
    const auto offset = ParseNumber<int64_t>(line.substr(space + 1));
    if (!epoch || !offset) return false;
    epochs.push_back({LeaderEpoch(*epoch), Offset(*offset)});
    return true;
  }));
  return epochs;
}

Status ReplaceFileUnsynced(env::FileSystem& file_system, const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  // A fresh file: in one that a crash left, old content could outlive a loss of power and pass for the new
  // one.
  auto file = file_system.Open(temporary, env::OpenMode::kCreateExclusive);
  if (file.status().code() == StatusCode::kAlreadyExists) {
    DOHLE_RETURN_IF_ERROR(file_system.Remove(temporary));
    file = file_system.Open(temporary, env::OpenMode::kCreateExclusive);
  }
  if (!file.ok()) return file.status();
  DOHLE_RETURN_IF_ERROR((*file)->WriteAt(0, content));
  return file_system.Rename(temporary, path);
}

}  // namespace dohle::storage
