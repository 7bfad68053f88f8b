// What a follower asks of one leader, and what it makes of the answers: positions, the incremental fetch
// session (KIP-227), who waits for how long. The thinking of Kafka's fetcher thread, without the thread.
//
//   if (auto request = plan.Next(now_ms)) { … send it … }
//   plan.NoteAnswer(response)            or plan.NoteLost()
//   for each partition of the response:    plan.Judge(topic_id, data, now_ms)  →  what to do with it
//   … done …:                              plan.MoveTo(…), plan.Delay(…), plan.Fail(…)
//
// A partition is in one of four states: ready (is asked for), delayed (is asked for again after a time), held
// (Judge found that its log has to be mended: it isn't asked for until MoveTo), failed (until Follow gives it
// a newer leader epoch, or Forget).
//
// Pure: no time, no network, no log. One thread. Costs of Next grow with what has changed since the last one,
// but for the first of a session.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "broker/replica/partition.h"
#include "lib/base/ids.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/fetch_request.h"
#include "lib/kafka/messages/fetch_response.h"

namespace dohle::replica {

struct TopicIdPartition {
  TopicId topic_id;
  PartitionIndex partition;

  friend bool operator==(const TopicIdPartition&, const TopicIdPartition&) = default;
  friend auto operator<=>(const TopicIdPartition&, const TopicIdPartition&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const TopicIdPartition& key) {
    return H::combine(std::move(h), key.topic_id, key.partition);
  }
};

struct FetchPlanOptions {
  NodeId node_id = kNoNode;               // this broker
  int32_t partition_max_bytes = 1 << 20;  // replica.fetch.max.bytes
  int32_t response_max_bytes = 10 << 20;  // replica.fetch.response.max.bytes
  int32_t min_bytes = 1;                  // replica.fetch.min.bytes
  int32_t max_wait_ms = 500;              // replica.fetch.wait.max.ms
  int32_t backoff_ms = 1000;              // replica.fetch.backoff.ms: the longest delay
};

// What the answer asks for in one partition.
struct FetchVerdict {
  enum class Kind : uint8_t {
    kNothing,      // the partition has moved on since it was asked for, or was delayed: see `error`
    kAppend,       // what is in the answer, be it only a high watermark; then MoveTo
    kTruncate,     // to the diverging epoch; held
    kFindOffsets,  // it is out of range: ask for the leader's first and last offset; held
    kFailed,       // fetches no more in this leader epoch
  };
  Kind kind = Kind::kNothing;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;  // under which it was asked for
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  storage::EpochEnd diverging_epoch;
  int out_of_range = 0;  // how often in a row the leader has answered so, this time included
};

// How long until the next fetch may leave after an answer: none, or the back-off of a connection that failed.
enum class SessionVerdict : uint8_t {
  kFine,
  kNewSession,  // the answer has nothing in it; ask again at once, in a new session
  kRefused,     // likewise, but not at once: see the error code
};

class FetchPlan {
 public:
  explicit FetchPlan(FetchPlanOptions options) : options_(options) {}

  // Fetches the partition from now on, from `position`. Known in this leader epoch or a later one: nothing
  // changes. True if it is new.
  bool Follow(const TopicIdPartition& key, const FetchPosition& position);
  void Forget(const TopicIdPartition& key);

  // Whether Next would have something to ask for.
  bool AnyReady(int64_t now_ms);
  // The next request; nothing if no partition is ready. To be sent, answered or lost before the next Next.
  std::optional<kafka::FetchRequest> Next(BrokerEpoch broker_epoch, int64_t now_ms);
  // When a delayed partition becomes ready; nothing if there is none.
  std::optional<int64_t> next_due_ms() const;

  SessionVerdict NoteAnswer(const kafka::FetchResponse& response);
  // There will be no answer: the connection is gone.
  void NoteLost();

  FetchVerdict Judge(const TopicId& topic_id, const kafka::FetchResponse::PartitionData& data,
                     int64_t now_ms);

  // The log goes on at `position`: ready again. Each of the three does nothing if the partition has left or
  // is in another leader epoch by now.
  void MoveTo(const TopicIdPartition& key, const FetchPosition& position, Offset leader_high_watermark);
  // Something failed that may pass: tried again soon, later the more often it fails.
  void Delay(const TopicIdPartition& key, LeaderEpoch leader_epoch, int64_t now_ms);
  // At least until `until_ms`, for a quota. Not counted as a failure.
  void DelayUntil(const TopicIdPartition& key, LeaderEpoch leader_epoch, int64_t until_ms);
  void Fail(const TopicIdPartition& key, LeaderEpoch leader_epoch);

  // How often in a row it was delayed or held without an append in between.
  int attempts(const TopicIdPartition& key) const;
  // Null if it isn't followed here.
  const FetchPosition* Position(const TopicIdPartition& key) const;
  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  size_t failed() const { return failed_; }
  // Of the partition that is the furthest behind its leader's high watermark; 0 without any.
  int64_t max_lag() const;
  // Behind the leader's high watermark; -1: not known yet.
  int64_t lag(const TopicIdPartition& key) const;

 private:
  enum class State : uint8_t { kReady, kDelayed, kHeld, kFailed };
  struct Entry {
    FetchPosition position;
    FetchPosition asked;  // what the session knows, if in_session
    Offset leader_high_watermark{-1};
    int64_t due_ms = 0;  // if delayed
    int attempts = 0;
    int out_of_range = 0;  // how many of them
    State state = State::kReady;
    bool in_session = false;
    bool changed = false;  // is in changed_
  };
  using Entries = std::map<TopicIdPartition, Entry>;

  // Null unless it is there in that epoch.
  Entry* Find(const TopicIdPartition& key, LeaderEpoch leader_epoch);
  void Become(const TopicIdPartition& key, Entry& entry, State state);
  void NoteChange(const TopicIdPartition& key, Entry& entry);
  void WakeDelayed(int64_t now_ms);
  void AddEverything(kafka::FetchRequest* request);
  void AddChanges(kafka::FetchRequest* request);
  void Ask(const TopicIdPartition& key, Entry& entry, kafka::FetchRequest* request) const;
  void Retry(const TopicIdPartition& key, Entry& entry, int64_t now_ms);
  int32_t MaxWaitMs(int64_t now_ms) const;

  FetchPlanOptions options_;
  Entries entries_;
  size_t ready_ = 0, held_ = 0, failed_ = 0;
  std::vector<TopicIdPartition> changed_;  // may differ from what the session knows
  std::set<TopicIdPartition> forgotten_;   // the session knows them still
  std::set<std::pair<int64_t, TopicIdPartition>> delayed_;
  int32_t session_id_ = 0;
  int32_t session_epoch_ = 0;  // 0: the next fetch begins a session
  // Without a session the leader fills in the order of the request: who had its turn comes last.
  TopicIdPartition last_served_;
};

}  // namespace dohle::replica
