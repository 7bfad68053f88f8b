// Brings a Log up from its directory: finishes interrupted compactions, finds the segments, recovers the tail
// after a crash, rebuilds producer state and leader epochs. Kafka's LogLoader, with one difference: where
// Kafka scans every segment past the recovery point from its begin, this scans from the recovery point.
#pragma once

#include <vector>

#include "broker/storage/log.h"
#include "broker/storage/segment.h"

namespace dohle::storage {

class LogLoader {
 public:
  LogLoader(Log& log, const LogOpenOptions& options) : log_(log), options_(options) {}

  Status Load();
  // Producer state as of `end_offset`: the latest snapshot and the batches after it.
  Status LoadProducers(Offset end_offset, int64_t now_ms);

 private:
  Status RemoveTemporaryFiles(std::vector<env::DirectoryEntry>& entries);
  Status FinishSwaps(std::vector<env::DirectoryEntry>& entries);
  Status OpenSegments(const std::vector<env::DirectoryEntry>& entries);
  Status RecoverTail();
  Status RecoverActive();
  Status FindLogEnd();
  Status DropAll();
  Status RebuildEpochs();
  Status Replay(Segment& segment, Offset end_offset);
  std::string PathOf(std::string_view name) const;

  Log& log_;
  LogOpenOptions options_;
  bool cut_ = false;  // recovery took records away
};

}  // namespace dohle::storage
