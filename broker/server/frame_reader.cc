#include "broker/server/frame_reader.h"

#include <array>
#include <cstring>
#include <utility>

#include "broker/server/limits.h"
#include "broker/server/memory_budget.h"

namespace dohle::server {
namespace {

constexpr size_t kSizeBytes = 4;

int32_t ReadSize(const char* p) {
  uint32_t value = 0;
  for (size_t i = 0; i < kSizeBytes; ++i) value = (value << 8) | static_cast<uint8_t>(p[i]);
  return static_cast<int32_t>(value);
}

// Shared by all connections of a thread: a read is always followed by its copy out, with nothing in between.
thread_local std::array<char, kReadChunkBytes> t_chunk;

}  // namespace

Frame::Frame(size_t size, MemoryBudget* budget)
    : data_(std::make_unique_for_overwrite<char[]>(size)), size_(size), budget_(budget) {}

Frame::Frame(Frame&& other) noexcept
    : data_(std::move(other.data_)),
      size_(std::exchange(other.size_, 0)),
      budget_(std::exchange(other.budget_, nullptr)) {}

Frame& Frame::operator=(Frame&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(budget_, other.budget_);
  return *this;
}

Frame::~Frame() {
  if (budget_ != nullptr) budget_->GiveBack(size_);
}

bool FrameReader::TakeBuffered(size_t frame_size, Frame* frame) {
  const size_t there = buffered_.size() - consumed_ - kSizeBytes;
  const size_t n = there < frame_size ? there : frame_size;
  std::memcpy(frame->writable().data(), buffered_.data() + consumed_ + kSizeBytes, n);
  consumed_ += kSizeBytes + n;
  if (consumed_ == buffered_.size()) {
    // An idle connection holds no buffer.
    buffered_ = std::string();
    consumed_ = 0;
  }
  return n == frame_size;
}

env::Task<StatusOr<Frame>> FrameReader::Next() {
  for (;;) {
    const size_t there = buffered_.size() - consumed_;
    if (there >= kSizeBytes) {
      const int32_t size = ReadSize(buffered_.data() + consumed_);
      if (size <= 0 || static_cast<size_t>(size) > max_frame_bytes_) {
        co_return MakeStatus(
            StatusCode::kInvalidArgument,
            "{} announced a request of {} bytes, allowed are 1 to {} (socket.request.max.bytes)",
            ToString(connection_.peer()), size, max_frame_bytes_);
      }
      const auto frame_size = static_cast<size_t>(size);
      if (!budget_.TryTake(frame_size)) co_await budget_.Take(frame_size);
      Frame frame(frame_size, &budget_);
      const size_t buffered_part = there - kSizeBytes;
      if (TakeBuffered(frame_size, &frame)) co_return std::move(frame);
      Status rest = co_await env::ReadExactly(connection_, frame.writable().data() + buffered_part,
                                              frame_size - buffered_part);
      if (!rest.ok()) co_return rest;
      co_return std::move(frame);
    }
    StatusOr<size_t> got = co_await env::ReadSome(connection_, t_chunk.data(), t_chunk.size());
    if (!got.ok()) co_return got.status();
    if (*got == 0) {
      if (there > 0) co_return MakeStatus(StatusCode::kUnavailable, "stream ended inside a frame");
      co_return MakeStatus(StatusCode::kOutOfRange, "end of stream");
    }
    if (consumed_ > 0) {
      buffered_.erase(0, consumed_);
      consumed_ = 0;
    }
    buffered_.append(t_chunk.data(), *got);
  }
}

}  // namespace dohle::server
