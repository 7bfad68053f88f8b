// Reads the batches of a segment file, records and all.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "broker/storage/batch_header.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

// Reads whole batches one after the other, in large reads. The bytes are valid until the next call.
class WholeBatchReader {
 public:
  // Large enough for the device, small enough to be in the processor's cache when it is looked at.
  static constexpr size_t kReadBytes = 256 << 10;
  WholeBatchReader(const env::File& file, uint64_t position, uint64_t limit, size_t read_bytes = kReadBytes)
      : file_(file), position_(position), limit_(limit), read_bytes_(read_bytes) {}

  uint64_t position() const { return position_; }

  // Empty: the end, or what follows is no whole batch.
  StatusOr<std::string_view> Next() {
    DOHLE_ASSIGN_OR_RETURN(const bool header_there, Have(kBatchHeaderBytes));
    if (!header_there) return std::string_view();
    const BatchHeader header = DecodeBatchHeader(buffer_.get() + used_);
    if (!header.plausible() || static_cast<uint64_t>(header.size()) > kMaxBatchBytes)
      return std::string_view();
    const auto size = static_cast<size_t>(header.size());
    DOHLE_ASSIGN_OR_RETURN(const bool there, Have(size));
    if (!there) return std::string_view();
    const std::string_view batch(buffer_.get() + used_, size);
    used_ += size;
    position_ += size;
    return batch;
  }

 private:
  // No produce request can be larger (socket.request.max.bytes), so no stored batch is.
  static constexpr uint64_t kMaxBatchBytes = uint64_t{1} << 30;
  StatusOr<bool> Have(size_t size) {
    if (filled_ - used_ >= size) return true;
    if (limit_ - position_ < size) return false;
    filled_ -= used_;
    const size_t target =
        static_cast<size_t>(std::min<uint64_t>(std::max(size, read_bytes_), limit_ - position_));
    if (target > capacity_) {
      // Not cleared: a recovery reads gigabytes through such buffers.
      auto larger = std::make_unique_for_overwrite<char[]>(target);
      if (filled_ > 0) std::memcpy(larger.get(), buffer_.get() + used_, filled_);
      buffer_ = std::move(larger);
      capacity_ = target;
    } else if (filled_ > 0) {
      std::memmove(buffer_.get(), buffer_.get() + used_, filled_);
    }
    used_ = 0;
    DOHLE_ASSIGN_OR_RETURN(const size_t read,
                           file_.ReadAt(position_ + filled_, buffer_.get() + filled_, target - filled_));
    filled_ += read;
    return filled_ >= size;
  }

  const env::File& file_;
  uint64_t position_;
  uint64_t limit_;
  size_t read_bytes_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t used_ = 0;
  size_t filled_ = 0;
};

}  // namespace dohle::storage
