#include "operator/reconcile/topic/consumer_lag.h"

#include <algorithm>
#include <tuple>

namespace dohle::reconcile {
namespace {

// Rates are those of about the last half minute.
constexpr int64_t kRateWindowMs = 30'000;

bool IsWorse(const api::TopicLag& lag, const api::TopicLag& than) {
  return std::tie(lag.records, lag.seconds) > std::tie(than.records, than.seconds);
}

}  // namespace

void ConsumerLag::AddEnds(int64_t now_ms, const std::vector<End>& ends,
                          const std::vector<std::pair<std::string, int32_t>>& unknown) {
  ++looks_;
  for (const End& end : ends) {
    Partition& partition = topics_[end.topic][end.partition];
    partition.history.Add(now_ms, end.offset);
    partition.seen = looks_;
  }
  for (const auto& [topic, index] : unknown) {
    const auto it = topics_.find(topic);
    if (it == topics_.end()) continue;
    const auto partition = it->second.find(index);
    if (partition != it->second.end()) partition->second.seen = looks_;
  }
  for (auto topic = topics_.begin(); topic != topics_.end();) {
    std::erase_if(topic->second, [this](const auto& entry) { return entry.second.seen != looks_; });
    topic = topic->second.empty() ? topics_.erase(topic) : std::next(topic);
  }
}

PartitionLag ConsumerLag::LagOf(int64_t now_ms, const std::string& group,
                                const kafka::client::CommittedOffset& committed,
                                const Partition& partition) const {
  PartitionLag lag;
  lag.group = group;
  lag.topic = committed.topic;
  lag.partition = committed.partition;
  lag.committed = committed.offset;
  lag.end = partition.history.end_offset();
  // A commit that was made since the end was asked for may be beyond it.
  lag.records = std::max<int64_t>(lag.end - committed.offset, 0);
  if (lag.records > 0) {
    const int64_t written_ms = partition.history.TimeOf(committed.offset).value_or(now_ms);
    lag.seconds = static_cast<double>(std::max<int64_t>(now_ms - written_ms, 0)) / 1000.0;
  }
  return lag;
}

LagSnapshot ConsumerLag::Measure(int64_t now_ms, const std::vector<GroupOffsets>& groups) const {
  LagSnapshot snapshot;
  snapshot.time_ms = now_ms;
  for (const auto& [name, partitions] : topics_) {
    double& rate = snapshot.records_in_per_second[name];
    for (const auto& [index, partition] : partitions) {
      rate += partition.history.RecordsPerSecond(kRateWindowMs);
    }
  }
  for (const GroupOffsets& group : groups) {
    StringMap<api::TopicLag> of_group;  // by topic: its partitions added up
    for (const kafka::client::CommittedOffset& committed : group.offsets) {
      const auto topic = topics_.find(committed.topic);
      if (topic == topics_.end()) continue;  // it was deleted since
      const auto partition = topic->second.find(committed.partition);
      if (partition == topic->second.end() || partition->second.history.empty()) continue;
      PartitionLag lag = LagOf(now_ms, group.group, committed, partition->second);
      api::TopicLag& sum = of_group[committed.topic];
      sum.group = lag.group;
      sum.records += lag.records;
      sum.seconds = std::max(sum.seconds, lag.seconds);
      if (snapshot.lags.size() < most_lags_) {
        snapshot.lags.push_back(std::move(lag));
      } else {
        ++snapshot.left_out;
      }
    }
    for (auto& [topic, lag] : of_group) {
      const auto [worst, first] = snapshot.largest.try_emplace(topic, lag);
      if (!first && IsWorse(lag, worst->second)) worst->second = lag;
    }
  }
  std::sort(snapshot.lags.begin(), snapshot.lags.end(), [](const PartitionLag& a, const PartitionLag& b) {
    return std::tie(a.group, a.topic, a.partition) < std::tie(b.group, b.topic, b.partition);
  });
  return snapshot;
}

}  // namespace dohle::reconcile
