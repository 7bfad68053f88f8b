// What the store in memory keeps on disk: a log of JSON records, one a line with its checksum, replayed at
// the start and rewritten when most of it is out of date. What Append returned OK for is there after a kill
// -9; a power cut may take the last seconds. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/status.h"
#include "lib/env/file_system.h"
#include "operator/k8s/json.h"

namespace dohle::local {

inline constexpr uint64_t kMaxLogBytes = uint64_t{512} << 20;

class ObjectLog {
 public:
  // Replays `directory`/objects.log, which is made if absent. A last line that was cut off is dropped, with a
  // warning. kDataLoss: it is damaged elsewhere; kOutOfRange: it has more than kMaxLogBytes; what `replay`
  // returns ends it.
  static StatusOr<std::unique_ptr<ObjectLog>> Open(env::FileSystem& file_system, const std::string& directory,
                                                   const std::function<Status(const k8s::Json&)>& replay);

  // `record` is JSON on one line.
  Status Append(std::string_view record);
  // Replaces everything by the records that `write` adds, atomically, and syncs.
  Status Rewrite(const std::function<void(const std::function<void(std::string_view record)>& add)>& write);

  uint64_t bytes() const { return bytes_; }
  // What it had after the last rewrite, or at the start.
  uint64_t rewritten_bytes() const { return rewritten_bytes_; }

 private:
  ObjectLog(env::FileSystem& file_system, std::string path)
      : file_system_(file_system), path_(std::move(path)) {}

  env::FileSystem& file_system_;
  const std::string path_;
  std::unique_ptr<env::File> file_;
  uint64_t bytes_ = 0;
  uint64_t rewritten_bytes_ = 0;
};

}  // namespace dohle::local
