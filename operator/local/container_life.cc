#include "operator/local/container_life.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/log.h"
#include "lib/http/http_client.h"
#include "operator/k8s/object.h"

namespace dohle::local {
namespace {

using k8s::Json;

// A container that has just been started is asked more often than its probe says, so that one that is up in
// milliseconds counts as such.
constexpr absl::Duration kFirstProbeInterval = absl::Milliseconds(50);
constexpr size_t kMaxProbeAnswerBytes = size_t{64} << 10;

}  // namespace

absl::Duration RestartBackOff::Ended(absl::Duration ran) {
  if (ran >= kForgetRestartsAfter) restarts_ = 0;
  if (restarts_++ == 0) return absl::ZeroDuration();
  const int doublings = std::min(restarts_ - 2, 10);
  return std::min(kFirstRestartDelay * (1 << doublings), kMaxRestartDelay);
}

std::optional<bool> ProbeCounter::Report(bool success) {
  int& count = success ? successes_ : failures_;
  (success ? failures_ : successes_) = 0;
  if (++count < (success ? success_threshold_ : failure_threshold_)) return std::nullopt;
  return success;
}

ContainerLife::ContainerLife(env::Env& env, env::Executor& executor, env::ProcessLauncher& launcher,
                             Settings settings, std::function<void()> on_change)
    : env_(env),
      executor_(executor),
      launcher_(launcher),
      settings_(std::move(settings)),
      on_change_(std::move(on_change)),
      restarts_(settings_.restarts) {}

int64_t ContainerLife::pid() const { return run_ == nullptr ? 0 : run_->process->pid(); }

void ContainerLife::SetWaiting(std::string reason, std::string message) {
  state_ = State::kWaiting;
  reason_ = std::move(reason);
  message_ = std::move(message);
}

// True: it ran and ended.
env::Task<bool> ContainerLife::RunOnce() {
  started_ms_ = env_.clock.WallTimeMs();
  env::ProcessSpec spec;
  spec.argv = settings_.plan.argv;
  spec.environment = settings_.plan.environment;
  spec.working_directory = settings_.plan.working_directory;
  spec.output_file = settings_.plan.log_file;
  StatusOr<std::unique_ptr<env::Process>> process = launcher_.Launch(executor_, spec);
  if (!process.ok()) {
    log::Error("pods", "{} does not start: {}", settings_.label, Message(process.status()));
    SetWaiting("RunContainerError", std::string(Message(process.status())));
    co_return false;
  }
  auto run = std::make_shared<RunState>();
  run->process = std::move(*process);
  run_ = run;
  state_ = State::kRunning;
  started_ = !settings_.plan.startup.has_value();
  ready_ = started_ && !settings_.plan.readiness.has_value();
  StartProbes(run, started_);
  on_change_();
  last_exit_ = co_await run->process->Wait();
  run->ended.Stop();
  run_ = nullptr;
  ready_ = started_ = false;
  has_ended_before_ = true;
  last_started_ms_ = started_ms_;
  last_ended_ms_ = env_.clock.WallTimeMs();
  co_return true;
}

env::Task<void> ContainerLife::Run() {
  const std::shared_ptr<ContainerLife> self = shared_from_this();
  for (bool first = true; !stop_.stopped(); first = false) {
    if (!first) ++restarts_;
    const env::MonotonicTime begin = env_.clock.Now();
    const bool ran = co_await RunOnce();
    if (stop_.stopped()) break;
    const bool failed = !ran || last_exit_.code != 0 || last_exit_.signal != 0;
    if (settings_.restart_policy == RestartPolicy::kNever ||
        (settings_.restart_policy == RestartPolicy::kOnFailure && !failed))
      break;
    const absl::Duration delay = back_off_.Ended(env_.clock.Now() - begin);
    const std::string next = delay == absl::ZeroDuration() ? "now" : "in " + absl::FormatDuration(delay);
    if (ran) {
      log::Warning("pods", "{} ended with {}, it is started again {}; its output is in {}", settings_.label,
                   env::ToString(last_exit_), next, settings_.plan.log_file);
      SetWaiting("CrashLoopBackOff", fmt::format("it ended with {}", env::ToString(last_exit_)));
    }
    on_change_();
    const bool stopped = co_await stop_.SleepFor(delay);
    if (stopped) break;
  }
  state_ = State::kTerminated;
  on_change_();
}

void ContainerLife::Stop(absl::Duration grace) {
  stop_.Stop();
  const std::shared_ptr<RunState> run = run_;
  if (run == nullptr) return;
  const env::MonotonicTime kill_at = env_.clock.Now() + grace;
  env::Spawn(executor_, Terminate(shared_from_this(), run, settings_.plan.pre_stop_sleep, kill_at));
}

env::Task<void> ContainerLife::Terminate(std::shared_ptr<ContainerLife> self, std::shared_ptr<RunState> run,
                                         absl::Duration pre_stop, env::MonotonicTime kill_at) {
  const bool first = !std::exchange(run->terminating, true);
  const auto left = [&] { return std::max(kill_at - self->env_.clock.Now(), absl::ZeroDuration()); };
  if (first) {
    const absl::Duration sleep = std::min(pre_stop, left());
    const bool stopped = co_await run->ended.SleepFor(sleep);
    if (stopped) co_return;
    run->process->Signal(env::ProcessSignal::kTerminate);
  }
  const bool stopped = co_await run->ended.SleepFor(left());
  if (stopped) co_return;
  log::Warning("pods", "{} did not end in time, it is killed", self->settings_.label);
  run->process->Signal(env::ProcessSignal::kKill);
}

void ContainerLife::StartProbes(const std::shared_ptr<RunState>& run, bool started) {
  const ContainerPlan& plan = settings_.plan;
  const auto start = [&](const std::optional<ProbePlan>& probe, ProbeKind kind) {
    if (probe) env::Spawn(executor_, ProbeLoop(shared_from_this(), run, *probe, kind));
  };
  if (!started) return start(plan.startup, ProbeKind::kStartup);
  start(plan.liveness, ProbeKind::kLiveness);
  start(plan.readiness, ProbeKind::kReadiness);
}

env::Task<Status> ContainerLife::Probe(const ProbePlan& plan) {
  env::Endpoint endpoint{plan.host.empty() ? settings_.pod_ip : plan.host, plan.port};
  if (!plan.http) {
    auto connection = co_await env_.transport.Connect(executor_, endpoint, plan.timeout);
    co_return connection.status();
  }
  http::HttpGetOptions options;
  options.timeout = plan.timeout;
  options.max_body_bytes = kMaxProbeAnswerBytes;
  options.headers = plan.headers;
  const StatusOr<http::HttpAnswer> answer =
      co_await http::HttpGet(env_.transport, executor_, endpoint, plan.path, options);
  if (!answer.ok()) co_return answer.status();
  if (answer->status >= 200 && answer->status < 400) co_return OkStatus();
  co_return MakeStatus(StatusCode::kUnavailable, "HTTP status {}: {}", answer->status,
                       answer->body.substr(0, 200));
}

env::Task<void> ContainerLife::ProbeLoop(std::shared_ptr<ContainerLife> self, std::shared_ptr<RunState> run,
                                         ProbePlan plan, ProbeKind kind) {
  const bool stopped = co_await run->ended.SleepFor(plan.initial_delay);
  if (stopped) co_return;
  ProbeCounter counter(plan.failure_threshold, plan.success_threshold);
  const bool hurry = kind != ProbeKind::kLiveness;
  absl::Duration interval = hurry ? std::min(kFirstProbeInterval, plan.period) : plan.period;
  env::MonotonicTime next_counted = self->env_.clock.Now();
  for (;;) {
    const Status probed = co_await self->Probe(plan);
    if (run->ended.stopped() || run->terminating) co_return;
    const env::MonotonicTime now = self->env_.clock.Now();
    // The hurried attempts before the first success don't count as failures.
    if (probed.ok() || now >= next_counted) {
      next_counted = now + plan.period;
      if (probed.ok()) interval = plan.period;
      const std::optional<bool> result = counter.Report(probed.ok());
      if (result == false && kind != ProbeKind::kReadiness)
        log::Warning("pods", "{} is not well: {}", self->settings_.label, Message(probed));
      if (result && !self->Judge(run, kind, *result)) co_return;
    }
    const bool ended = co_await run->ended.SleepFor(interval);
    if (ended) co_return;
    interval = std::min(interval * 3 / 2, plan.period);
  }
}

bool ContainerLife::Judge(const std::shared_ptr<RunState>& run, ProbeKind kind, bool success) {
  if (kind == ProbeKind::kReadiness) {
    if (ready_ != success) {
      ready_ = success;
      on_change_();
    }
    return true;
  }
  if (!success) {
    const env::MonotonicTime kill_at = env_.clock.Now() + settings_.liveness_grace;
    env::Spawn(executor_, Terminate(shared_from_this(), run, settings_.plan.pre_stop_sleep, kill_at));
    return false;
  }
  if (kind == ProbeKind::kLiveness) return true;
  started_ = true;
  ready_ = !settings_.plan.readiness.has_value();
  StartProbes(run, true);
  on_change_();
  return false;
}

Json ContainerLife::TerminatedJson() const {
  Json terminated = {{"exitCode", last_exit_.signal != 0 ? 128 + last_exit_.signal : last_exit_.code},
                     {"reason", last_exit_.code == 0 && last_exit_.signal == 0 ? "Completed" : "Error"},
                     {"startedAt", k8s::FormatTime(last_started_ms_)},
                     {"finishedAt", k8s::FormatTime(last_ended_ms_)}};
  if (last_exit_.signal != 0) terminated["signal"] = last_exit_.signal;
  return terminated;
}

Json ContainerLife::StatusJson() const {
  Json status = {
      {"name", settings_.plan.name}, {"image", settings_.plan.image}, {"imageID", ""}, {"ready", ready()},
      {"started", started_},         {"restartCount", restarts_}};
  switch (state_) {
    case State::kRunning:
      status["state"] = {{"running", {{"startedAt", k8s::FormatTime(started_ms_)}}}};
      break;
    case State::kWaiting:
      status["state"] = {{"waiting", {{"reason", reason_}, {"message", message_}}}};
      break;
    case State::kTerminated:
      status["state"] = {{"terminated", TerminatedJson()}};
      break;
  }
  if (has_ended_before_ && state_ != State::kTerminated)
    status["lastState"] = {{"terminated", TerminatedJson()}};
  return status;
}

}  // namespace dohle::local
