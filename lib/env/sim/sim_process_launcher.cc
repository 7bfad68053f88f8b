#include "lib/env/sim/sim_process_launcher.h"

#include <utility>

namespace dohle::env {
namespace {

constexpr int kSigkill = 9;

class SimProcess : public Process {
 public:
  explicit SimProcess(std::shared_ptr<SimProcessState> state) : state_(std::move(state)) {}
  ~SimProcess() override { SimProcess::Signal(ProcessSignal::kKill); }

  int64_t pid() const override { return state_->pid; }
  void Signal(ProcessSignal signal) override {
    if (!state_->running) return;
    state_->signals.push_back(signal);
    if (signal == ProcessSignal::kKill) {
      state_->Exit({0, kSigkill});
    } else if (state_->on_terminate) {
      state_->on_terminate();
    } else {
      state_->Exit({});
    }
  }
  Task<ExitStatus> Wait() override {
    const std::shared_ptr<OneShot<ExitStatus>> done = state_->done;
    const std::optional<ExitStatus> status = co_await done->WaitForever();
    co_return status.value_or(ExitStatus{});
  }

 private:
  const std::shared_ptr<SimProcessState> state_;
};

}  // namespace

StatusOr<std::unique_ptr<Process>> SimProcessLauncher::Launch(Executor&, const ProcessSpec& spec) {
  auto state = std::make_shared<SimProcessState>();
  state->pid = static_cast<int64_t>(launched_.size()) + 1;
  state->spec = spec;
  if (on_launch_) DOHLE_RETURN_IF_ERROR(on_launch_(state));
  launched_.push_back(state);
  return std::make_unique<SimProcess>(std::move(state));
}

std::shared_ptr<SimProcessState> SimProcessLauncher::Latest(const std::string& name) const {
  for (auto state = launched_.rbegin(); state != launched_.rend(); ++state) {
    if ((*state)->spec.argv.front().ends_with(name)) return *state;
  }
  return nullptr;
}

}  // namespace dohle::env
