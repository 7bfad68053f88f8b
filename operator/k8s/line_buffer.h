// Lines out of a stream of bytes that come in pieces: the framing of a watch. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dohle::k8s {

class LineBuffer {
 public:
  explicit LineBuffer(size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  void Append(std::string_view bytes);
  // Whether a whole line is there.
  bool HasLine();
  // The next whole line without its end; nothing if none is there. Empty lines are skipped.
  std::optional<std::string> TakeLine();
  // What has come of a line that hasn't ended.
  std::string TakeRest();
  void Clear();
  // The line that has begun is longer than allowed: no line comes any more.
  bool too_long() { return !HasLine() && buffered() > max_line_bytes_; }

  size_t buffered() const { return bytes_.size() - begin_; }

 private:
  const size_t max_line_bytes_;
  std::string bytes_;
  size_t begin_ = 0;    // what is before it was taken
  size_t scanned_ = 0;  // no line ends between begin_ and here
};

}  // namespace dohle::k8s
