// env::ProcessLauncher over fork and exec. The end of a child comes through its pidfd (Linux 5.3), so that no
// SIGCHLD is needed. Executors are those of PosixEnv.
#pragma once

#include <memory>

#include "lib/env/process.h"

namespace dohle::env {

class PosixProcessLauncher : public ProcessLauncher {
 public:
  StatusOr<std::unique_ptr<Process>> Launch(Executor& executor, const ProcessSpec& spec) override;
};

// The file that this process runs from; "" if the system won't say.
std::string OwnProgramPath();

}  // namespace dohle::env
