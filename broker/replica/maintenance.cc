#include "broker/replica/maintenance.h"

#include <atomic>
#include <utility>

#include "broker/replica/replica_set.h"
#include "lib/base/log.h"

namespace dohle::replica {
namespace {

using Job = env::Task<void> (*)(ReplicaSet& replicas);

env::Task<void> WriteCheckpoints(ReplicaSet& replicas) {
  Status written = co_await replicas.WriteCheckpoints();
  if (!written.ok()) log::Error("replica", "the checkpoints can't be written: {}", Message(written));
}
env::Task<void> ApplyRetention(ReplicaSet& replicas) { co_await replicas.ApplyRetention(); }
env::Task<void> FlushTails(ReplicaSet& replicas) { co_await replicas.FlushTails(); }
env::Task<void> CloseIdleFiles(ReplicaSet& replicas) { co_await replicas.CloseIdleFiles(); }
env::Task<void> CheckFollowers(ReplicaSet& replicas) { co_await replicas.CheckFollowers(); }
env::Task<void> CreateFiles(ReplicaSet& replicas) { co_await replicas.CreateFiles(); }
env::Task<void> CleanLogs(ReplicaSet& replicas) { co_await replicas.CleanLogs(); }
env::Task<void> RemoveWhatIsDue(ReplicaSet& replicas) { co_await replicas.RemoveWhatIsDue(); }

}  // namespace

struct Maintenance::State {
  State(MaintenanceOptions o, ReplicaSet& set) : options(o), replicas(set) {}

  const MaintenanceOptions options;
  ReplicaSet& replicas;
  env::StopSignal stop;
  std::atomic<int> running{0};
  const std::shared_ptr<env::OneShot<bool>> ended = std::make_shared<env::OneShot<bool>>();
  bool started = false;

  static env::Task<void> Repeat(std::shared_ptr<State> state, absl::Duration first, absl::Duration interval,
                                Job job) {
    bool stopped = co_await state->stop.SleepFor(first);
    while (!stopped) {
      co_await job(state->replicas);
      stopped = co_await state->stop.SleepFor(interval);
    }
    if (--state->running == 0) state->ended->Set(true);
  }
};

Maintenance::Maintenance(MaintenanceOptions options, ReplicaSet& replicas)
    : state_(std::make_shared<State>(options, replicas)) {}

Maintenance::~Maintenance() = default;

void Maintenance::Start(env::Executor& executor) {
  const MaintenanceOptions& options = state_->options;
  state_->started = true;
  state_->running = options.clean_logs ? 8 : 7;
  env::Spawn(executor,
             State::Repeat(state_, options.initial_delay, options.retention_check_interval, &ApplyRetention));
  env::Spawn(executor,
             State::Repeat(state_, options.initial_delay, options.checkpoint_interval, &WriteCheckpoints));
  env::Spawn(executor, State::Repeat(state_, options.flush_interval, options.flush_interval, &FlushTails));
  env::Spawn(executor,
             State::Repeat(state_, options.removal_interval, options.removal_interval, &RemoveWhatIsDue));
  env::Spawn(executor,
             State::Repeat(state_, options.idle_file_interval, options.idle_file_interval, &CloseIdleFiles));
  env::Spawn(executor,
             State::Repeat(state_, options.new_log_interval, options.new_log_interval, &CreateFiles));
  env::Spawn(executor, State::Repeat(state_, options.follower_check_interval, options.follower_check_interval,
                                     &CheckFollowers));
  if (!options.clean_logs) return;
  env::Spawn(executor,
             State::Repeat(state_, options.cleaning_interval, options.cleaning_interval, &CleanLogs));
}

env::Task<void> Maintenance::Stop() {
  if (!std::exchange(state_->started, false)) co_return;
  state_->replicas.StopCleaning();
  state_->stop.Stop();
  co_await state_->ended->WaitForever();
}

}  // namespace dohle::replica
