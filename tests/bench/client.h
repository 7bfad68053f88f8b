// The engine of the load generator: N connections on one epoll loop, each sending prepared requests with a
// number of them in flight, and a measured window in which latencies and the server's CPU time are counted.
// One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/histogram.h"
#include "tests/bench/wire.h"

namespace dohle::bench {

// Says why on standard error and ends the program with exit code 1.
[[noreturn]] void Die(const std::string& why);

int64_t MonotonicNs();
int64_t WallMs();
// CPU time of a process so far, all its threads, user and system. Dies when there is no such process.
double CpuSeconds(pid_t pid);
// Resident memory (VmRSS) in bytes.
int64_t ResidentBytes(pid_t pid);

// A connected socket with TCP_NODELAY. -1 when nobody listens.
int Connect(int port);
// Sends one request and returns the answer's frame without its size. Blocking; dies when the connection does.
std::string Call(int fd, std::string_view request);

// What a mode sends and what it makes of the answers. Connections are numbered from 0.
class Workload {
 public:
  virtual ~Workload() = default;
  // The next request of a connection; stays valid and unchanged until it has been sent. The engine sets the
  // correlation id in place.
  virtual std::string& Next(size_t connection) = 0;
  // The payload bytes that an answer stands for; -1 if it is an error that may pass (a new topic has no
  // leader yet).
  virtual int64_t OnAnswer(size_t connection, std::string_view frame) = 0;
};

struct Plan {
  std::vector<int> ports;  // connection i goes to port i modulo their number
  size_t connections = 1;
  size_t depth = 1;      // requests in flight on a connection
  double rate = 0;       // requests a second, all connections together, sent when they are due and timed from
                         // then on; 0: as fast as the answers come
  bool answered = true;  // false for acks=0
  double warmup_s = 0;   // before the window, and until every connection had a good answer
  double seconds = 0;    // the window's length; 0: until `bytes`
  int64_t bytes = 0;     // the window's payload; 0: until `seconds`
  pid_t server = 0;      // whose CPU time counts; 0: nobody's
};

struct Measured {
  double seconds = 0;
  uint64_t requests = 0;
  int64_t bytes = 0;
  double cpu_s = 0;      // of the server
  double own_cpu_s = 0;  // of this process
  int64_t resident_bytes = 0;
  Histogram latency_ns;
};

Measured Drive(const Plan& plan, Workload& workload);
void PrintJson(std::string_view mode, const Plan& plan, const Measured& measured);

}  // namespace dohle::bench
