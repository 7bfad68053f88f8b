#include "operator/local/object_log.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "lib/base/crc32c.h"
#include "lib/base/log.h"
#include "operator/k8s/object.h"

namespace dohle::local {
namespace {

using k8s::Json;
constexpr size_t kChecksumCharacters = 8;

std::string Line(const Json& record) {
  const std::string text = record.dump(-1, ' ', false, Json::error_handler_t::replace);
  return fmt::format("{:08x} {}\n", Crc32c(text), text);
}

StatusOr<Json> ParseLine(std::string_view line) {
  uint32_t checksum = 0;
  const bool has_checksum =
      line.size() > kChecksumCharacters && line[kChecksumCharacters] == ' ' &&
      std::from_chars(line.data(), line.data() + kChecksumCharacters, checksum, 16).ptr ==
          line.data() + kChecksumCharacters;
  if (!has_checksum) return MakeStatus(StatusCode::kDataLoss, "it has no checksum");
  line.remove_prefix(kChecksumCharacters + 1);
  if (Crc32c(line) != checksum) return MakeStatus(StatusCode::kDataLoss, "its checksum is wrong");
  return k8s::ParseJson(line);
}

}  // namespace

StatusOr<std::unique_ptr<ObjectLog>> ObjectLog::Open(env::FileSystem& file_system,
                                                     const std::string& directory,
                                                     const std::function<Status(const Json&)>& replay) {
  DOHLE_RETURN_IF_ERROR(file_system.CreateDirectories(directory));
  std::unique_ptr<ObjectLog> log(new ObjectLog(file_system, env::JoinPath(directory, "objects.log")));
  DOHLE_ASSIGN_OR_RETURN(log->file_, file_system.Open(log->path_, env::OpenMode::kCreate));
  DOHLE_ASSIGN_OR_RETURN(const std::string text, file_system.ReadWhole(log->path_, kMaxLogBytes));
  std::string_view rest = text;
  for (int64_t number = 1; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    StatusOr<Json> record = ParseLine(rest.substr(0, end));
    const bool last = end == std::string_view::npos || end + 1 == rest.size();
    if (end == std::string_view::npos || (!record.ok() && last)) {
      log::Warning("store", "{}: line {} was cut off when the program ended; that change is lost", log->path_,
                   number);
      break;
    }
    if (record.ok()) {
      Status replayed = replay(*record);
      if (!replayed.ok()) record = replayed;
    }
    if (!record.ok()) {
      return MakeStatus(StatusCode::kDataLoss,
                        "{}: line {} is damaged: {}; remove the line to go on without that change",
                        log->path_, number, Message(record.status()));
    }
    rest.remove_prefix(end + 1);
    log->bytes_ = text.size() - rest.size();
  }
  DOHLE_RETURN_IF_ERROR(log->file_->Truncate(log->bytes_));
  log->rewritten_bytes_ = log->bytes_;
  return log;
}

Status ObjectLog::Append(const Json& record) {
  const std::string line = Line(record);
  const Status written = file_->WriteAt(bytes_, line);
  if (!written.ok()) {
    // Half a line must not stand before the next one.
    file_->Truncate(bytes_).IgnoreError();
    return written;
  }
  bytes_ += line.size();
  return OkStatus();
}

Status ObjectLog::Rewrite(
    const std::function<void(const std::function<void(const k8s::Json&)>& add)>& write) {
  std::string text;
  write([&text](const Json& record) { text += Line(record); });
  DOHLE_RETURN_IF_ERROR(file_system_.WriteWhole(path_, text));
  DOHLE_ASSIGN_OR_RETURN(file_, file_system_.Open(path_, env::OpenMode::kReadWrite));
  bytes_ = rewritten_bytes_ = text.size();
  return OkStatus();
}

}  // namespace dohle::local
