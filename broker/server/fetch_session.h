// Incremental fetch sessions (KIP-227): the broker remembers what a consumer or follower fetches, so that
// requests and answers carry only what changed.
//
// A FetchSession belongs to its lane. The cache is used from any thread, through its own lane.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/ids.h"
#include "lib/base/metrics.h"
#include "lib/env/clock.h"
#include "lib/env/lane.h"
#include "lib/env/random.h"
#include "lib/env/task.h"

namespace dohle::server {

inline constexpr int32_t kNoFetchSession = 0;
inline constexpr int32_t kInitialFetchEpoch = 0;  // asks for a new session
inline constexpr int32_t kFinalFetchEpoch = -1;   // wants none

// What a client asks of one partition. Below Fetch 13 the topic is named, from then on it is identified.
struct FetchPartitionKey {
  std::string topic;
  TopicId topic_id;
  PartitionIndex partition;

  friend bool operator==(const FetchPartitionKey&, const FetchPartitionKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const FetchPartitionKey& key) {
    return H::combine(std::move(h), key.topic, key.topic_id, key.partition);
  }
};

struct FetchPartitionRequest {
  FetchPartitionKey key;
  Offset fetch_offset{0};
  LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
  LeaderEpoch last_fetched_epoch = kNoLeaderEpoch;
  int32_t max_bytes = 0;
  // Of followers.
  Offset log_start_offset{-1};
  Offset high_watermark{INT64_MAX};  // that it knows (KIP-1166); INT64_MAX: it doesn't say
};

// What the session's last answer said of a partition.
struct FetchPartitionAnswer {
  Offset high_watermark{-1};
  Offset log_start_offset{-1};
  bool has_records = false;
  bool has_error = false;
  bool diverging = false;
};

class FetchSession {
 public:
  // `privileged`: a follower's.
  FetchSession(int32_t id, bool uses_topic_ids, bool privileged = false)
      : id_(id), uses_topic_ids_(uses_topic_ids), privileged_(privileged) {}

  int32_t id() const { return id_; }
  int32_t epoch() const { return epoch_; }  // that the next request must carry
  bool uses_topic_ids() const { return uses_topic_ids_; }
  bool privileged() const { return privileged_; }
  size_t size() const { return order_.size(); }

  // Adds partitions, or changes what is asked of them.
  void Update(std::vector<FetchPartitionRequest> requests);
  void Forget(const FetchPartitionKey& key);
  // Everything that this fetch asks for, in the order in which it is to be filled.
  std::vector<FetchPartitionRequest> Partitions() const;
  // Notes what is about to be answered; false if it needn't be said. A partition that gave records goes to
  // the end of the order, so that all get their turn.
  bool NoteAnswer(const FetchPartitionKey& key, const FetchPartitionAnswer& answer);
  void AdvanceEpoch();

  env::Lane lane;
  env::MonotonicTime last_used;  // the cache's

 private:
  struct Entry {
    FetchPartitionRequest request;
    FetchPartitionAnswer last;
  };

  const int32_t id_;
  const bool uses_topic_ids_;
  const bool privileged_;
  int32_t epoch_ = 1;
  std::list<Entry> order_;
  absl::flat_hash_map<FetchPartitionKey, std::list<Entry>::iterator> by_key_;
};

class FetchSessionCache {
 public:
  // `most_sessions`: max.incremental.fetch.session.cache.slots. Both references outlive the cache.
  FetchSessionCache(size_t most_sessions, const env::Clock& clock, env::Random& random,
                    metrics::Counter evictions = {})
      : most_sessions_(most_sessions), clock_(clock), random_(random), evictions_(std::move(evictions)) {}

  // Null if there is no such session.
  env::Task<std::shared_ptr<FetchSession>> Find(int32_t id);
  // Null if the cache is full of sessions that are in use: the client then goes on without one.
  env::Task<std::shared_ptr<FetchSession>> Create(bool uses_topic_ids, bool privileged = false);
  env::Task<void> Remove(int32_t id);
  env::Task<size_t> size();
  // As of now, in no order.
  env::Task<std::vector<std::shared_ptr<FetchSession>>> All();

 private:
  // Makes room by dropping the session that has been unused for the longest, if for long enough, or for a
  // follower any of a consumer (KIP-227).
  bool MakeRoom(bool privileged);

  const size_t most_sessions_;
  const env::Clock& clock_;
  env::Random& random_;
  const metrics::Counter evictions_;
  env::Lane lane_;
  absl::flat_hash_map<int32_t, std::shared_ptr<FetchSession>> sessions_;
};

}  // namespace dohle::server
