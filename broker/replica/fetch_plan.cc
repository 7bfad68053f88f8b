#include "broker/replica/fetch_plan.h"

#include <algorithm>
#include <limits>

#include "lib/base/check.h"

namespace dohle::replica {
namespace {

using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::FetchResponse;

// Followers and leaders learn of a new epoch within milliseconds of each other: waiting for
// replica.fetch.backoff.ms would be most of a failover.
constexpr int64_t kFirstDelayMs = 10;
constexpr int kMostDoublings = 20;
// How long a fetch may wait at the leader while logs are being mended here.
constexpr int32_t kWaitWhileMendingMs = 10;

bool SameQuestion(const FetchPosition& a, const FetchPosition& b) {
  return a.leader_epoch == b.leader_epoch && a.fetch_offset == b.fetch_offset &&
         a.last_fetched_epoch == b.last_fetched_epoch && a.log_start_offset == b.log_start_offset;
}

template <typename Topic>
Topic& TopicOf(std::vector<Topic>& topics, const TopicId& id) {
  if (topics.empty() || topics.back().topic_id != id) topics.emplace_back().topic_id = id;
  return topics.back();
}

}  // namespace

bool FetchPlan::Follow(const TopicIdPartition& key, const FetchPosition& position) {
  const auto [place, is_new] = entries_.try_emplace(key);
  Entry& entry = place->second;
  if (!is_new && entry.position.leader_epoch >= position.leader_epoch) return false;
  if (is_new) {
    ++ready_;
    // What is named and forgotten in one request is forgotten.
    entry.in_session = forgotten_.erase(key) > 0;
  }
  entry.position = position;
  entry.leader_high_watermark = kNoOffset;
  entry.attempts = entry.out_of_range = 0;
  Become(key, entry, State::kReady);
  NoteChange(key, entry);
  return true;
}

void FetchPlan::Forget(const TopicIdPartition& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  Become(key, entry, State::kReady);
  --ready_;
  if (entry.in_session) forgotten_.insert(key);
  entries_.erase(found);
}

FetchPlan::Entry* FetchPlan::Find(const TopicIdPartition& key, LeaderEpoch leader_epoch) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.position.leader_epoch != leader_epoch) return nullptr;
  return &found->second;
}

void FetchPlan::Become(const TopicIdPartition& key, Entry& entry, State state) {
  if (entry.state == State::kDelayed) delayed_.erase({entry.due_ms, key});
  const auto count = [this](State of) -> size_t* {
    if (of == State::kReady) return &ready_;
    if (of == State::kHeld) return &held_;
    return of == State::kFailed ? &failed_ : nullptr;
  };
  if (size_t* before = count(entry.state)) --*before;
  entry.state = state;
  if (size_t* after = count(state)) ++*after;
  NoteChange(key, entry);
}

void FetchPlan::NoteChange(const TopicIdPartition& key, Entry& entry) {
  if (std::exchange(entry.changed, true)) return;
  changed_.push_back(key);
}

void FetchPlan::WakeDelayed(int64_t now_ms) {
  while (!delayed_.empty() && delayed_.begin()->first <= now_ms) {
    const TopicIdPartition key = delayed_.begin()->second;
    Become(key, entries_.at(key), State::kReady);
  }
}

bool FetchPlan::AnyReady(int64_t now_ms) {
  WakeDelayed(now_ms);
  return ready_ > 0;
}

std::optional<FetchRequest> FetchPlan::Next(BrokerEpoch broker_epoch, int64_t now_ms) {
  if (!AnyReady(now_ms)) return std::nullopt;
  FetchRequest request;
  request.replica_id = options_.node_id.value();
  request.replica_state.replica_id = options_.node_id.value();
  request.replica_state.replica_epoch = broker_epoch.value();
  request.max_wait_ms = MaxWaitMs(now_ms);
  request.min_bytes = options_.min_bytes;
  request.max_bytes = options_.response_max_bytes;
  request.session_id = session_id_;
  request.session_epoch = session_epoch_;
  if (session_epoch_ == 0) {
    AddEverything(&request);
  } else {
    AddChanges(&request);
  }
  changed_.clear();
  forgotten_.clear();
  return request;
}

int32_t FetchPlan::MaxWaitMs(int64_t now_ms) const {
  int64_t wait_ms = options_.max_wait_ms;
  if (held_ > 0) wait_ms = std::min<int64_t>(wait_ms, kWaitWhileMendingMs);
  if (!delayed_.empty()) wait_ms = std::min(wait_ms, std::max<int64_t>(1, delayed_.begin()->first - now_ms));
  return static_cast<int32_t>(wait_ms);
}

void FetchPlan::AddEverything(FetchRequest* request) {
  const auto add = [&](Entries::iterator from, Entries::iterator to) {
    for (; from != to; ++from) {
      Entry& entry = from->second;
      entry.changed = false;
      entry.in_session = entry.state == State::kReady;
      if (entry.in_session) Ask(from->first, entry, request);
    }
  };
  const auto first = entries_.upper_bound(last_served_);
  add(first, entries_.end());
  add(entries_.begin(), first);
}

void FetchPlan::AddChanges(FetchRequest* request) {
  std::sort(changed_.begin(), changed_.end());
  for (const TopicIdPartition& key : changed_) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) continue;
    Entry& entry = found->second;
    if (!std::exchange(entry.changed, false)) continue;
    if (entry.state != State::kReady) {
      if (std::exchange(entry.in_session, false)) forgotten_.insert(key);
    } else if (!entry.in_session || !SameQuestion(entry.asked, entry.position)) {
      entry.in_session = true;
      Ask(key, entry, request);
    }
  }
  for (const TopicIdPartition& key : forgotten_) {
    TopicOf(request->forgotten_topics_data, key.topic_id).partitions.push_back(key.partition.value());
  }
}

void FetchPlan::Ask(const TopicIdPartition& key, Entry& entry, FetchRequest* request) const {
  entry.asked = entry.position;
  FetchRequest::FetchPartition& partition = TopicOf(request->topics, key.topic_id).partitions.emplace_back();
  partition.partition = key.partition.value();
  partition.current_leader_epoch = entry.position.leader_epoch.value();
  partition.fetch_offset = entry.position.fetch_offset.value();
  partition.last_fetched_epoch = entry.position.last_fetched_epoch.value();
  partition.log_start_offset = entry.position.log_start_offset.value();
  partition.partition_max_bytes = options_.partition_max_bytes;
}

std::optional<int64_t> FetchPlan::next_due_ms() const {
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first;
}

SessionVerdict FetchPlan::NoteAnswer(const FetchResponse& response) {
  const bool full = session_epoch_ == 0;
  switch (static_cast<ErrorCode>(response.error_code)) {
    case ErrorCode::kNone:
      break;
    case ErrorCode::kFetchSessionIdNotFound:
      session_id_ = 0;
      session_epoch_ = 0;
      return full ? SessionVerdict::kRefused : SessionVerdict::kNewSession;
    case ErrorCode::kInvalidFetchSessionEpoch:
    case ErrorCode::kFetchSessionTopicIdError:
      session_epoch_ = 0;
      return full ? SessionVerdict::kRefused : SessionVerdict::kNewSession;
    default:
      session_epoch_ = 0;
      return SessionVerdict::kRefused;
  }
  if (full) {
    // 0: the leader has no room for a session; every fetch is a full one then.
    session_id_ = response.session_id;
    session_epoch_ = session_id_ == 0 ? 0 : 1;
    return SessionVerdict::kFine;
  }
  if (response.session_id != session_id_) {
    session_epoch_ = 0;
    return SessionVerdict::kNewSession;
  }
  session_epoch_ = session_epoch_ == std::numeric_limits<int32_t>::max() ? 1 : session_epoch_ + 1;
  return SessionVerdict::kFine;
}

// Epoch 0 with the id of a session closes that one.
void FetchPlan::NoteLost() { session_epoch_ = 0; }

FetchVerdict FetchPlan::Judge(const TopicId& topic_id, const FetchResponse::PartitionData& data,
                              int64_t now_ms) {
  using Kind = FetchVerdict::Kind;
  FetchVerdict verdict;
  const TopicIdPartition key{topic_id, PartitionIndex(data.partition_index)};
  const auto found = entries_.find(key);
  if (found == entries_.end()) return verdict;
  Entry& entry = found->second;
  const bool current =
      entry.state == State::kReady && entry.in_session && SameQuestion(entry.asked, entry.position);
  if (!current) return verdict;
  verdict.leader_epoch = entry.position.leader_epoch;
  verdict.error = static_cast<ErrorCode>(data.error_code);
  switch (verdict.error) {
    case ErrorCode::kNone:
      if (data.diverging_epoch.end_offset >= 0 || data.diverging_epoch.epoch >= 0) {
        verdict.kind = Kind::kTruncate;
        verdict.diverging_epoch = {LeaderEpoch(data.diverging_epoch.epoch),
                                   Offset(data.diverging_epoch.end_offset)};
        ++entry.attempts;
        Become(key, entry, State::kHeld);
        return verdict;
      }
      verdict.kind = Kind::kAppend;
      if (data.records && !data.records->empty()) last_served_ = key;
      return verdict;
    case ErrorCode::kOffsetOutOfRange:
      verdict.kind = Kind::kFindOffsets;
      verdict.out_of_range = ++entry.out_of_range;
      ++entry.attempts;
      Become(key, entry, State::kHeld);
      return verdict;
    case ErrorCode::kFencedLeaderEpoch:
      // The leader knows of a later epoch: so will we.
      verdict.kind = Kind::kFailed;
      Become(key, entry, State::kFailed);
      return verdict;
    default:
      Retry(key, entry, now_ms);
      return verdict;
  }
}

void FetchPlan::Retry(const TopicIdPartition& key, Entry& entry, int64_t now_ms) {
  const int64_t delay_ms = kFirstDelayMs << std::min(entry.attempts, kMostDoublings);
  ++entry.attempts;
  Become(key, entry, State::kDelayed);
  entry.due_ms = now_ms + std::min<int64_t>(delay_ms, options_.backoff_ms);
  delayed_.insert({entry.due_ms, key});
}

void FetchPlan::MoveTo(const TopicIdPartition& key, const FetchPosition& position,
                       Offset leader_high_watermark) {
  Entry* entry = Find(key, position.leader_epoch);
  if (entry == nullptr || entry->state == State::kFailed) return;
  if (leader_high_watermark != kNoOffset) {
    entry->leader_high_watermark = leader_high_watermark;
    entry->attempts = entry->out_of_range = 0;
  }
  entry->position = position;
  if (entry->state != State::kReady) {
    Become(key, *entry, State::kReady);
  } else if (!SameQuestion(entry->asked, position)) {
    NoteChange(key, *entry);
  }
}

void FetchPlan::Delay(const TopicIdPartition& key, LeaderEpoch leader_epoch, int64_t now_ms) {
  Entry* entry = Find(key, leader_epoch);
  if (entry != nullptr && entry->state != State::kFailed) Retry(key, *entry, now_ms);
}

void FetchPlan::DelayUntil(const TopicIdPartition& key, LeaderEpoch leader_epoch, int64_t until_ms) {
  Entry* entry = Find(key, leader_epoch);
  if (entry == nullptr || entry->state != State::kReady) return;
  Become(key, *entry, State::kDelayed);
  entry->due_ms = until_ms;
  delayed_.insert({until_ms, key});
}

void FetchPlan::Fail(const TopicIdPartition& key, LeaderEpoch leader_epoch) {
  Entry* entry = Find(key, leader_epoch);
  if (entry != nullptr) Become(key, *entry, State::kFailed);
}

int FetchPlan::attempts(const TopicIdPartition& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? 0 : found->second.attempts;
}

const FetchPosition* FetchPlan::Position(const TopicIdPartition& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second.position;
}

int64_t FetchPlan::lag(const TopicIdPartition& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.leader_high_watermark == kNoOffset) return -1;
  return std::max<int64_t>(
      0, found->second.leader_high_watermark.value() - found->second.position.fetch_offset.value());
}

int64_t FetchPlan::max_lag() const {
  int64_t most = 0;
  for (const auto& [key, entry] : entries_) most = std::max(most, lag(key));
  return most;
}

}  // namespace dohle::replica
