// Looks into a stored batch for one record.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/storage/time_index.h"
#include "lib/base/ids.h"
#include "lib/base/status.h"

namespace dohle::storage {

// The first record at or past `start_offset` whose timestamp is at least `timestamp_ms`.
StatusOr<std::optional<TimestampOffset>> FindRecordByTimestamp(std::string_view batch, int64_t timestamp_ms,
                                                               Offset start_offset);

}  // namespace dohle::storage
