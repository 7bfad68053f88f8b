#include "lib/env/posix/posix_process_launcher.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "lib/env/posix/posix_env.h"
#include "lib/env/run_and_wait.h"

namespace dohle::env {
namespace {

class PosixProcessLauncherTest : public testing::Test {
 protected:
  PosixProcessLauncherTest() : posix_({.event_loops = 1, .own_process = false}) {
    directory_ = std::filesystem::temp_directory_path() / ("dohle-process-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
    posix_.Start();
  }
  ~PosixProcessLauncherTest() override {
    posix_.Stop();
    std::filesystem::remove_all(directory_);
  }

  ProcessSpec Shell(const std::string& script) {
    ProcessSpec spec;
    spec.argv = {"/bin/sh", "-c", script};
    spec.environment = {{"A", "one"}};
    spec.output_file = Output();
    return spec;
  }
  std::string Output() const { return (directory_ / "out").string(); }
  std::string Written() { return posix_.env().file_system.ReadWhole(Output()).value(); }

  // Starts it, waits until it has written something if it is to be signalled, and waits for its end.
  StatusOr<ExitStatus> Run(ProcessSpec spec, std::optional<ProcessSignal> signal = std::nullopt) {
    return RunAndWait(*posix_.env().executors[0], RunTask(this, std::move(spec), signal));
  }
  static Task<StatusOr<ExitStatus>> RunTask(PosixProcessLauncherTest* test, ProcessSpec spec,
                                            std::optional<ProcessSignal> signal) {
    auto process = test->launcher_.Launch(*Executor::Current(), spec);
    if (!process.ok()) co_return process.status();
    if (signal) (*process)->Signal(*signal);
    co_return co_await (*process)->Wait();
  }

  PosixEnv posix_;
  PosixProcessLauncher launcher_;
  std::filesystem::path directory_;
};

TEST_F(PosixProcessLauncherTest, RunsAProgramWithItsOwnEnvironment) {
  ProcessSpec spec = Shell("echo \"$A-$HOME\"; pwd; echo err >&2; cat; exit 3");
  spec.working_directory = directory_.string();
  const StatusOr<ExitStatus> exit = Run(spec);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 3);
  EXPECT_EQ(exit->signal, 0);
  EXPECT_EQ(Written(), "one-\n" + directory_.string() + "\nerr\n");
  EXPECT_EQ(Run(Shell("echo more"))->code, 0);
  EXPECT_TRUE(Written().ends_with("err\nmore\n")) << "the output is appended";
}

TEST_F(PosixProcessLauncherTest, Signals) {
  const StatusOr<ExitStatus> killed =
      Run(Shell("trap '' TERM; while :; do sleep 1; done"), ProcessSignal::kKill);
  EXPECT_EQ(killed->signal, SIGKILL);
  // Blocked or ignored signals are not inherited.
  EXPECT_EQ(Run(Shell("sleep 1000"), ProcessSignal::kTerminate)->signal, SIGTERM);
  EXPECT_EQ(ToString(*killed), "signal 9");
}

TEST_F(PosixProcessLauncherTest, TellsWhyAProgramDoesNotStart) {
  ProcessSpec spec;
  spec.argv = {(directory_ / "nothing").string()};
  EXPECT_EQ(Run(spec).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(posix_.env().file_system.WriteWhole(spec.argv[0], "x").ok());
  EXPECT_EQ(Run(spec).status().code(), StatusCode::kPermissionDenied);
  std::filesystem::permissions(spec.argv[0], std::filesystem::perms::owner_all);
  EXPECT_EQ(Run(spec).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Run({}).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(PosixProcessLauncherTest, KnowsItsOwnProgram) {
  EXPECT_TRUE(OwnProgramPath().ends_with("env_posix_test")) << OwnProgramPath();
}

Task<int64_t> LaunchAndDrop(PosixProcessLauncher* launcher, ProcessSpec spec) {
  auto process = launcher->Launch(*Executor::Current(), spec);
  co_return (*process)->pid();
}

TEST_F(PosixProcessLauncherTest, AProcessEndsWithItsObject) {
  const int64_t pid =
      RunAndWait(*posix_.env().executors[0], LaunchAndDrop(&launcher_, Shell("exec sleep 1000")));
  EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

}  // namespace
}  // namespace dohle::env
