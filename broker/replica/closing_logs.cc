#include "broker/replica/closing_logs.h"

#include <atomic>
#include <map>
#include <optional>
#include <utility>

#include "lib/env/one_shot.h"

namespace dohle::replica {
namespace {

using storage::FlushPlan;
using storage::LogDirectory;

constexpr size_t kFewLogs = 16;

// The file systems whose sync saves many others.
std::map<const LogDirectory*, std::shared_ptr<env::WholeFileSystem>> SyncedTogether(
    const std::vector<ClosingLog>& logs) {
  std::map<const LogDirectory*, size_t> unflushed;
  for (const ClosingLog& closing : logs) {
    if (closing.directory != nullptr && closing.log->needs_flush()) ++unflushed[closing.directory];
  }
  std::map<const LogDirectory*, std::shared_ptr<env::WholeFileSystem>> together;
  for (const auto& [directory, count] : unflushed) {
    if (count >= kFewLogs && directory->whole_file_system() != nullptr)
      together[directory] = directory->whole_file_system();
  }
  return together;
}

struct Work {
  std::vector<ClosingLog>& logs;
  std::map<const LogDirectory*, std::shared_ptr<env::WholeFileSystem>> together;
  std::vector<std::optional<FlushPlan>> plans;  // of those that wait for their file system
  std::vector<Status> results;
  std::atomic<size_t> next{0};

  void CloseOne(size_t i) {
    if (!together.contains(logs[i].directory)) {
      results[i] = logs[i].log->Close();
      return;
    }
    auto plan = logs[i].log->PlanClose(storage::Log::FlushBy::kFileSystem);
    results[i] = plan.status();
    if (plan.ok()) plans[i] = *std::move(plan);
  }
  // What isn't marked stays a log that has to be recovered.
  Status SyncTogether() {
    for (const auto& [directory, whole] : together) DOHLE_RETURN_IF_ERROR(FlushPlan::Judge(whole->Sync()));
    for (size_t i = 0; i < logs.size(); ++i) {
      if (plans[i]) logs[i].log->MarkFlushed(*plans[i], 0);
    }
    return OkStatus();
  }
};

}  // namespace

env::Task<Status> CloseLogs(env::BlockingPool& pool, std::vector<ClosingLog>& logs, int parallel) {
  Work work{logs, SyncedTogether(logs), {}, {}};
  work.plans.resize(logs.size());
  work.results.resize(logs.size());
  std::vector<std::shared_ptr<env::OneShot<bool>>> workers;
  for (int i = 0; i < parallel; ++i) {
    auto done = std::make_shared<env::OneShot<bool>>();
    workers.push_back(done);
    pool.Submit([done, &work] {
      for (size_t at = work.next++; at < work.logs.size(); at = work.next++) work.CloseOne(at);
      done->Set(true);
    });
  }
  for (const auto& worker : workers) co_await worker->WaitForever();
  auto sync = [&work] { return work.SyncTogether(); };
  Status synced = co_await env::RunBlocking<Status>(pool, sync);
  for (const Status& result : work.results) DOHLE_CO_RETURN_IF_ERROR(result);
  co_return synced;
}

}  // namespace dohle::replica
