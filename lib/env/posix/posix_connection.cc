#include "lib/env/posix/posix_connection.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/env/posix/posix_file.h"

namespace dohle::env {
namespace {

constexpr size_t kPartsPerCall = 64;
constexpr uint64_t kSendAtMost = uint64_t{1} << 30;  // sendfile(2) takes up to 0x7ffff000
constexpr size_t kCopyBytes = size_t{64} << 10;

constexpr IoResult kWouldBlock{IoResult::Kind::kWouldBlock, 0};
constexpr IoResult kEndOfStream{IoResult::Kind::kEndOfStream, 0};
constexpr IoResult kFailed{IoResult::Kind::kFailed, 0};
IoResult Done(ssize_t bytes) { return {IoResult::Kind::kDone, static_cast<size_t>(bytes)}; }

}  // namespace

PosixConnection::PosixConnection(EventLoop& loop, UniqueFd fd, Endpoint peer)
    : loop_(loop), fd_(std::move(fd)), peer_(std::move(peer)) {
  if (!loop_.Watch(fd_.get(), this)) fd_.Reset();
}

PosixConnection::~PosixConnection() {
  // Who waits here would wait for ever.
  DOHLE_CHECK((!reader_ && !writer_) || loop_.dead());
  if (fd_.valid()) loop_.Unwatch(fd_.get(), this);
  loop_.connections.fetch_sub(1, std::memory_order_relaxed);
}

IoResult PosixConnection::TryRead(char* buffer, size_t n) {
  if (closed()) return kFailed;
  if (!may_read_) return kWouldBlock;
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer, n, 0);
    if (got > 0) {
      // A short read has emptied the socket: what comes later is a new edge, the end of the stream included
      // unless it was told already.
      may_read_ = hung_up_ || static_cast<size_t>(got) == n;
      return Done(got);
    }
    if (got == 0) return n == 0 ? Done(0) : kEndOfStream;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return kFailed;
    may_read_ = false;
    return kWouldBlock;
  }
}

IoResult PosixConnection::TryWrite(std::span<const std::string_view> parts) {
  if (closed()) return kFailed;
  if (!may_write_) return kWouldBlock;
  std::array<iovec, kPartsPerCall> vector;
  const size_t count = std::min(parts.size(), kPartsPerCall);
  for (size_t i = 0; i < count; ++i) vector[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
  msghdr message{};
  message.msg_iov = vector.data();
  message.msg_iovlen = count;
  for (;;) {
    const ssize_t put = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (put >= 0) return Done(put);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return kFailed;
    may_write_ = false;
    return kWouldBlock;
  }
}

IoResult PosixConnection::TrySend(const FileSlice& slice, uint64_t done) {
  if (closed()) return kFailed;
  if (done >= slice.length) return Done(0);
  if (!may_write_) return kWouldBlock;
  const auto* file = dynamic_cast<const PosixFile*>(slice.file.get());
  if (file == nullptr) return SendCopied(slice, done);
  auto offset = static_cast<off_t>(slice.position + done);
  const auto n = static_cast<size_t>(std::min(slice.length - done, kSendAtMost));
  for (;;) {
    const ssize_t put = ::sendfile(fd_.get(), file->fd(), &offset, n);
    if (put > 0) return Done(put);
    if (put == 0) return kFailed;  // past the end of the file
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return kFailed;
    may_write_ = false;
    return kWouldBlock;
  }
}

IoResult PosixConnection::SendCopied(const FileSlice& slice, uint64_t done) {
  std::vector<char> buffer(static_cast<size_t>(std::min<uint64_t>(slice.length - done, kCopyBytes)));
  const StatusOr<size_t> got = slice.file->ReadAt(slice.position + done, buffer.data(), buffer.size());
  if (!got.ok() || *got == 0) return kFailed;
  const std::string_view part(buffer.data(), *got);
  return TryWrite({&part, 1});
}

void PosixConnection::SetBufferBytes(int send, int receive) {
  if (closed()) return;
  if (send >= 0) ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &send, sizeof(send));
  if (receive >= 0) ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
}

void PosixConnection::WhenReadable(std::coroutine_handle<> waiter) {
  DOHLE_CHECK(!reader_);
  if (may_read_ || closed()) {
    loop_.Resume(waiter);
  } else {
    reader_ = waiter;
  }
}

void PosixConnection::WhenWritable(std::coroutine_handle<> waiter) {
  DOHLE_CHECK(!writer_);
  if (may_write_ || closed()) {
    loop_.Resume(waiter);
  } else {
    writer_ = waiter;
  }
}

void PosixConnection::OnEvents(uint32_t epoll_events) {
  const bool broken = (epoll_events & (EPOLLERR | EPOLLHUP)) != 0;
  hung_up_ |= broken || (epoll_events & EPOLLRDHUP) != 0;
  may_read_ |= hung_up_ || (epoll_events & EPOLLIN) != 0;
  may_write_ |= broken || (epoll_events & EPOLLOUT) != 0;
  // The reader is resumed here and may end this connection: nothing is touched after it.
  if (may_write_ && writer_) loop_.Resume(std::exchange(writer_, nullptr));
  if (may_read_ && reader_) std::exchange(reader_, nullptr).resume();
}

void PosixConnection::Close() {
  if (closed()) return;
  loop_.Unwatch(fd_.get(), this);
  fd_.Reset();
  if (reader_) loop_.Resume(std::exchange(reader_, nullptr));
  if (writer_) loop_.Resume(std::exchange(writer_, nullptr));
}

int PosixConnection::TakeError() {
  if (closed()) return ECANCELED;
  int error = 0;
  socklen_t length = sizeof(error);
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

}  // namespace dohle::env
