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

constexpr size_t kPieceBytes = size_t{256} << 10;  // of what is read or written at once

std::string Line(std::string_view record) { return fmt::format("{:08x} {}\n", Crc32c(record), record); }

// The lines of a file, read piece by piece.
class LineReader {
 public:
  explicit LineReader(const env::File& file) : file_(file) {}

  // False at the end. `whole`: it ends with a line feed, which isn't in `line`.
  StatusOr<bool> Next(std::string_view* line, bool* whole) {
    size_t end = text_.find('\n', begin_);
    while (end == std::string::npos) {
      text_.erase(0, begin_);
      begin_ = 0;
      const size_t searched = text_.size();
      DOHLE_ASSIGN_OR_RETURN(const bool more, ReadMore());
      if (!more) break;
      end = text_.find('\n', searched);
    }
    *whole = end != std::string::npos;
    *line = std::string_view(text_).substr(begin_, *whole ? end - begin_ : std::string::npos);
    begin_ += line->size() + (*whole ? 1 : 0);
    return *whole || !line->empty();
  }
  // Whether nothing comes after what Next returned last, which stays where it is.
  StatusOr<bool> AtEnd() const {
    if (begin_ < text_.size()) return false;
    char next = 0;
    DOHLE_ASSIGN_OR_RETURN(const size_t got, file_.ReadAt(position_, &next, 1));
    return got == 0;
  }

 private:
  StatusOr<bool> ReadMore() {
    const size_t had = text_.size();
    text_.resize(had + kPieceBytes);
    DOHLE_ASSIGN_OR_RETURN(const size_t got, file_.ReadAt(position_, text_.data() + had, kPieceBytes));
    text_.resize(had + got);
    position_ += got;
    return got > 0;
  }

  const env::File& file_;
  uint64_t position_ = 0;  // of what is read next
  std::string text_;
  size_t begin_ = 0;  // of what Next hasn't returned yet
};

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
  DOHLE_ASSIGN_OR_RETURN(const uint64_t size, log->file_->Size());
  if (size > kMaxLogBytes) {
    return MakeStatus(StatusCode::kOutOfRange, "{} has {} bytes; at most {} are taken", log->path_, size,
                      kMaxLogBytes);
  }
  LineReader lines(*log->file_);
  for (int64_t number = 1;; ++number) {
    std::string_view line;
    bool whole = false;
    DOHLE_ASSIGN_OR_RETURN(const bool more, lines.Next(&line, &whole));
    if (!more) break;
    StatusOr<Json> record = ParseLine(line);
    DOHLE_ASSIGN_OR_RETURN(const bool last, lines.AtEnd());
    if (!whole || (!record.ok() && last)) {
      log::Warning("store", "{}: line {} was cut off when the program ended; that change is lost", log->path_,
                   number);
      break;
    }
    const size_t length = line.size() + 1;
    if (record.ok()) {
      Status replayed = replay(*record);
      if (!replayed.ok()) record = replayed;
    }
    if (!record.ok()) {
      return MakeStatus(StatusCode::kDataLoss,
                        "{}: line {} is damaged: {}; remove the line to go on without that change",
                        log->path_, number, Message(record.status()));
    }
    log->bytes_ += length;
  }
  DOHLE_RETURN_IF_ERROR(log->file_->Truncate(log->bytes_));
  log->rewritten_bytes_ = log->bytes_;
  return log;
}

Status ObjectLog::Append(std::string_view record) {
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
    const std::function<void(const std::function<void(std::string_view record)>& add)>& write) {
  const std::string draft = path_ + ".tmp";
  DOHLE_ASSIGN_OR_RETURN(std::unique_ptr<env::File> file, file_system_.Open(draft, env::OpenMode::kCreate));
  DOHLE_RETURN_IF_ERROR(file->Truncate(0));
  uint64_t bytes = 0;
  std::string piece;
  Status written;
  const auto flush = [&] {
    if (written.ok()) written = file->WriteAt(bytes, piece);
    bytes += piece.size();
    piece.clear();
  };
  write([&](std::string_view record) {
    piece += Line(record);
    if (piece.size() >= kPieceBytes) flush();
  });
  flush();
  DOHLE_RETURN_IF_ERROR(written);
  DOHLE_RETURN_IF_ERROR(file->Sync());
  DOHLE_RETURN_IF_ERROR(file_system_.Rename(draft, path_));
  // From here on the draft is the log.
  file_ = std::move(file);
  bytes_ = rewritten_bytes_ = bytes;
  return file_system_.SyncDirectory(env::ParentPath(path_));
}

}  // namespace dohle::local
