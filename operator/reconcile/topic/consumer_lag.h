// How far the groups of a cluster are behind, in records and in seconds. Pure: it is given what was committed
// and where partitions end, and remembers a bounded past of the latter.
//
// A group that has committed up to the end isn't behind, however long ago that was. Seconds are the age of
// the first record that it hasn't committed, as far as the ends that were seen tell; after a start of the
// operator they count from there. A group without members ("Empty") falls behind as any other.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/string_map.h"
#include "lib/kafka/client/admin.h"
#include "operator/api/topic.h"
#include "operator/reconcile/topic/offset_history.h"

namespace dohle::reconcile {

struct GroupOffsets {
  std::string group;
  std::string state;
  std::vector<kafka::client::CommittedOffset> offsets;
};

struct PartitionLag {
  std::string group;
  std::string topic;
  int32_t partition = 0;
  int64_t committed = 0;
  int64_t end = 0;
  int64_t records = 0;
  double seconds = 0;
};

// What is known of a cluster at one time; for metrics and statuses.
struct LagSnapshot {
  int64_t time_ms = 0;
  std::vector<PartitionLag> lags;           // by group, topic, partition; at most ConsumerLag's bound
  int64_t left_out = 0;                     // lags beyond it: in `largest`, not in `lags`
  StringMap<api::TopicLag> largest;         // by topic: of the group that is furthest behind
  StringMap<double> records_in_per_second;  // by topic
};

// Where snapshots go. On the operator's executor.
class LagSink {
 public:
  virtual ~LagSink() = default;
  virtual void Publish(const std::string& cluster, std::shared_ptr<const LagSnapshot> snapshot) = 0;
};

class ConsumerLag {
 public:
  explicit ConsumerLag(size_t most_lags = 50'000) : most_lags_(most_lags) {}

  // The end of every partition there is; the past of others is forgotten.
  struct End {
    std::string topic;
    int32_t partition = 0;
    int64_t offset = 0;
  };
  // Ends that couldn't be asked for are left out of `ends` and named in `unknown`: their past is kept.
  void AddEnds(int64_t now_ms, const std::vector<End>& ends,
               const std::vector<std::pair<std::string, int32_t>>& unknown);

  LagSnapshot Measure(int64_t now_ms, const std::vector<GroupOffsets>& groups) const;

 private:
  struct Partition {
    OffsetHistory history;
    uint64_t seen = 0;
  };
  PartitionLag LagOf(int64_t now_ms, const std::string& group,
                     const kafka::client::CommittedOffset& committed, const Partition& partition) const;

  const size_t most_lags_;
  std::map<std::string, std::map<int32_t, Partition>, std::less<>> topics_;
  uint64_t looks_ = 0;
};

}  // namespace dohle::reconcile
