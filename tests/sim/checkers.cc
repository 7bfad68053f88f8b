#include "tests/sim/checkers.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace dohle::sim {
namespace {

using Violations = std::vector<std::string>;

const ReadRecord* RecordAt(const FinalLog& log, int64_t offset) {
  const auto found =
      std::lower_bound(log.records.begin(), log.records.end(), offset,
                       [](const ReadRecord& record, int64_t at) { return record.offset < at; });
  return found == log.records.end() || found->offset != offset ? nullptr : &*found;
}

struct Origin {
  const SentBatch* batch;
  int64_t number;
};
using Origins = std::unordered_map<std::string, Origin>;

std::map<TopicPartition, Origins> OriginsOf(const History& history) {
  std::map<TopicPartition, Origins> origins;
  for (const SentBatch& batch : history.batches()) {
    for (int32_t i = 0; i < batch.count; ++i)
      origins[batch.partition].emplace(RecordValue(batch, i), Origin{&batch, batch.first + i});
  }
  return origins;
}

// The broker has forgotten where, but promised that the records are there.
void CheckSomewhere(const SentBatch& batch, const FinalLog& log, Violations* violations) {
  for (int32_t i = 0; i < batch.count; ++i) {
    const std::string value = RecordValue(batch, i);
    const bool found = std::any_of(log.records.begin(), log.records.end(),
                                   [&](const ReadRecord& record) { return record.value == value; });
    if (found) continue;
    violations->push_back(
        fmt::format("{}: '{}' was acknowledged, and is lost", ToString(batch.partition), value));
    return;
  }
}

}  // namespace

std::string RecordValue(const SentBatch& batch, int32_t index) {
  return fmt::format("{}/p{}.{}.{}", ToString(batch.partition), batch.producer, batch.incarnation,
                     batch.first + index);
}

void CheckOffsets(const History& history, Violations* violations) {
  for (const auto& [partition, log] : history.final_logs()) {
    int64_t next = log.log_start_offset;
    for (const ReadRecord& record : log.records) {
      if (record.offset != next) {
        violations->push_back(
            fmt::format("{}: offset {} comes where {} is due", ToString(partition), record.offset, next));
        break;
      }
      ++next;
    }
    if (log.records.empty() ? log.high_watermark != log.log_start_offset : next < log.high_watermark) {
      violations->push_back(fmt::format("{}: the records end at {}, the high watermark is {}",
                                        ToString(partition), next, log.high_watermark));
    }
  }
}

void CheckRecords(const History& history, Violations* violations) {
  const std::map<TopicPartition, Origins> origins = OriginsOf(history);
  for (const auto& [partition, log] : history.final_logs()) {
    const auto sent = origins.find(partition);
    std::unordered_map<std::string_view, int64_t> first_seen;
    std::map<std::pair<int, int>, int64_t> last_number;
    for (const ReadRecord& record : log.records) {
      const auto origin = sent == origins.end() ? Origins::const_iterator() : sent->second.find(record.value);
      if (sent == origins.end() || origin == sent->second.end()) {
        violations->push_back(
            fmt::format("{} at {}: nobody sent '{}'", ToString(partition), record.offset, record.value));
        continue;
      }
      const auto [seen, fresh] = first_seen.emplace(record.value, record.offset);
      if (!fresh) {
        violations->push_back(fmt::format("{} at {}: '{}' stands at {}, too", ToString(partition),
                                          record.offset, record.value, seen->second));
        continue;
      }
      const SentBatch& batch = *origin->second.batch;
      if (!batch.idempotent) continue;
      auto& last = last_number.try_emplace({batch.producer, batch.incarnation}, -1).first->second;
      if (origin->second.number <= last) {
        violations->push_back(fmt::format("{} at {}: '{}' comes after number {} of its producer",
                                          ToString(partition), record.offset, record.value, last));
      }
      last = origin->second.number;
    }
  }
}

void CheckAcknowledged(const History& history, Violations* violations) {
  for (const SentBatch& batch : history.batches()) {
    if (!batch.base_offset || !history.Promised(batch.partition.topic, batch.acknowledged_at)) continue;
    const auto log = history.final_logs().find(batch.partition);
    if (log == history.final_logs().end()) continue;
    if (*batch.base_offset < 0) {
      CheckSomewhere(batch, log->second, violations);
      continue;
    }
    for (int32_t i = 0; i < batch.count; ++i) {
      const int64_t offset = *batch.base_offset + i;
      const ReadRecord* found = RecordAt(log->second, offset);
      const std::string value = RecordValue(batch, i);
      if (found != nullptr && found->value == value) continue;
      violations->push_back(
          fmt::format("{}: '{}' was acknowledged at offset {} at {:.3f} s, {}", ToString(batch.partition),
                      value, offset, static_cast<double>(batch.acknowledged_at.nanoseconds()) * 1e-9,
                      found == nullptr ? "and is lost" : "where now is '" + found->value + "'"));
      break;
    }
  }
}

void CheckReads(const History& history, Violations* violations) {
  for (const auto& [partition, reads] : history.reads()) {
    const auto log = history.final_logs().find(partition);
    if (log == history.final_logs().end()) continue;
    for (const ReadRecord& read : reads) {
      if (!history.Promised(partition.topic, read.at)) continue;
      const ReadRecord* found = RecordAt(log->second, read.offset);
      if (found != nullptr && found->value == read.value) continue;
      violations->push_back(
          fmt::format("{} at {}: '{}' was read, {}", ToString(partition), read.offset, read.value,
                      found == nullptr ? "and is lost" : "now it is '" + found->value + "'"));
      break;
    }
  }
}

void CheckCommits(const History& history, Violations* violations) {
  for (const auto& [where, seen] : history.seen()) {
    const auto commits = history.commits().find(where);
    if (commits == history.commits().end()) continue;
    for (const CommittedSeen& one : seen) {
      int64_t floor = -1;
      for (const Commit& commit : commits->second) {
        if (commit.acknowledged_at < one.asked_at && history.Promised("__consumer_offsets", commit.sent_at)) {
          floor = std::max(floor, commit.offset);
        }
      }
      if (one.offset >= floor) continue;
      violations->push_back(fmt::format("group {} of {}: {} was committed, at {:.3f} s it is {}", where.first,
                                        ToString(where.second), floor,
                                        static_cast<double>(one.seen_at.nanoseconds()) * 1e-9, one.offset));
    }
  }
}

std::vector<std::string> Check(const History& history) {
  std::vector<std::string> violations = history.violations();
  CheckOffsets(history, &violations);
  CheckRecords(history, &violations);
  CheckAcknowledged(history, &violations);
  CheckReads(history, &violations);
  CheckCommits(history, &violations);
  constexpr size_t kMost = 20;
  if (violations.size() > kMost) violations.resize(kMost);
  return violations;
}

}  // namespace dohle::sim
