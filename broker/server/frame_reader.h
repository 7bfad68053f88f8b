// Cuts the byte stream of a connection into request frames: int32 size, then that many bytes.
//
// Belongs to one connection and its thread. A frame's size is checked before its buffer is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/status.h"
#include "lib/env/task.h"
#include "lib/env/transport.h"

namespace dohle::server {

class MemoryBudget;

// The bytes of one request without their size. Movable; the bytes stay where they are. Gives its bytes back
// to the budget when it dies.
class Frame {
 public:
  Frame() = default;
  Frame(size_t size, MemoryBudget* budget);
  Frame(Frame&& other) noexcept;
  Frame& operator=(Frame&& other) noexcept;
  ~Frame();

  std::string_view bytes() const { return {data_.get(), size_}; }
  std::span<char> writable() { return {data_.get(), size_}; }

 private:
  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  MemoryBudget* budget_ = nullptr;
};

class FrameReader {
 public:
  // `max_frame_bytes`: socket.request.max.bytes. All three outlive the reader.
  FrameReader(env::Connection& connection, size_t max_frame_bytes, MemoryBudget& budget)
      : connection_(connection), max_frame_bytes_(max_frame_bytes), budget_(budget) {}

  // The next frame. kOutOfRange: the stream ended between two frames; kInvalidArgument: a size that is
  // negative or too large; kUnavailable: the connection failed, or ended inside a frame.
  env::Task<StatusOr<Frame>> Next();

 private:
  // Cuts a frame out of what has been read; false if it isn't there whole.
  bool TakeBuffered(size_t frame_size, Frame* frame);

  env::Connection& connection_;
  const size_t max_frame_bytes_;
  MemoryBudget& budget_;
  std::string buffered_;  // read, not yet cut
  size_t consumed_ = 0;   // of buffered_
};

}  // namespace dohle::server
