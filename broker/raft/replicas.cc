#include "broker/raft/replicas.h"

#include <algorithm>

namespace dohle::raft {
namespace {

constexpr int64_t kObserverSessionMs = 5 * 60 * 1000;
constexpr int64_t kCaughtUpWithinMs = 60 * 60 * 1000;

// The voter that `key` speaks for. With kraft.version 0 voters have no directory: the id alone says it.
const Voter* VoterOf(const VoterSet& voters, const ReplicaKey& key) {
  const Voter* voter = voters.Find(key.id);
  if (voter == nullptr) return nullptr;
  if (!voter->key.directory_id.is_zero() && voter->key.directory_id != key.directory_id) return nullptr;
  return voter;
}

}  // namespace

Replicas::Replicas(ReplicaKey local, int64_t timeout_ms, int64_t now_ms)
    : local_(local), timeout_ms_(timeout_ms), majority_deadline_ms_(now_ms + timeout_ms) {}

const Replicas::Progress* Replicas::Find(const ReplicaKey& key) const {
  const auto found = progress_.find(key);
  return found == progress_.end() ? nullptr : &found->second;
}

void Replicas::CountForMajority(const VoterSet& voters, const ReplicaKey& key, int64_t now_ms) {
  if (VoterOf(voters, key) == nullptr) return;
  heard_.insert(key.id);
  const size_t needed = voters.majority() - (voters.Contains(local_) ? 1 : 0);
  if (heard_.size() < needed) return;
  heard_.clear();
  majority_deadline_ms_ = now_ms + timeout_ms_;
}

void Replicas::Heard(const VoterSet& voters, const ReplicaKey& key, int64_t now_ms) {
  if (key.id.value() < 0 || key.id == local_.id) return;
  CountForMajority(voters, key, now_ms);
}

void Replicas::ExpectMajority(int64_t now_ms) {
  heard_.clear();
  majority_deadline_ms_ = now_ms + timeout_ms_;
}

void Replicas::Fetched(const VoterSet& voters, const ReplicaKey& key, Offset offset, Offset leader_end,
                       int64_t now_ms) {
  if (key.id.value() < 0 || key.id == local_.id) return;
  const Voter* voter = VoterOf(voters, key);
  Progress& progress = progress_[voter == nullptr ? key : voter->key];
  if (offset >= leader_end) {
    progress.last_caught_up_ms = now_ms;
  } else if (progress.leader_end_then > Offset(0) && offset >= progress.leader_end_then) {
    // It has reached what was the end when it asked before.
    progress.last_caught_up_ms = std::max(progress.last_caught_up_ms, progress.last_fetch_ms);
  }
  progress.leader_end_then = leader_end;
  progress.last_fetch_ms = std::max(progress.last_fetch_ms, now_ms);
  // It may be less than before: a replica that was stopped before its disk had all of it.
  progress.end = offset;
  CountForMajority(voters, key, now_ms);
}

Offset Replicas::ReplicatedTo(const VoterSet& voters, size_t needed, Offset local_end) const {
  std::vector<Offset> ends;
  for (const Voter& voter : voters.voters) {
    const bool is_local = voter.key.id == local_.id && voters.Contains(local_);
    const Progress* progress = Find(voter.key);
    ends.push_back(is_local ? local_end : progress == nullptr ? kNoOffset : progress->end);
  }
  if (needed == 0 || needed > ends.size()) return kNoOffset;
  std::sort(ends.begin(), ends.end(), std::greater<>());
  return ends[needed - 1];
}

bool Replicas::IsCaughtUpObserver(const VoterSet& voters, const ReplicaKey& key, int64_t now_ms) const {
  const Progress* progress = Find(key);
  if (progress == nullptr || VoterOf(voters, key) != nullptr) return false;
  return progress->last_caught_up_ms >= 0 && progress->last_fetch_ms > now_ms - kCaughtUpWithinMs;
}

int64_t Replicas::majority_deadline_ms(const VoterSet& voters) const {
  return voters.IsOnlyVoter(local_) ? INT64_MAX : majority_deadline_ms_;
}

int64_t Replicas::LastFetchMs(const VoterSet& voters, const ReplicaKey& key) const {
  const Voter* voter = VoterOf(voters, key);
  const Progress* progress = voter == nullptr ? nullptr : Find(voter->key);
  return progress == nullptr ? -1 : progress->last_fetch_ms;
}

std::vector<ReplicaKey> Replicas::Successors(const VoterSet& voters) const {
  std::vector<std::pair<Offset, ReplicaKey>> others;
  for (const Voter& voter : voters.voters) {
    if (voter.key.id == local_.id && voters.Contains(local_)) continue;
    const Progress* progress = Find(voter.key);
    others.emplace_back(progress == nullptr ? kNoOffset : progress->end, voter.key);
  }
  std::sort(others.begin(), others.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  std::vector<ReplicaKey> keys;
  for (const auto& [end, key] : others) keys.push_back(key);
  return keys;
}

std::vector<ReplicaProgress> Replicas::DescribeVoters(const VoterSet& voters, Offset log_end,
                                                      int64_t now_ms) const {
  std::vector<ReplicaProgress> described;
  for (const Voter& voter : voters.voters) {
    ReplicaProgress replica{voter.key, std::nullopt, -1, -1};
    if (const Progress* progress = Find(voter.key); progress != nullptr) {
      replica = {voter.key, progress->end, progress->last_fetch_ms, progress->last_caught_up_ms};
    }
    const bool is_local = voter.key.id == local_.id && voters.Contains(local_);
    if (is_local) replica = {voter.key, log_end, now_ms, now_ms};
    described.push_back(replica);
  }
  return described;
}

std::vector<ReplicaProgress> Replicas::DescribeObservers(const VoterSet& voters, int64_t now_ms) const {
  std::vector<ReplicaProgress> described;
  for (const auto& [key, progress] : progress_) {
    if (VoterOf(voters, key) != nullptr || now_ms - progress.last_fetch_ms >= kObserverSessionMs) continue;
    described.push_back({key, progress.end, progress.last_fetch_ms, progress.last_caught_up_ms});
  }
  return described;
}

void Replicas::ForgetSilent(const VoterSet& voters, int64_t now_ms) {
  std::erase_if(progress_, [&](const auto& entry) {
    return VoterOf(voters, entry.first) == nullptr &&
           now_ms - entry.second.last_fetch_ms >= kObserverSessionMs;
  });
}

}  // namespace dohle::raft
