// Shared by the sources of Log.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "broker/storage/batch_header.h"
#include "broker/storage/log.h"
#include "broker/storage/producer_state.h"

namespace dohle::storage {

// Whole batches that stand one after the other in memory.
struct Log::Batches {
  std::string_view bytes;
  std::vector<BatchHeader> headers;

  // Takes batches as long as they are whole. kDataLoss if what follows can be no batch.
  static StatusOr<Batches> Parse(std::string_view bytes);
  // The marker in a control batch that stands at `position`.
  std::optional<EndTransactionMarker> MarkerAt(const BatchHeader& header, size_t position) const {
    if (!header.control() || !header.has_producer()) return std::nullopt;
    return ParseEndTransactionMarker(bytes.substr(position, static_cast<size_t>(header.size())));
  }
};

}  // namespace dohle::storage
