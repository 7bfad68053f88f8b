// Where the files of a segment are. Cheap to keep in every index: paths are made when one is opened.
#pragma once

#include <string>
#include <string_view>

#include "broker/storage/file_names.h"
#include "lib/base/ids.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

struct SegmentPlace {
  env::FileSystem* file_system = nullptr;
  const std::string* directory = nullptr;  // the log's, outlives the segment; it may be renamed
  Offset base_offset;
  std::string_view state;  // "", ".cleaned" or ".swap"; a literal
  // Unset: index reads answer kUnavailable in place of waiting for the device.
  bool may_block = true;

  std::string Path(std::string_view suffix) const {
    return env::JoinPath(*directory, SegmentFileName(base_offset, suffix).append(state));
  }
  // What a file of that name held is gone.
  Status CreateEmptyFile(std::string_view suffix) const;
};

}  // namespace dohle::storage
