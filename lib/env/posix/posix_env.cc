#include "lib/env/posix/posix_env.h"

#include <pthread.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/env/posix/event_loop.h"
#include "lib/env/posix/posix_file_system.h"
#include "lib/env/posix/posix_transport.h"
#include "lib/env/posix/thread_pool.h"
#include "lib/env/xoshiro.h"

namespace dohle::env {
namespace {

int64_t NanosecondsOf(clockid_t id) {
  timespec time{};
  ::clock_gettime(id, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

class PosixClock : public Clock {
 public:
  int64_t WallTimeMs() const override { return NanosecondsOf(CLOCK_REALTIME) / 1'000'000; }
  MonotonicTime Now() const override { return MonotonicTime(NanosecondsOf(CLOCK_MONOTONIC)); }
};

std::array<uint64_t, 4> SeedFromKernel() {
  std::array<uint64_t, 4> seed{};
  const ssize_t got = ::getrandom(seed.data(), sizeof(seed), 0);
  DOHLE_CHECK(got == static_cast<ssize_t>(sizeof(seed)));
  return seed;
}

class PosixRandom : public Random {
 public:
  uint64_t Next() override {
    thread_local Xoshiro generator(SeedFromKernel());
    return generator.Next();
  }
};

sigset_t TerminationSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

void RaiseOpenFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log::Warning("env", "cannot raise the limit of open files to {}", limit.rlim_max);
}

}  // namespace

struct PosixEnv::Parts {
  explicit Parts(const Options& options)
      : own_process(options.own_process), pool(std::max(options.io_threads, 1)), transport(pool) {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    const int count = options.event_loops > 0 ? options.event_loops : std::max(cores, 1);
    for (int i = 0; i < count; ++i) {
      loops.push_back(std::make_unique<EventLoop>(clock, i));
      env.executors.push_back(loops.back().get());
    }
  }

  const bool own_process;
  PosixClock clock;
  PosixRandom random;
  PosixFileSystem file_system;
  ThreadPool pool;
  PosixTransport transport;
  std::vector<std::unique_ptr<EventLoop>> loops;
  Env env{clock, random, file_system, transport, pool, {}};
  bool stopped = false;
};

PosixEnv::PosixEnv(Options options) {
  ::signal(SIGPIPE, SIG_IGN);
  if (options.own_process) {
    const sigset_t set = TerminationSignals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    RaiseOpenFileLimit();
  }
  parts_ = std::make_unique<Parts>(options);
}

PosixEnv::~PosixEnv() { Stop(); }

Env& PosixEnv::env() { return parts_->env; }

void PosixEnv::Start() {
  for (auto& loop : parts_->loops) loop->Start();
}

void PosixEnv::Stop() {
  if (std::exchange(parts_->stopped, true)) return;
  for (auto& loop : parts_->loops) loop->Stop();
  parts_->pool.Stop();
  // Frames of one loop may wait in lanes of another: only when nothing runs any more are they destroyed.
  for (auto& loop : parts_->loops) loop->DropEverything();
}

int PosixEnv::WaitForTermination() {
  DOHLE_CHECK(parts_->own_process);
  const sigset_t set = TerminationSignals();
  int signal = 0;
  while (::sigwait(&set, &signal) != 0) {
  }
  return signal;
}

void PosixEnv::RequestTermination() { ::kill(::getpid(), SIGTERM); }

std::string LocalHostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return path;
  std::string text = absolute.lexically_normal().string();
  if (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

bool StandardOutputIsTerminal() { return ::isatty(STDOUT_FILENO) == 1; }

Status BecomeProgram(const std::vector<std::string>& argv) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  return MakeStatus(StatusCode::kNotFound, "{} can't be run: {}", argv[0], std::strerror(errno));
}

}  // namespace dohle::env
