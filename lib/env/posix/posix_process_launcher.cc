#include "lib/env/posix/posix_process_launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "lib/base/check.h"
#include "lib/env/one_shot.h"
#include "lib/env/posix/errno_status.h"
#include "lib/env/posix/event_loop.h"
#include "lib/env/posix/unique_fd.h"

namespace dohle::env {
namespace {

class PosixProcess final : public Process, private EventLoop::Handler {
 public:
  PosixProcess(EventLoop& loop, pid_t pid, UniqueFd descriptor)
      : loop_(loop), pid_(pid), descriptor_(std::move(descriptor)) {
    // Without a pidfd its end couldn't be seen; the constructor's caller has checked.
    DOHLE_CHECK(loop_.Watch(descriptor_.get(), this));
  }
  ~PosixProcess() override {
    loop_.Unwatch(descriptor_.get(), this);
    if (ended_) return;
    ::kill(pid_, SIGKILL);
    // It ends at once, but for a moment; otherwise a zombie stays as long as we live.
    ::waitpid(pid_, nullptr, 0);
  }

  int64_t pid() const override { return pid_; }
  void Signal(ProcessSignal signal) override {
    // Until it was waited for the pid is nobody else's.
    if (!ended_) ::kill(pid_, signal == ProcessSignal::kKill ? SIGKILL : SIGTERM);
  }
  Task<ExitStatus> Wait() override {
    const std::shared_ptr<OneShot<ExitStatus>> done = done_;
    const std::optional<ExitStatus> status = co_await done->WaitForever();
    co_return status.value_or(ExitStatus{});
  }

 private:
  void OnEvents(uint32_t) override {
    int status = 0;
    if (ended_ || ::waitpid(pid_, &status, WNOHANG) != pid_) return;
    ended_ = true;
    ExitStatus exit;
    if (WIFEXITED(status)) exit.code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) exit.signal = WTERMSIG(status);
    done_->Set(exit);
  }

  EventLoop& loop_;
  const pid_t pid_;
  UniqueFd descriptor_;
  bool ended_ = false;
  const std::shared_ptr<OneShot<ExitStatus>> done_ = std::make_shared<OneShot<ExitStatus>>();
};

// What the child needs, made before the fork: between fork and exec nothing may allocate.
struct Plan {
  std::vector<char*> argv;
  std::vector<char*> environment;
  const char* directory = nullptr;
  int input = -1;
  int output = -1;
  int failure = -1;  // tells errno; closed by a successful exec
  pid_t parent = 0;
};

[[noreturn]] void RunChild(const Plan& plan) {
  const auto fail = [&] {
    const int error = errno;
    [[maybe_unused]] const ssize_t written = ::write(plan.failure, &error, sizeof(error));
    ::_exit(127);
  };
  ::setpgid(0, 0);
  // Of the thread that forked: the executor's. If the parent is gone already nobody will send it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail();
  if (::getppid() != plan.parent) ::_exit(127);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(plan.input, STDIN_FILENO) < 0) fail();
  if (plan.output >= 0 && (::dup2(plan.output, STDOUT_FILENO) < 0 || ::dup2(plan.output, STDERR_FILENO) < 0))
    fail();
  if (plan.directory != nullptr && ::chdir(plan.directory) != 0) fail();
  ::execve(plan.argv[0], plan.argv.data(), plan.environment.data());
  fail();
  ::_exit(127);
}

Status CodeOfExec(int error, const std::string& program) {
  if (error == ENOEXEC || error == E2BIG || error == ENOTDIR)
    return MakeStatus(StatusCode::kInvalidArgument, "cannot run {}: {}", program,
                      std::generic_category().message(error));
  return ErrnoStatus(error, "run", program);
}

// 0, or the errno of what the child couldn't do.
int ErrorOfChild(int descriptor) {
  int error = 0;
  for (;;) {
    const ssize_t got = ::read(descriptor, &error, sizeof(error));
    if (got == sizeof(error)) return error;
    if (got >= 0 || errno != EINTR) return 0;
  }
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

StatusOr<std::unique_ptr<Process>> PosixProcessLauncher::Launch(Executor& executor, const ProcessSpec& spec) {
  auto* loop = dynamic_cast<EventLoop*>(&executor);
  DOHLE_CHECK(loop != nullptr && Executor::Current() == &executor);
  if (spec.argv.empty()) return MakeStatus(StatusCode::kInvalidArgument, "there is no program to run");
  std::vector<std::string> argv = spec.argv;
  std::vector<std::string> environment;
  for (const auto& [name, value] : spec.environment) environment.push_back(name + "=" + value);
  Plan plan{Pointers(argv), Pointers(environment)};
  if (!spec.working_directory.empty()) plan.directory = spec.working_directory.c_str();
  const UniqueFd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  UniqueFd output;
  if (!spec.output_file.empty()) {
    output = UniqueFd(::open(spec.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!output.valid()) return ErrnoStatus(errno, "open", spec.output_file);
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "make a pipe for", spec.argv[0]);
  const UniqueFd failure_read(ends[0]);
  UniqueFd failure_write(ends[1]);
  plan.input = input.get();
  plan.output = output.get();
  plan.failure = failure_write.get();
  plan.parent = ::getpid();

  const pid_t pid = ::fork();
  if (pid < 0) return ErrnoStatus(errno, "start", spec.argv[0]);
  if (pid == 0) RunChild(plan);
  failure_write.Reset();
  const int error = ErrorOfChild(failure_read.get());
  if (error != 0) {
    ::waitpid(pid, nullptr, 0);
    return CodeOfExec(error, spec.argv[0]);
  }
  UniqueFd descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!descriptor.valid()) {
    const int why = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return ErrnoStatus(why, "watch the process of", spec.argv[0]);
  }
  return std::make_unique<PosixProcess>(*loop, pid, std::move(descriptor));
}

std::string OwnProgramPath() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "" : path.string();
}

}  // namespace dohle::env
