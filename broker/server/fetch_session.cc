#include "broker/server/fetch_session.h"

#include <algorithm>
#include <limits>

namespace dohle::server {
namespace {

// Kafka's MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS.
constexpr absl::Duration kEvictableAfter = absl::Minutes(2);

}  // namespace

void FetchSession::Update(std::vector<FetchPartitionRequest> requests) {
  for (FetchPartitionRequest& request : requests) {
    const auto found = by_key_.find(request.key);
    if (found != by_key_.end()) {
      found->second->request = std::move(request);
      continue;
    }
    order_.push_back(Entry{std::move(request), {}});
    const auto entry = std::prev(order_.end());
    by_key_.emplace(entry->request.key, entry);
  }
}

void FetchSession::Forget(const FetchPartitionKey& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  order_.erase(found->second);
  by_key_.erase(found);
}

std::vector<FetchPartitionRequest> FetchSession::Partitions() const {
  std::vector<FetchPartitionRequest> partitions;
  partitions.reserve(order_.size());
  for (const Entry& entry : order_) partitions.push_back(entry.request);
  return partitions;
}

bool FetchSession::NoteAnswer(const FetchPartitionKey& key, const FetchPartitionAnswer& answer) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return true;
  FetchPartitionAnswer& last = found->second->last;
  const bool changed = answer.has_records || answer.has_error || answer.diverging ||
                       answer.high_watermark != last.high_watermark ||
                       answer.log_start_offset != last.log_start_offset;
  last = answer;
  // After an error the next good answer is news again.
  if (answer.has_error) last.high_watermark = Offset(-1);
  if (answer.has_records) order_.splice(order_.end(), order_, found->second);
  return changed;
}

void FetchSession::AdvanceEpoch() { epoch_ = epoch_ == std::numeric_limits<int32_t>::max() ? 1 : epoch_ + 1; }

env::Task<std::shared_ptr<FetchSession>> FetchSessionCache::Find(int32_t id) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) co_return nullptr;
  found->second->last_used = clock_.Now();
  co_return found->second;
}

bool FetchSessionCache::MakeRoom(bool privileged) {
  if (sessions_.size() < most_sessions_) return true;
  const env::MonotonicTime now = clock_.Now();
  const auto evictable = [&](const FetchSession& session) {
    return (privileged && !session.privileged()) || now - session.last_used >= kEvictableAfter;
  };
  auto oldest = sessions_.end();
  for (auto one = sessions_.begin(); one != sessions_.end(); ++one) {
    if (!evictable(*one->second)) continue;
    if (oldest == sessions_.end() || one->second->last_used < oldest->second->last_used) oldest = one;
  }
  if (oldest == sessions_.end()) return false;
  sessions_.erase(oldest);
  evictions_.Increment();
  return true;
}

env::Task<std::shared_ptr<FetchSession>> FetchSessionCache::Create(bool uses_topic_ids, bool privileged) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  if (!MakeRoom(privileged)) co_return nullptr;
  int32_t id = kNoFetchSession;
  while (id == kNoFetchSession || sessions_.contains(id)) {
    id = static_cast<int32_t>(random_.Below(std::numeric_limits<int32_t>::max()));
  }
  auto session = std::make_shared<FetchSession>(id, uses_topic_ids, privileged);
  session->last_used = clock_.Now();
  sessions_.emplace(id, session);
  co_return session;
}

env::Task<void> FetchSessionCache::Remove(int32_t id) {
  env::LaneGuard in_lane = co_await lane_.Enter();
  sessions_.erase(id);
}

env::Task<size_t> FetchSessionCache::size() {
  env::LaneGuard in_lane = co_await lane_.Enter();
  co_return sessions_.size();
}

env::Task<std::vector<std::shared_ptr<FetchSession>>> FetchSessionCache::All() {
  std::vector<std::shared_ptr<FetchSession>> all;
  env::LaneGuard in_lane = co_await lane_.Enter();
  all.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) all.push_back(session);
  co_return all;
}

}  // namespace dohle::server
