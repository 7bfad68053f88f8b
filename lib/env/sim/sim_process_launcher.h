// Programs of a simulation: what "runs" is decided by the test, which sees every launch and ends the
// processes. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/one_shot.h"
#include "lib/env/process.h"

namespace dohle::env {

// What the test holds of one process.
struct SimProcessState {
  int64_t pid = 0;
  ProcessSpec spec;
  bool running = true;
  std::vector<ProcessSignal> signals;
  // What a SIGTERM does; null: it ends with code 0 at once. SIGKILL ends it always.
  std::function<void()> on_terminate;
  std::shared_ptr<OneShot<ExitStatus>> done = std::make_shared<OneShot<ExitStatus>>();

  void Exit(ExitStatus status) {
    running = false;
    done->Set(status);
  }
};

class SimProcessLauncher : public ProcessLauncher {
 public:
  // Called for each launch, before Launch returns.
  using OnLaunch = std::function<Status(const std::shared_ptr<SimProcessState>&)>;
  explicit SimProcessLauncher(OnLaunch on_launch = nullptr) : on_launch_(std::move(on_launch)) {}

  StatusOr<std::unique_ptr<Process>> Launch(Executor& executor, const ProcessSpec& spec) override;

  // All that ever ran, in the order started.
  const std::vector<std::shared_ptr<SimProcessState>>& launched() const { return launched_; }
  // The latest whose program ends with `name`; null if there is none.
  std::shared_ptr<SimProcessState> Latest(const std::string& name) const;

 private:
  OnLaunch on_launch_;
  std::vector<std::shared_ptr<SimProcessState>> launched_;
};

}  // namespace dohle::env
