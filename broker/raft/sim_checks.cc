#include "broker/raft/sim_checks.h"

#include <fmt/format.h>

#include <algorithm>

namespace dohle::raft {

void SimChecks::Fail(std::string what) {
  if (!violation_.has_value()) violation_ = std::move(what);
}

void SimChecks::OnVote(const ReplicaKey& voter, LeaderEpoch epoch, const ReplicaKey& candidate) {
  const auto [vote, first] = votes_.try_emplace({voter, epoch}, candidate);
  if (!first && vote->second != candidate) {
    Fail(fmt::format("one vote an epoch: node {} voted for {} and for {} in epoch {}", voter.id.value(),
                     vote->second.id.value(), candidate.id.value(), epoch.value()));
  }
}

void SimChecks::OnLeader(NodeId leader, LeaderEpoch epoch, const SimLog& log) {
  const auto [known, first] = leaders_.try_emplace(epoch, leader);
  if (!first)
    Fail(fmt::format("election safety: {} and {} lead epoch {}", known->second.value(), leader.value(),
                     epoch.value()));
  const Offset end = log.End().offset;
  for (Offset at = log.StartOffset(); at < committed(); at = at + 1) {
    const Committed& record = committed_[static_cast<size_t>(at.value())];
    if (record.in >= epoch) continue;
    if (at >= end || log.At(at) != record.record) {
      return Fail(
          fmt::format("leader completeness: node {} leads epoch {} without the record at {}, "
                      "committed in epoch {}",
                      leader.value(), epoch.value(), at.value(), record.in.value()));
    }
  }
}

void SimChecks::OnAppend(NodeId node, const SimLog& log) {
  const Offset offset = log.End().offset - 1;
  const SimRecord& record = log.At(offset);
  const Seen now{record.value, log.EpochBefore(offset)};
  const auto [seen, first] = seen_.try_emplace({record.epoch, offset}, now);
  if (first) return;
  if (seen->second.value != now.value || seen->second.before != now.before) {
    Fail(fmt::format("log matching: node {} has another record of epoch {} at {}", node.value(),
                     record.epoch.value(), offset.value()));
  }
}

void SimChecks::OnTruncate(NodeId node, const SimLog& log, Offset offset, Offset high_watermark) {
  if (offset < high_watermark || offset < log.StartOffset()) {
    Fail(fmt::format("node {} cuts its log at {}, below its high watermark {}", node.value(), offset.value(),
                     high_watermark.value()));
  }
}

void SimChecks::OnCommit(NodeId node, LeaderEpoch epoch, Offset before, Offset offset, const SimLog& log) {
  if (offset <= before)
    Fail(fmt::format("node {}: high watermark {} after {}", node.value(), offset.value(), before.value()));
  if (offset > log.End().offset) {
    return Fail(fmt::format("node {}: high watermark {} beyond its log's end {}", node.value(),
                            offset.value(), log.End().offset.value()));
  }
  if (committed() < log.StartOffset()) return Fail(fmt::format("node {}: unknown snapshot", node.value()));
  if (log.StartOffset() > Offset(0) &&
      committed_[static_cast<size_t>(log.StartOffset().value()) - 1].record.epoch !=
          log.EpochBefore(log.StartOffset())) {
    return Fail(fmt::format("node {}: its snapshot at {} isn't of what was committed", node.value(),
                            log.StartOffset().value()));
  }
  for (Offset at = std::max({log.StartOffset(), before, Offset(0)}); at < offset; at = at + 1) {
    if (at >= committed()) {
      committed_.push_back({log.At(at), epoch});
    } else if (committed_[static_cast<size_t>(at.value())].record != log.At(at)) {
      return Fail(
          fmt::format("state machine safety: node {} applies another record at {} than was "
                      "committed in epoch {}",
                      node.value(), at.value(), committed_[static_cast<size_t>(at.value())].in.value()));
    }
  }
}

void SimChecks::OnEpoch(NodeId node, LeaderEpoch epoch) {
  LeaderEpoch& last = epochs_[node];
  if (epoch < last)
    Fail(fmt::format("node {}: epoch {} after {}", node.value(), epoch.value(), last.value()));
  last = epoch;
}

}  // namespace dohle::raft
