#include "tests/bench/client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace dohle::bench {
namespace {

constexpr size_t kReceiveBytes = size_t{4} << 20;
constexpr int64_t kLongestStartNs =
    60'000'000'000;  // a connection without a good answer for so long is a fault

int64_t Nanoseconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

double OwnCpuSeconds() { return static_cast<double>(Nanoseconds(CLOCK_PROCESS_CPUTIME_ID)) * 1e-9; }

struct Connection {
  int fd = -1;
  std::string_view unsent;
  std::deque<int64_t>
      sent_ns;         // of the requests in flight, oldest first; when they were due if there is a rate
  int64_t due_ns = 0;  // the next request's; only with a rate
  std::unique_ptr<char[]> in = std::make_unique<char[]>(kReceiveBytes);
  size_t received = 0;
  int32_t correlation = 0;
  int32_t answered = 0;
  bool good = false;  // had an answer without an error
};

class Loop {
 public:
  Loop(const Plan& plan, Workload& workload)
      : plan_(plan), workload_(workload), connections_(plan.connections) {
    if (plan.rate > 0)
      interval_ns_ = static_cast<int64_t>(1e9 * static_cast<double>(plan.connections) / plan.rate);
  }

  Measured Run() {
    Open();
    start_ = MonotonicNs();
    for (size_t i = 0; i < connections_.size(); ++i) {
      connections_[i].due_ns = start_ + static_cast<int64_t>(i) * interval_ns_ / connections_.size();
      Pump(i);
    }
    while (!over_) {
      epoll_event events[256];
      const timespec timeout = UntilDue();
      const int n = epoll_pwait2(epoll_, events, 256, &timeout, nullptr);
      now_ = MonotonicNs();
      if (interval_ns_ > 0) PumpDue();
      for (int e = 0; e < n; ++e) {
        const size_t i = events[e].data.u64;
        if ((events[e].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) Receive(i);
        if ((events[e].events & EPOLLOUT) != 0) Pump(i);
      }
      Turn();
    }
    for (Connection& c : connections_) close(c.fd);
    close(epoll_);
    return std::move(measured_);
  }

 private:
  void Open() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < connections_.size(); ++i) {
      Connection& c = connections_[i];
      const int port = plan_.ports[i % plan_.ports.size()];
      c.fd = Connect(port);
      if (c.fd < 0) Die(fmt::format("nobody listens on port {}", port));
      fcntl(c.fd, F_SETFL, O_NONBLOCK);
      epoll_event event{};
      event.events = EPOLLIN | EPOLLOUT | EPOLLET;
      event.data.u64 = i;
      epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
    }
  }

  // At most a tenth of a second.
  timespec UntilDue() const {
    int64_t wait_ns = 100'000'000;
    if (interval_ns_ > 0) {
      const int64_t now = MonotonicNs();
      for (const Connection& c : connections_) {
        if (c.sent_ns.size() < plan_.depth) wait_ns = std::min(wait_ns, std::max<int64_t>(c.due_ns - now, 0));
      }
    }
    return {.tv_sec = 0, .tv_nsec = wait_ns};
  }

  void PumpDue() {
    for (size_t i = 0; i < connections_.size(); ++i) {
      if (connections_[i].unsent.empty() && connections_[i].due_ns <= now_) Pump(i);
    }
  }

  // When the request that is sent now counts as sent.
  int64_t SendTime(Connection& c) {
    const int64_t now = MonotonicNs();
    if (interval_ns_ == 0) return now;
    c.due_ns += interval_ns_;
    return c.due_ns - interval_ns_;
  }

  // Opens the window when the warm-up is over, closes it when it has lasted.
  void Turn() {
    if (window_start_ == 0) {
      if (static_cast<double>(now_ - start_) < plan_.warmup_s * 1e9 && plan_.seconds + plan_.warmup_s > 0)
        return;
      for (const Connection& c : connections_) {
        if (c.good || !plan_.answered) continue;
        if (now_ - start_ > kLongestStartNs) Die(fmt::format("no good answer, last error {}", last_error_));
        return;
      }
      window_start_ = now_;
      measured_.own_cpu_s = OwnCpuSeconds();
      if (plan_.server > 0) measured_.cpu_s = CpuSeconds(plan_.server);
      measured_.requests = 0;
      measured_.bytes = 0;
      measured_.latency_ns.Clear();
      return;
    }
    const double elapsed = static_cast<double>(now_ - window_start_) * 1e-9;
    if (plan_.seconds > 0 ? elapsed < plan_.seconds : measured_.bytes < plan_.bytes) return;
    over_ = true;
    measured_.seconds = elapsed;
    measured_.own_cpu_s = OwnCpuSeconds() - measured_.own_cpu_s;
    if (plan_.server > 0) {
      measured_.cpu_s = CpuSeconds(plan_.server) - measured_.cpu_s;
      measured_.resident_bytes = ResidentBytes(plan_.server);
    }
  }

  // Sends until the socket or the depth says stop.
  void Pump(size_t i) {
    Connection& c = connections_[i];
    while (true) {
      if (c.unsent.empty()) {
        if (c.sent_ns.size() >= plan_.depth) return;
        if (interval_ns_ > 0 && c.due_ns > MonotonicNs()) return;
        std::string& request = workload_.Next(i);
        PutI32(request, kCorrelationAt, c.correlation++);
        c.unsent = request;
        if (plan_.answered) c.sent_ns.push_back(SendTime(c));
      }
      const ssize_t n = send(c.fd, c.unsent.data(), c.unsent.size(), MSG_NOSIGNAL);
      if (n < 0) {
        if (errno == EAGAIN) return;
        Die(fmt::format("send: {}", strerror(errno)));
      }
      c.unsent.remove_prefix(static_cast<size_t>(n));
      if (c.unsent.empty() && !plan_.answered) Count(workload_.OnAnswer(i, {}));
    }
  }

  void Receive(size_t i) {
    Connection& c = connections_[i];
    while (true) {
      const ssize_t n = recv(c.fd, c.in.get() + c.received, kReceiveBytes - c.received, 0);
      if (n == 0) Die("the server closed the connection");
      if (n < 0) {
        if (errno == EAGAIN) return;
        Die(fmt::format("recv: {}", strerror(errno)));
      }
      c.received += static_cast<size_t>(n);
      TakeFrames(i);
      Pump(i);
    }
  }

  void TakeFrames(size_t i) {
    Connection& c = connections_[i];
    size_t at = 0;
    while (c.received - at >= 4) {
      const auto size = static_cast<size_t>(Reader({c.in.get() + at, 4}).I32());
      if (size + 4 > kReceiveBytes) Die(fmt::format("an answer of {} bytes", size));
      if (c.received - at < size + 4) break;
      OnFrame(i, {c.in.get() + at + 4, size});
      at += size + 4;
    }
    if (at > 0) std::memmove(c.in.get(), c.in.get() + at, c.received - at);
    c.received -= at;
  }

  void OnFrame(size_t i, std::string_view frame) {
    Connection& c = connections_[i];
    if (c.sent_ns.empty() || Reader(frame).I32() != c.answered++) Die("an answer out of order");
    const int64_t bytes = workload_.OnAnswer(i, frame);
    if (bytes >= 0) {
      c.good = true;
      measured_.latency_ns.Record(static_cast<uint64_t>(MonotonicNs() - c.sent_ns.front()));
      Count(bytes);
    } else {
      last_error_ = ProduceError(frame);
      if (now_ - start_ > kLongestStartNs) Die(fmt::format("error {} in mid-course", last_error_));
    }
    c.sent_ns.pop_front();
  }

  void Count(int64_t bytes) {
    ++measured_.requests;
    measured_.bytes += bytes;
  }

  const Plan& plan_;
  Workload& workload_;
  std::vector<Connection> connections_;
  Measured measured_;
  int epoll_ = -1;
  int64_t start_ = 0;
  int64_t now_ = 0;
  int64_t interval_ns_ = 0;  // between two requests of a connection; 0: there is no rate
  int64_t window_start_ = 0;
  int last_error_ = 0;
  bool over_ = false;
};

}  // namespace

void Die(const std::string& why) {
  fmt::print(stderr, "dohle-load: {}\n", why);
  std::exit(1);
}

int64_t MonotonicNs() { return Nanoseconds(CLOCK_MONOTONIC); }
int64_t WallMs() { return Nanoseconds(CLOCK_REALTIME) / 1'000'000; }

double CpuSeconds(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(in, line)) Die(fmt::format("no process {}", pid));
  std::istringstream fields(line.substr(line.rfind(')') + 2));  // the third field is first
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  int64_t user = 0;
  int64_t system = 0;
  fields >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

int64_t ResidentBytes(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("VmRSS:")) return std::atoll(line.c_str() + 6) * 1024;
  }
  return 0;
}

int Connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd);
    return -1;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

std::string Call(int fd, std::string_view request) {
  while (!request.empty()) {
    const ssize_t n = send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    if (n <= 0) Die("the connection broke while sending");
    request.remove_prefix(static_cast<size_t>(n));
  }
  std::string size(4, '\0');
  if (recv(fd, size.data(), 4, MSG_WAITALL) != 4) Die("the server closed the connection");
  std::string frame(static_cast<size_t>(Reader(size).I32()), '\0');
  if (recv(fd, frame.data(), frame.size(), MSG_WAITALL) != static_cast<ssize_t>(frame.size()))
    Die("the server closed the connection");
  return frame;
}

Measured Drive(const Plan& plan, Workload& workload) { return Loop(plan, workload).Run(); }

void PrintJson(std::string_view mode, const Plan& plan, const Measured& m) {
  const double gigabytes = static_cast<double>(m.bytes) * 1e-9;
  const auto requests = static_cast<double>(m.requests);
  const auto ms = [&](double fraction) {
    return static_cast<double>(m.latency_ns.Percentile(fraction)) * 1e-6;
  };
  fmt::print(
      "{{\"mode\": \"{}\", \"connections\": {}, \"seconds\": {:.3f}, \"requests\": {}, \"bytes\": {}, "
      "\"mb_per_s\": {:.1f}, \"requests_per_s\": {:.0f}, \"p50_ms\": {:.4f}, \"p99_ms\": {:.4f}, "
      "\"p999_ms\": {:.4f}, "
      "\"cpu_s\": {:.2f}, \"cpu_s_per_gb\": {:.4f}, \"cpu_us_per_request\": {:.3f}, \"own_cpu_s\": {:.2f}, "
      "\"resident_bytes\": {}}}\n",
      mode, plan.connections, m.seconds, m.requests, m.bytes, gigabytes * 1e3 / m.seconds,
      requests / m.seconds, ms(0.5), ms(0.99), ms(0.999), m.cpu_s, gigabytes > 0 ? m.cpu_s / gigabytes : 0.0,
      requests > 0 ? m.cpu_s * 1e6 / requests : 0.0, m.own_cpu_s, m.resident_bytes);
}

}  // namespace dohle::bench
