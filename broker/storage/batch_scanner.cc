#include "broker/storage/batch_scanner.h"

#include <algorithm>

namespace dohle::storage {

Status BatchScanner::Fill() {
  const bool inside = next_ >= window_start_ && next_ + kBatchHeaderBytes <= window_start_ + window_size_;
  if (inside) return OkStatus();
  const size_t wanted = static_cast<size_t>(std::min<uint64_t>(window_.size(), limit_ - next_));
  auto read = may_block_ ? file_.ReadAt(next_, window_.data(), wanted)
                         : file_.ReadAtIfCached(next_, window_.data(), wanted);
  if (!read.ok()) return read.status();
  window_start_ = next_;
  window_size_ = *read;
  if (window_size_ >= kBatchHeaderBytes) return OkStatus();
  if (!may_block_) return MakeStatus(StatusCode::kUnavailable, "batch header is not in the page cache");
  return MakeStatus(StatusCode::kDataLoss, "segment ends at {} within a batch header", next_);
}

StatusOr<bool> BatchScanner::Next() {
  if (next_ >= limit_) return false;
  position_ = next_;
  if (limit_ - next_ < kBatchHeaderBytes)
    return MakeStatus(StatusCode::kDataLoss, "{} bytes at {} are no batch", limit_ - next_, next_);
  DOHLE_RETURN_IF_ERROR(Fill());
  header_ = DecodeBatchHeader(window_.data() + (next_ - window_start_));
  if (!header_.plausible())
    return MakeStatus(StatusCode::kDataLoss, "no record batch of format v2 at position {}", next_);
  const auto size = static_cast<uint64_t>(header_.size());
  if (size > limit_ - next_)
    return MakeStatus(StatusCode::kDataLoss, "batch at {} has {} bytes, {} are there", next_, size,
                      limit_ - next_);
  next_ += size;
  return true;
}

}  // namespace dohle::storage
