#include "lib/kafka/writer.h"

#include <algorithm>

#include "lib/base/status.h"

namespace dohle::kafka {

uint64_t EncodedMessage::size() const {
  uint64_t size = bytes.size();
  for (const Splice& splice : splices) {
    const auto* view = std::get_if<std::string_view>(&splice.what);
    size += view != nullptr ? view->size() : std::get<env::FileSlice>(splice.what).length;
  }
  return size;
}

absl::StatusOr<std::string> Flatten(const EncodedMessage& message) {
  std::string flat;
  size_t done = 0;
  for (const Splice& splice : message.splices) {
    flat.append(message.bytes, done, splice.position - done);
    done = splice.position;
    if (const auto* view = std::get_if<std::string_view>(&splice.what)) {
      flat.append(*view);
      continue;
    }
    const auto& slice = std::get<env::FileSlice>(splice.what);
    const size_t start = flat.size();
    flat.resize(start + slice.length);
    DOHLE_ASSIGN_OR_RETURN(const size_t n,
                           slice.file->ReadAt(slice.position, flat.data() + start, slice.length));
    if (n != slice.length)
      return MakeStatus(StatusCode::kDataLoss, "file ends {} bytes early", slice.length - n);
  }
  flat.append(message.bytes, done);
  return flat;
}

EncodedMessage Writer::Finish() {
  buffer_.resize(used_);
  used_ = 0;
  return EncodedMessage{std::exchange(buffer_, {}), std::exchange(splices_, {})};
}

void Writer::Part(const Records::Part& part) {
  if (const auto* view = std::get_if<std::string_view>(&part)) {
    if (view->size() < kMinSpliceSize) return Raw(*view);
    splices_.push_back({used_, *view});
  } else if (const auto* bytes = std::get_if<std::string>(&part)) {
    Raw(*bytes);
  } else {
    splices_.push_back({used_, std::get<env::FileSlice>(part)});
  }
}

void Writer::Grow(size_t size) { buffer_.resize(used_ + std::max({size, used_, size_t{64}})); }

}  // namespace dohle::kafka
