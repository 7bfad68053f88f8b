// The cells behind counters and histograms. For lib/base/metrics*.cc only.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/base/metrics.h"

namespace dohle::metrics::internal {

// `count` cells next to each other, zero in every thread; nothing if all are taken. Cell 0 is never given
// out: what counts into nothing counts there.
std::optional<uint32_t> TakeCells(uint32_t count);
void ReturnCells(uint32_t first, uint32_t count);
uint64_t SumCell(uint32_t id);
// Sums of `count` cells next to each other.
void SumCells(uint32_t first, uint32_t count, uint64_t* out);

}  // namespace dohle::metrics::internal
