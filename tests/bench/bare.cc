#include "tests/bench/bare.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <unordered_map>

#include "lib/base/crc32c.h"
#include "tests/bench/client.h"
#include "tests/bench/wire.h"

namespace dohle::bench {
namespace {

constexpr size_t kBufferBytes = size_t{2} << 20;
constexpr int64_t kFileBytes = int64_t{512} << 20;  // then it starts again, as a log with retention would
// Kafka's default of socket.send.buffer.bytes. Measured: sendfile of 1 MiB costs half as much as with the
// kernel's growing buffer, since what is sent is read while it is still in the processor's cache.
constexpr int kSendBufferBytes = 102'400;
constexpr size_t kFetchFileBytes = size_t{256} << 20;

struct Connection {
  std::unique_ptr<char[]> in = std::make_unique<char[]>(kBufferBytes);
  size_t received = 0;
  int file = -1;
  int64_t file_end = 0;
  std::string header;  // of a Fetch answer, what is unsent
  off_t slice_at = 0;  // what is unsent of its records
  size_t slice_left = 0;
  bool answering = false;  // a Fetch
};

class Server {
 public:
  Server(std::string directory, const std::string& batch)
      : directory_(std::move(directory)), batch_bytes_(batch.size()) {
    fetch_file_ = OpenFile("fetch");
    for (size_t at = 0; at < kFetchFileBytes; at += batch.size()) {
      if (pwrite(fetch_file_, batch.data(), batch.size(), static_cast<off_t>(at)) < 0) Die("pwrite");
      fetch_end_ = at + batch.size();
    }
  }

  [[noreturn]] void Run() {
    signal(SIGPIPE, SIG_IGN);  // sendfile has no MSG_NOSIGNAL
    Listen();
    while (true) {
      epoll_event events[256];
      const int n = epoll_wait(epoll_, events, 256, -1);
      for (int e = 0; e < n; ++e) {
        const int fd = events[e].data.fd;
        if (fd == listener_) {
          Accept();
        } else if (!Serve(fd, connections_[fd])) {
          close(connections_[fd].file);
          close(fd);
          connections_.erase(fd);
        }
      }
    }
  }

 private:
  int OpenFile(const std::string& name) {
    const int file = open((directory_ + "/" + name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) Die(fmt::format("{}/{}: {}", directory_, name, strerror(errno)));
    return file;
  }

  void Listen() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener_, 1024) != 0)
      Die("can't listen");
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    Watch(listener_);
    fmt::print("{{\"port\": {}}}\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  void Watch(int fd) {
    epoll_event event{};
    event.events = fd == listener_ ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void Accept() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof(kSendBufferBytes));
    connections_[fd].file = OpenFile(fmt::format("{}.log", fd));
    Watch(fd);
  }

  // False when the connection is over.
  bool Serve(int fd, Connection& c) {
    while (true) {
      if (!SendRest(fd, c)) return errno == EAGAIN;
      if (TakeFrame(fd, c)) continue;
      const ssize_t n = recv(fd, c.in.get() + c.received, kBufferBytes - c.received, 0);
      if (n == 0) return false;
      if (n < 0) return errno == EAGAIN;
      c.received += static_cast<size_t>(n);
    }
  }

  // False when there was no whole request.
  bool TakeFrame(int fd, Connection& c) {
    if (c.received < 4) return false;
    const size_t size = 4 + static_cast<size_t>(Reader({c.in.get(), 4}).I32());
    if (size > kBufferBytes) Die("a request beyond the buffer");
    if (c.received < size) return false;
    Answer(fd, c, {c.in.get() + 4, size - 4});
    c.received -= size;
    if (c.received > 0) std::memmove(c.in.get(), c.in.get() + size, c.received);
    return true;
  }

  void Answer(int fd, Connection& c, std::string_view request) {
    Reader r(request);
    const int16_t api = r.I16();
    r.I16();
    const int32_t correlation = r.I32();
    r.Bytes(static_cast<size_t>(r.I16()));
    r.SkipTags();
    if (api == 0) {
      AnswerProduce(fd, c, r, correlation);
    } else if (api == 1) {
      AnswerFetch(c, r, correlation);
    } else {
      Die("the bare loop serves Produce and Fetch only");
    }
  }

  void AnswerProduce(int fd, Connection& c, Reader& r, int32_t correlation) {
    r.CompactString();
    const int16_t acks = r.I16();
    r.I32();
    r.UVarint();
    const std::string_view topic = r.CompactString();
    r.UVarint();
    const int32_t partition = r.I32();
    const std::string_view batch = r.Bytes(r.UVarint() - 1);
    Reader crc(batch.substr(17));
    if (!r.ok() || crc.I32() != static_cast<int32_t>(Crc32c(batch.substr(21))))
      Die("a batch with a wrong CRC");
    if (c.file_end + static_cast<int64_t>(batch.size()) > kFileBytes) {
      if (ftruncate(c.file, 0) != 0) Die("ftruncate");
      c.file_end = 0;
    }
    if (pwrite(c.file, batch.data(), batch.size(), c.file_end) < 0) Die("pwrite");
    c.file_end += static_cast<int64_t>(batch.size());
    if (acks == 0) return;
    Writer w;
    w.I32(0);
    w.I32(correlation);
    w.NoTags();
    w.UVarint(2);
    w.CompactString(topic);
    w.UVarint(2);
    w.I32(partition);
    w.I16(0);
    w.I64(0);
    w.I64(-1);
    w.I64(0);
    w.UVarint(1);
    w.UVarint(0);
    w.NoTags();
    w.NoTags();
    w.I32(0);
    w.NoTags();
    std::string answer = w.Take();
    PutI32(answer, 0, static_cast<int32_t>(answer.size() - 4));
    if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
      Die("send");
  }

  void AnswerFetch(Connection& c, Reader& r, int32_t correlation) {
    r.Bytes(12);
    const auto max_bytes = static_cast<size_t>(r.I32());
    r.Bytes(9);
    r.UVarint();
    const std::string_view topic = r.CompactString();
    const size_t slice_bytes = std::max<size_t>(1, max_bytes / batch_bytes_) * batch_bytes_;
    Writer w;
    w.I32(0);
    w.I32(correlation);
    w.NoTags();
    w.I32(0);
    w.I16(0);
    w.I32(0);
    w.UVarint(2);
    w.CompactString(topic);
    w.UVarint(2);
    w.I32(0);
    w.I16(0);
    w.I64(1 << 30);
    w.I64(1 << 30);
    w.I64(0);
    w.UVarint(0);
    w.I32(-1);
    w.UVarint(slice_bytes + 1);
    c.header = w.Take();
    PutI32(c.header, 0, static_cast<int32_t>(c.header.size() - 4 + slice_bytes + kTail.size()));
    if (static_cast<size_t>(c.slice_at) + slice_bytes > fetch_end_) c.slice_at = 0;
    c.slice_left = slice_bytes;
    c.answering = true;
  }

  // What is unsent of a Fetch answer. False, with errno set, when the socket took no more.
  bool SendRest(int fd, Connection& c) {
    if (!c.answering) return true;
    while (!c.header.empty()) {
      const ssize_t n = send(fd, c.header.data(), c.header.size(), MSG_NOSIGNAL | MSG_MORE);
      if (n < 0) return false;
      c.header.erase(0, static_cast<size_t>(n));
    }
    while (c.slice_left > 0) {
      const ssize_t n = sendfile(fd, fetch_file_, &c.slice_at, c.slice_left);
      if (n <= 0) return false;
      c.slice_left -= static_cast<size_t>(n);
    }
    if (send(fd, kTail.data(), kTail.size(), MSG_NOSIGNAL) < 0) return false;
    c.answering = false;
    return true;
  }

  // Three sets of no tagged fields: the partition's, the topic's, the answer's.
  static constexpr std::string_view kTail{"\0\0\0", 3};

  std::string directory_;
  std::unordered_map<int, Connection> connections_;
  int epoll_ = -1;
  int listener_ = -1;
  int fetch_file_ = -1;
  size_t batch_bytes_;
  size_t fetch_end_ = 0;
};

}  // namespace

void ServeBare(const std::string& directory, const std::string& batch) { Server(directory, batch).Run(); }

}  // namespace dohle::bench
