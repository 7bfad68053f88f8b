#include "broker/raft/sim_log.h"

#include <algorithm>

#include "lib/base/check.h"

namespace dohle::raft {

OffsetAndEpoch SimLog::End() const {
  const Offset end = snapshot_.id.offset + static_cast<int64_t>(records_.size());
  return {end, EpochBefore(end)};
}

const SimRecord& SimLog::At(Offset offset) const {
  DOHLE_CHECK(offset >= StartOffset() && offset < End().offset);
  return records_[static_cast<size_t>(offset - StartOffset())];
}

LeaderEpoch SimLog::EpochBefore(Offset offset) const {
  if (offset <= StartOffset()) return snapshot_.id.epoch;
  return records_[static_cast<size_t>(offset - StartOffset()) - 1].epoch;
}

OffsetAndEpoch SimLog::EndOffsetForEpoch(LeaderEpoch epoch) const {
  const auto end = std::upper_bound(records_.begin(), records_.end(), epoch,
                                    [](LeaderEpoch e, const SimRecord& record) { return e < record.epoch; });
  const Offset offset = StartOffset() + (end - records_.begin());
  return {offset, EpochBefore(offset)};
}

void SimLog::TruncateTo(Offset offset) {
  DOHLE_CHECK(offset >= StartOffset());
  records_.resize(static_cast<size_t>(offset - StartOffset()));
  flushed_ = std::min(flushed_, offset);
}

void SimLog::TakeSnapshot(Offset offset) {
  const OffsetAndEpoch id{offset, EpochBefore(offset)};
  VoterSet voters = VotersBefore(offset).first;
  records_.erase(records_.begin(), records_.begin() + (offset - StartOffset()));
  snapshot_ = {id, std::move(voters)};
  flushed_ = std::max(flushed_, offset);
}

void SimLog::Install(const SimSnapshot& snapshot) {
  records_.clear();
  snapshot_ = snapshot;
  flushed_ = snapshot.id.offset;
}

std::pair<VoterSet, Offset> SimLog::VotersBefore(Offset offset) const {
  for (Offset at = std::min(offset, End().offset); at > StartOffset(); at = at - 1) {
    const SimRecord& record = At(at - 1);
    if (record.voters.has_value()) return {*record.voters, at - 1};
  }
  return {snapshot_.voters, kNoOffset};
}

}  // namespace dohle::raft
