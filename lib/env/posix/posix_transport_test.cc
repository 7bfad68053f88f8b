#include "lib/env/posix/posix_transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>

#include "lib/env/one_shot.h"
#include "lib/env/posix/posix_env.h"
#include "lib/env/posix/unique_fd.h"

namespace dohle::env {
namespace {

using ConnectResult = StatusOr<std::unique_ptr<Connection>>;

Task<void> Echo(std::unique_ptr<Connection> connection) {
  std::string buffer(4096, '\0');
  for (;;) {
    const StatusOr<size_t> got = co_await ReadSome(*connection, buffer.data(), buffer.size());
    if (!got.ok() || *got == 0) co_return;
    const std::string_view data(buffer.data(), *got);
    if (!(co_await WriteAll(*connection, data)).ok()) co_return;
  }
}

AcceptHandler EchoHandler() {
  return [](std::unique_ptr<Connection> connection) {
    Executor& executor = connection->executor();
    Spawn(executor, Echo(std::move(connection)));
  };
}

Task<Status> RoundTrip(Transport* transport, Executor* executor, Endpoint endpoint, std::string message) {
  ConnectResult connection = co_await transport->Connect(*executor, endpoint, absl::Seconds(10));
  if (!connection.ok()) co_return connection.status();
  for (int i = 0; i < 100; ++i) {
    Status written = co_await WriteAll(**connection, message);
    if (!written.ok()) co_return written;
    std::string back(message.size(), '\0');
    Status read = co_await ReadExactly(**connection, back.data(), back.size());
    if (!read.ok()) co_return read;
    if (back != message) co_return MakeStatus(StatusCode::kInternal, "other bytes came back");
  }
  co_return OkStatus();
}

template <typename T>
Task<void> Deliver(Task<T> task, std::promise<T>* out) {
  T result = co_await std::move(task);
  out->set_value(std::move(result));
}

class PosixTransportTest : public testing::Test {
 protected:
  PosixTransportTest() : posix_({.event_loops = 2, .io_threads = 2, .own_process = false}) { posix_.Start(); }

  std::unique_ptr<Listener> MustListen(const std::string& host, AcceptHandler handler) {
    auto listener = posix_.env().transport.Listen({host, 0}, posix_.env().executors, std::move(handler));
    EXPECT_TRUE(listener.ok()) << listener.status();
    EXPECT_NE((*listener)->local().port, 0);
    return std::move(listener).value();
  }
  template <typename T>
  T Run(int executor, Task<T> task) {
    std::promise<T> out;
    Spawn(*posix_.env().executors[static_cast<size_t>(executor)], Deliver(std::move(task), &out));
    return out.get_future().get();
  }
  Status EchoThrough(const Endpoint& endpoint, size_t bytes) {
    return Run(
        0, RoundTrip(&posix_.env().transport, posix_.env().executors[0], endpoint, std::string(bytes, 'm')));
  }
  Status ConnectStatus(const Endpoint& endpoint, absl::Duration timeout) {
    return Run(0, posix_.env().transport.Connect(*posix_.env().executors[0], endpoint, timeout)).status();
  }

  PosixEnv posix_;
};

TEST_F(PosixTransportTest, EchoesOverIpv4AndByName) {
  const auto listener = MustListen("127.0.0.1", EchoHandler());
  EXPECT_TRUE(EchoThrough(listener->local(), 100).ok());
  EXPECT_TRUE(EchoThrough({"localhost", listener->local().port}, 100).ok());
}

TEST_F(PosixTransportTest, ListensOnEveryAddressOfBothFamilies) {
  for (const std::string host : {"", "0.0.0.0"}) {
    const auto listener = MustListen(host, EchoHandler());
    EXPECT_TRUE(EchoThrough({"127.0.0.1", listener->local().port}, 100).ok());
    const Status v6 = EchoThrough({"::1", listener->local().port}, 100);
    if (!v6.ok()) std::printf("IPv6: %s\n", std::string(Message(v6)).c_str());
  }
}

TEST_F(PosixTransportTest, EchoesMoreThanTheSocketBuffers) {
  // The echo stops reading while it can't write, so the message must fit the buffers of one direction.
  const auto listener = MustListen("127.0.0.1", EchoHandler());
  EXPECT_TRUE(EchoThrough(listener->local(), 200'000).ok());
}

// Sends slices of a file until they are through.
Task<void> SendAll(std::unique_ptr<Connection> connection, FileSlice slice, std::promise<bool>* ok) {
  uint64_t done = 0;
  while (done < slice.length) {
    const IoResult result = connection->TrySend(slice, done);
    if (result.kind == IoResult::Kind::kDone) {
      done += result.bytes;
    } else if (result.kind == IoResult::Kind::kWouldBlock) {
      co_await Writable{connection.get()};
    } else {
      ok->set_value(false);
      co_return;
    }
  }
  ok->set_value(true);
}

Task<StatusOr<std::string>> Receive(Transport* transport, Executor* executor, Endpoint endpoint) {
  ConnectResult connection = co_await transport->Connect(*executor, endpoint, absl::Seconds(10));
  if (!connection.ok()) co_return connection.status();
  std::string all;
  std::string buffer(10'000, '\0');
  for (;;) {
    const StatusOr<size_t> got = co_await ReadSome(**connection, buffer.data(), buffer.size());
    if (!got.ok()) co_return got.status();
    if (*got == 0) co_return all;
    all.append(buffer.data(), *got);
  }
}

// A File that is not a descriptor.
class StringFile : public File {
 public:
  explicit StringFile(std::string content) : content_(std::move(content)) {}
  StatusOr<size_t> ReadAt(uint64_t position, char* buffer, size_t n) const override {
    return content_.copy(buffer, n, position);
  }
  StatusOr<size_t> ReadAtIfCached(uint64_t position, char* buffer, size_t n) const override {
    return ReadAt(position, buffer, n);
  }
  Status WriteAt(uint64_t, std::span<const std::string_view>) override { return OkStatus(); }
  Status Truncate(uint64_t) override { return OkStatus(); }
  StatusOr<uint64_t> Size() const override { return content_.size(); }
  Status Sync() override { return OkStatus(); }

 private:
  std::string content_;
};

TEST_F(PosixTransportTest, SendsSlicesOfFiles) {
  std::string content;
  while (content.size() < 8'000'000) content += std::to_string(content.size()) + ",";
  const std::string path = testing::TempDir() + "/dohle-send-" + std::to_string(::getpid());
  ASSERT_TRUE(posix_.env().file_system.WriteWhole(path, content).ok());
  auto opened = posix_.env().file_system.Open(path, OpenMode::kReadOnly);
  ASSERT_TRUE(opened.ok());
  ASSERT_TRUE(posix_.env().file_system.Remove(path).ok());
  const std::vector<std::shared_ptr<const File>> files = {std::move(opened).value(),
                                                          std::make_shared<StringFile>(content)};
  for (const auto& file : files) {
    std::promise<bool> sent;
    const FileSlice slice{file, 1000, content.size() - 1000};
    const auto listener = MustListen("127.0.0.1", [&](std::unique_ptr<Connection> connection) {
      Executor& executor = connection->executor();
      Spawn(executor, SendAll(std::move(connection), slice, &sent));
    });
    const auto got = Run(1, Receive(&posix_.env().transport, posix_.env().executors[1], listener->local()));
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_TRUE(sent.get_future().get());
    EXPECT_TRUE(*got == content.substr(1000));
  }
}

TEST_F(PosixTransportTest, SendingPastTheEndOfAFileFails) {
  std::promise<bool> sent;
  const FileSlice slice{std::make_shared<StringFile>("short"), 0, 100};
  const auto listener = MustListen("127.0.0.1", [&](std::unique_ptr<Connection> connection) {
    Executor& executor = connection->executor();
    Spawn(executor, SendAll(std::move(connection), slice, &sent));
  });
  const auto got = Run(0, Receive(&posix_.env().transport, posix_.env().executors[0], listener->local()));
  EXPECT_FALSE(sent.get_future().get());
  EXPECT_EQ(*got, "short");
}

TEST_F(PosixTransportTest, DealsConnectionsEvenly) {
  std::mutex mutex;
  std::map<Executor*, int> count;
  std::vector<std::unique_ptr<Connection>> kept;
  std::promise<void> all;
  const auto listener = MustListen("127.0.0.1", [&](std::unique_ptr<Connection> connection) {
    EXPECT_EQ(Executor::Current(), &connection->executor());
    const std::lock_guard<std::mutex> lock(mutex);
    ++count[&connection->executor()];
    kept.push_back(std::move(connection));
    if (kept.size() == 20) all.set_value();
  });
  std::vector<UniqueFd> clients;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(listener->local().port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(clients.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  all.get_future().wait();
  EXPECT_EQ(count[posix_.env().executors[0]], 10);
  EXPECT_EQ(count[posix_.env().executors[1]], 10);
  posix_.Stop();
  kept.clear();
}

TEST_F(PosixTransportTest, StoppedListenerRefusesAndFreesThePort) {
  auto listener = MustListen("127.0.0.1", EchoHandler());
  const Endpoint endpoint = listener->local();
  EXPECT_TRUE(EchoThrough(endpoint, 10).ok());
  const auto second = posix_.env().transport.Listen(endpoint, posix_.env().executors, EchoHandler());
  EXPECT_EQ(second.status().code(), StatusCode::kFailedPrecondition);
  listener->Stop();
  listener->Stop();
  EXPECT_EQ(ConnectStatus(endpoint, absl::Seconds(10)).code(), StatusCode::kUnavailable);
  EXPECT_TRUE(posix_.env().transport.Listen(endpoint, posix_.env().executors, EchoHandler()).ok());
}

TEST_F(PosixTransportTest, ConnectFailsAsItSays) {
  auto listener = MustListen("127.0.0.1", EchoHandler());
  const Endpoint endpoint = listener->local();
  listener.reset();
  const Status refused = ConnectStatus(endpoint, absl::Seconds(10));
  EXPECT_EQ(refused.code(), StatusCode::kUnavailable);
  EXPECT_TRUE(IsRefused(refused));
  const Status unknown = ConnectStatus({"no-such-host.invalid", 1}, absl::Seconds(30));
  EXPECT_EQ(unknown.code(), StatusCode::kUnavailable);
  EXPECT_FALSE(IsRefused(unknown));
  // A listening socket whose backlog is full answers nobody.
  const UniqueFd deaf(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(::bind(deaf.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(deaf.get(), 0), 0);
  ASSERT_EQ(::getsockname(deaf.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const UniqueFd filler(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(filler.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(ConnectStatus({"127.0.0.1", ntohs(address.sin_port)}, absl::Milliseconds(50)).code(),
            StatusCode::kDeadlineExceeded);
}

Task<bool> CloseWhileReading(Transport* transport, Executor* executor, Endpoint endpoint) {
  ConnectResult connection = co_await transport->Connect(*executor, endpoint, absl::Seconds(10));
  if (!connection.ok()) co_return false;
  Connection* raw = connection->get();
  executor->RunAfter(absl::Milliseconds(1), [raw] { raw->Close(); });
  char byte = 0;
  const StatusOr<size_t> got = co_await ReadSome(**connection, &byte, 1);
  co_return !got.ok() && (*connection)->closed();
}

TEST_F(PosixTransportTest, CloseWakesTheReader) {
  const auto listener = MustListen("127.0.0.1", EchoHandler());
  EXPECT_TRUE(
      Run(0, CloseWhileReading(&posix_.env().transport, posix_.env().executors[0], listener->local())));
}

TEST_F(PosixTransportTest, OutOfDescriptorsAcceptingPausesAndGoesOn) {
#if defined(DOHLE_UNDEFINED_SANITIZER)
  GTEST_SKIP() << "the undefined behaviour sanitizer needs file descriptors of its own";
#endif
  const auto listener = MustListen("127.0.0.1", EchoHandler());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(listener->local().port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  testing::internal::CaptureStdout();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::send(client.get(), "x", 1, MSG_NOSIGNAL), 1);
  // The pause is over only after the accepting loop has met the limit and run a later timer.
  std::promise<void> later;
  posix_.env().executors[0]->Post(
      [&] { posix_.env().executors[0]->RunAfter(absl::Milliseconds(150), [&] { later.set_value(); }); });
  later.get_future().wait();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  char byte = 0;
  EXPECT_EQ(::recv(client.get(), &byte, 1, 0), 1);  // accepted at last, and echoed
  const std::string log = testing::internal::GetCapturedStdout();
  const size_t warning = log.find("ulimit");
  EXPECT_NE(warning, std::string::npos) << log;
  EXPECT_EQ(log.find("ulimit", warning + 1), std::string::npos) << log;
}

}  // namespace
}  // namespace dohle::env
