// The life of one container of the local mode: its process, probes, restarts and end, as the kubelet does it.
// One executor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "lib/env/env.h"
#include "lib/env/process.h"
#include "lib/env/stop_signal.h"
#include "operator/k8s/json.h"
#include "operator/local/pod_plan.h"

namespace dohle::local {

// Kubernetes' back-off between restarts: the first at once, then 10 s doubling to 5 min; forgotten after 10
// min of running.
inline constexpr absl::Duration kFirstRestartDelay = absl::Seconds(10);
inline constexpr absl::Duration kMaxRestartDelay = absl::Minutes(5);
inline constexpr absl::Duration kForgetRestartsAfter = absl::Minutes(10);

enum class RestartPolicy { kAlways, kOnFailure, kNever };

// When to restart, decided purely.
class RestartBackOff {
 public:
  // It ran for so long and ended: how long to wait before it is started again.
  absl::Duration Ended(absl::Duration ran);

 private:
  int restarts_ = 0;
};

// What results of a probe mean: a change after so many in a row.
class ProbeCounter {
 public:
  ProbeCounter(int failure_threshold, int success_threshold)
      : failure_threshold_(failure_threshold), success_threshold_(success_threshold) {}
  // Whether a threshold is reached now: true = succeeded, false = failed, nothing = no change.
  std::optional<bool> Report(bool success);

 private:
  const int failure_threshold_;
  const int success_threshold_;
  int successes_ = 0;
  int failures_ = 0;
};

class ContainerLife : public std::enable_shared_from_this<ContainerLife> {
 public:
  struct Settings {
    ContainerPlan plan;
    std::string pod_ip;
    std::string label;  // for the log: "default/broker-0/broker"
    RestartPolicy restart_policy = RestartPolicy::kAlways;
    absl::Duration liveness_grace;  // before a container that failed its probe is killed
    int restarts = 0;               // so many there were before
  };
  // `on_change`: its status is another. Called until Run has ended.
  ContainerLife(env::Env& env, env::Executor& executor, env::ProcessLauncher& launcher, Settings settings,
                std::function<void()> on_change);

  // Starts, restarts; ends when it is stopped or has ended for good.
  env::Task<void> Run();
  // Ends it: what preStop says, SIGTERM, and SIGKILL `grace` after the call. A second call can only shorten
  // the grace.
  void Stop(absl::Duration grace);

  bool ready() const { return ready_ && running(); }
  bool running() const { return state_ == State::kRunning; }
  // It ended and won't be started again.
  bool ended() const { return state_ == State::kTerminated; }
  bool succeeded() const { return ended() && last_exit_.code == 0 && last_exit_.signal == 0; }
  int64_t pid() const;
  // core/v1 ContainerStatus.
  k8s::Json StatusJson() const;

 private:
  enum class State { kWaiting, kRunning, kTerminated };
  enum class ProbeKind { kStartup, kLiveness, kReadiness };
  // One process: what its probes share.
  struct RunState {
    std::unique_ptr<env::Process> process;
    env::StopSignal ended;
    bool terminating = false;
  };

  env::Task<bool> RunOnce();
  void StartProbes(const std::shared_ptr<RunState>& run, bool started);
  static env::Task<void> ProbeLoop(std::shared_ptr<ContainerLife> self, std::shared_ptr<RunState> run,
                                   ProbePlan plan, ProbeKind kind);
  // False: the loop is over.
  bool Judge(const std::shared_ptr<RunState>& run, ProbeKind kind, bool success);
  static env::Task<void> Terminate(std::shared_ptr<ContainerLife> self, std::shared_ptr<RunState> run,
                                   absl::Duration pre_stop, env::MonotonicTime kill_at);
  env::Task<Status> Probe(const ProbePlan& plan);
  void SetWaiting(std::string reason, std::string message);
  k8s::Json TerminatedJson() const;

  env::Env& env_;
  env::Executor& executor_;
  env::ProcessLauncher& launcher_;
  const Settings settings_;
  const std::function<void()> on_change_;
  RestartBackOff back_off_;
  std::shared_ptr<RunState> run_;
  env::StopSignal stop_;

  State state_ = State::kWaiting;
  std::string reason_ = "ContainerCreating";
  std::string message_;
  bool started_ = false;
  bool ready_ = false;
  int restarts_ = 0;
  bool has_ended_before_ = false;
  env::ExitStatus last_exit_;
  int64_t started_ms_ = 0;
  int64_t last_started_ms_ = 0;
  int64_t last_ended_ms_ = 0;
};

}  // namespace dohle::local
