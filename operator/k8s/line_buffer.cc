#include "operator/k8s/line_buffer.h"

namespace dohle::k8s {

void LineBuffer::Append(std::string_view bytes) {
  // Moves what is left to the front once that is cheaper than what was taken since the last time.
  if (begin_ > 0 && begin_ >= buffered()) {
    bytes_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
  }
  bytes_.append(bytes);
}

bool LineBuffer::HasLine() {
  while (true) {
    scanned_ = bytes_.find('\n', scanned_);
    if (scanned_ == std::string::npos) {
      scanned_ = bytes_.size();
      return false;
    }
    const bool empty = scanned_ == begin_ || (scanned_ == begin_ + 1 && bytes_[begin_] == '\r');
    if (!empty) return true;
    begin_ = ++scanned_;
  }
}

std::optional<std::string> LineBuffer::TakeLine() {
  if (!HasLine()) return std::nullopt;
  std::string line = bytes_.substr(begin_, scanned_ - begin_);
  begin_ = ++scanned_;
  // A watch is quiet most of the time: one large object shouldn't be paid for ever after.
  if (begin_ == bytes_.size()) Clear();
  return line;
}

std::string LineBuffer::TakeRest() {
  std::string rest = bytes_.substr(begin_);
  Clear();
  return rest;
}

void LineBuffer::Clear() {
  bytes_ = std::string();
  begin_ = scanned_ = 0;
}

}  // namespace dohle::k8s
