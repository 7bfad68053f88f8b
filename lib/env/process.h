// The fifth seam, which only the operator's local mode uses: starting programs. Posix:
// posix/posix_process_launcher.h; in simulation: sim/sim_process_launcher.h.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/env/executor.h"
#include "lib/env/task.h"

namespace dohle::env {

struct ProcessSpec {
  std::vector<std::string> argv;  // at least the program: a path, not looked up
  std::vector<std::pair<std::string, std::string>> environment;  // all of it: nothing is inherited
  std::string working_directory;                                 // "": ours
  std::string output_file;  // standard output and error are appended to it; "": ours
};

enum class ProcessSignal { kTerminate, kKill };

struct ExitStatus {
  int code = 0;    // of exit(), if it ended so
  int signal = 0;  // that ended it; 0: none
};
// "exit code 1", "signal 9"
std::string ToString(const ExitStatus& status);

// A program that was started. All calls from its executor's thread.
class Process {
 public:
  // Kills it, if it hasn't ended; doesn't wait for that.
  virtual ~Process() = default;

  virtual int64_t pid() const = 0;
  // A no-op once it has ended.
  virtual void Signal(ProcessSignal signal) = 0;
  // Waits for its end. Once; the process outlives the wait.
  virtual Task<ExitStatus> Wait() = 0;
};

class ProcessLauncher {
 public:
  virtual ~ProcessLauncher() = default;
  // Starts a program in a process group of its own (a terminal's Ctrl-C doesn't reach it), with all signals
  // as they are by default and standard input empty. It is killed if our process ends, or `executor`, whose
  // thread this must be. Failures: kNotFound, kPermissionDenied, kInvalidArgument (it is no program),
  // kResourceExhausted.
  virtual StatusOr<std::unique_ptr<Process>> Launch(Executor& executor, const ProcessSpec& spec) = 0;
};

}  // namespace dohle::env
