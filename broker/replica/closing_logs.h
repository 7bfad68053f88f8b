// Closing thousands of logs at a clean shutdown. One fsync after the other, each a commit of the file
// system's journal, takes minutes; so where many logs of a directory have something to sync, their whole file
// system is synced once. Where it can't be, and where only a few have something, it is done file by file.
#pragma once

#include <memory>
#include <vector>

#include "broker/storage/log.h"
#include "broker/storage/log_directory.h"
#include "lib/env/blocking_pool.h"
#include "lib/env/task.h"

namespace dohle::replica {

struct ClosingLog {
  std::unique_ptr<storage::Log> log;
  const storage::LogDirectory* directory = nullptr;  // where it lies; null: synced file by file
};

// Writes and syncs what a clean shutdown needs, with `parallel` (> 0) works of the pool. OK: everything is on
// the disk, and the directories may be marked as cleanly shut down. Otherwise the first failure; the other
// logs are closed all the same. `logs` lives until the task is done; nothing else uses the logs.
env::Task<Status> CloseLogs(env::BlockingPool& pool, std::vector<ClosingLog>& logs, int parallel);

}  // namespace dohle::replica
