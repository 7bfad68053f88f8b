// What the clients of a simulation did and saw, and what was done to the brokers. The workload writes it, the
// checkers read it; neither knows the other.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/ids.h"
#include "lib/env/clock.h"

namespace dohle::sim {

using env::MonotonicTime;

// One batch of records, sent once or (by an idempotent producer) until it is acknowledged.
struct SentBatch {
  int producer = 0;
  // Grows when the producer asks for a new id; order and repetition are promised within one.
  int incarnation = 0;
  bool idempotent = false;
  TopicPartition partition;
  int64_t first = 0;  // the number of its first record, counted by the producer
  int32_t count = 0;
  std::optional<int64_t> base_offset;  // once acknowledged; -1: the broker didn't say where
  MonotonicTime
      acknowledged_at;  // when the request was sent: its answer may outlive a loss of power on the wire
};

// The value of a record says who sent it.
std::string RecordValue(const SentBatch& batch, int32_t index);

struct ReadRecord {
  int64_t offset = 0;
  std::string value;
  MonotonicTime at;
};

struct Commit {
  int64_t offset = 0;
  MonotonicTime sent_at;
  MonotonicTime acknowledged_at;
};
struct CommittedSeen {
  int64_t offset = -1;  // -1: none
  MonotonicTime asked_at;
  MonotonicTime seen_at;
};

// What was in a partition at the end, read from its start to its high watermark.
struct FinalLog {
  int64_t log_start_offset = 0;
  int64_t high_watermark = 0;
  std::vector<ReadRecord> records;
};

using GroupPartition = std::pair<std::string, TopicPartition>;

class History {
 public:
  // --- producers
  size_t Sent(SentBatch batch) {
    batches_.push_back(std::move(batch));
    return batches_.size() - 1;
  }
  void Acknowledged(size_t batch, int64_t base_offset, MonotonicTime now) {
    batches_[batch].base_offset = base_offset;
    batches_[batch].acknowledged_at = now;
  }
  // --- consumers
  void Read(const TopicPartition& partition, int64_t offset, std::string_view value, MonotonicTime now) {
    reads_[partition].push_back({offset, std::string(value), now});
  }
  void Committed(const GroupPartition& where, int64_t offset, MonotonicTime sent_at, MonotonicTime now) {
    commits_[where].push_back({offset, sent_at, now});
  }
  void SawCommitted(const GroupPartition& where, int64_t offset, MonotonicTime asked_at, MonotonicTime now) {
    seen_[where].push_back({offset, asked_at, now});
  }
  // --- faults
  void PowerCut(MonotonicTime now) { power_cuts_.push_back(now); }
  // --- the end
  void Final(const TopicPartition& partition, FinalLog log) { final_[partition] = std::move(log); }
  // Something that no checker can see in the rest: the workload met an answer that may not be.
  void Violation(std::string what) { violations_.push_back(std::move(what)); }

  // A disk has put a write elsewhere and isn't found out yet: what is read until `until` may be anything, and
  // says nothing of what will be there. Clients see it by the checksums.
  void DiskLies(MonotonicTime until) { disk_lies_until_ = until; }
  bool DiskMayLie(MonotonicTime now) const { return now < disk_lies_until_; }

  // Topics that lose nothing acknowledged when the power is cut (flush.messages=1).
  void SetDurable(const std::string& topic, bool durable) { durable_[topic] = durable; }
  bool IsDurable(const std::string& topic) const {
    const auto found = durable_.find(topic);
    return found != durable_.end() && found->second;
  }
  // Whether what a topic held at `since` must still be there.
  bool Promised(const std::string& topic, MonotonicTime since) const {
    return IsDurable(topic) || power_cuts_.empty() || power_cuts_.back() < since;
  }

  const std::vector<SentBatch>& batches() const { return batches_; }
  const std::map<TopicPartition, std::vector<ReadRecord>>& reads() const { return reads_; }
  const std::map<GroupPartition, std::vector<Commit>>& commits() const { return commits_; }
  const std::map<GroupPartition, std::vector<CommittedSeen>>& seen() const { return seen_; }
  const std::map<TopicPartition, FinalLog>& final_logs() const { return final_; }
  const std::vector<std::string>& violations() const { return violations_; }
  const std::vector<MonotonicTime>& power_cuts() const { return power_cuts_; }

 private:
  std::vector<SentBatch> batches_;
  std::map<TopicPartition, std::vector<ReadRecord>> reads_;
  std::map<GroupPartition, std::vector<Commit>> commits_;
  std::map<GroupPartition, std::vector<CommittedSeen>> seen_;
  std::map<TopicPartition, FinalLog> final_;
  std::map<std::string, bool> durable_;
  std::vector<MonotonicTime> power_cuts_;
  std::vector<std::string> violations_;
  MonotonicTime disk_lies_until_;
};

}  // namespace dohle::sim
