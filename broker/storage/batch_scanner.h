// Walks the batch headers of a segment file without reading the records between them. Small batches are
// served out of one read of a page; large ones cost one read each.
#pragma once

#include <array>
#include <cstdint>

#include "broker/storage/batch_header.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

class BatchScanner {
 public:
  // `file` outlives the scanner. Scans [position, limit). With `may_block` unset it answers kUnavailable
  // rather than wait for the device.
  BatchScanner(const env::File& file, uint64_t position, uint64_t limit, bool may_block = true)
      : file_(file), next_(position), limit_(limit), may_block_(may_block) {}

  // True: header() and position() are those of the next batch. False: the limit is reached. kDataLoss: what
  // stands at position() is no whole batch.
  StatusOr<bool> Next();
  const BatchHeader& header() const { return header_; }
  uint64_t position() const { return position_; }

 private:
  Status Fill();

  const env::File& file_;
  BatchHeader header_;
  uint64_t position_ = 0;
  uint64_t next_;
  uint64_t limit_;
  uint64_t window_start_ = 0;
  size_t window_size_ = 0;
  bool may_block_;
  std::array<char, 2048> window_;
};

}  // namespace dohle::storage
