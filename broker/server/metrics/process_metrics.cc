#include "broker/server/metrics/process_metrics.h"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/server/metrics/catalogue.h"

namespace dohle::server {
namespace {

// proc(5) counts in these; both are fixed in the interface of Linux on all that we run on.
constexpr double kTicksPerSecond = 100;
constexpr int64_t kPageBytes = 4096;

// Files of /proc say that they have no bytes, so ReadWhole won't do.
std::optional<std::string> ReadProc(env::FileSystem& file_system, const std::string& path) {
  const auto file = file_system.Open(path, env::OpenMode::kReadOnly);
  if (!file.ok()) return std::nullopt;
  std::string text(8192, '\0');
  const auto n = (*file)->ReadAt(0, text.data(), text.size());
  if (!n.ok()) return std::nullopt;
  text.resize(*n);
  return text;
}

std::optional<int64_t> Number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

// The number after `key` at the start of a line.
std::optional<int64_t> NumberAfter(std::string_view text, std::string_view key) {
  for (size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    if (at == 0 || text[at - 1] == '\n') return Number(text.substr(at + key.size()));
  }
  return std::nullopt;
}

template <typename Value>
void One(metrics::Exposition& out, std::string_view name, Value value) {
  BeginFamily(out, name);
  out.Sample({}, value);
}

// Fields are counted from 1, as proc(5) does; the second, the name, may hold spaces and is cut off before.
void WriteStat(env::FileSystem& file_system, metrics::Exposition& out) {
  const auto stat = ReadProc(file_system, "/proc/self/stat");
  const size_t name_end = stat ? stat->rfind(')') : std::string::npos;
  if (name_end == std::string::npos) return;
  std::vector<int64_t> fields(3, 0);
  std::string_view rest = std::string_view(*stat).substr(name_end + 2);
  for (size_t space = rest.find(' '); space != std::string_view::npos; space = rest.find(' ')) {
    rest.remove_prefix(space + 1);
    fields.push_back(Number(rest).value_or(0));
  }
  constexpr size_t kUserTime = 14, kSystemTime = 15, kThreads = 20, kStart = 22, kVirtual = 23,
                   kResident = 24;
  // fields[3] is field 4: the state, field 3, is no number.
  const auto field = [&](size_t number) { return number - 1 < fields.size() ? fields[number - 1] : 0; };
  One(out, "process_cpu_seconds_total",
      static_cast<double>(field(kUserTime) + field(kSystemTime)) / kTicksPerSecond);
  One(out, "process_resident_memory_bytes", field(kResident) * kPageBytes);
  if (const auto system = ReadProc(file_system, "/proc/stat")) {
    if (const auto boot = NumberAfter(*system, "btime ")) {
      One(out, "process_start_time_seconds",
          static_cast<double>(*boot) + static_cast<double>(field(kStart)) / kTicksPerSecond);
    }
  }
  One(out, "process_threads", field(kThreads));
  One(out, "process_virtual_memory_bytes", field(kVirtual));
}

}  // namespace

void WriteProcessMetrics(env::FileSystem& file_system, metrics::Exposition& out) {
  if (const auto io = ReadProc(file_system, "/proc/self/io")) {
    if (const auto read = NumberAfter(*io, "read_bytes:")) {
      One(out, "kafka_server_kafkaserver_linux_disk_read_bytes", *read);
    }
    if (const auto write = NumberAfter(*io, "write_bytes:")) {
      One(out, "kafka_server_kafkaserver_linux_disk_write_bytes", *write);
    }
  }
  if (const auto limits = ReadProc(file_system, "/proc/self/limits")) {
    if (const auto files = NumberAfter(*limits, "Max open files")) One(out, "process_max_fds", *files);
  }
  if (const auto open = file_system.List("/proc/self/fd"); open.ok()) {
    One(out, "process_open_fds", static_cast<int64_t>(open->size()));
  }
  WriteStat(file_system, out);
}

}  // namespace dohle::server
