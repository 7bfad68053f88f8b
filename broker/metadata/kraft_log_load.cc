// Loading: the newest snapshot, the log behind it, the quorum's state.
#include <algorithm>
#include <utility>

#include "broker/metadata/kraft_log.h"

namespace dohle::metadata {
namespace {

constexpr uint64_t kReadBytes = uint64_t{4} << 20;

MetadataLogOptions Sorted(MetadataLogOptions options) {
  std::vector<raft::Voter>& voters = options.static_voters.voters;
  std::sort(voters.begin(), voters.end(),
            [](const raft::Voter& a, const raft::Voter& b) { return a.key < b.key; });
  return options;
}

}  // namespace

KraftLog::KraftLog(MetadataLogOptions options)
    : options_(Sorted(std::move(options))),
      member_(options_, *this),
      follower_(member_),
      server_(member_),
      lane_(member_.lane()),
      replay_(std::make_shared<const MetadataImage>()),
      loaded_(replay_) {
  replay_.MarkEverything();
}

Status KraftLog::Load() {
  DOHLE_RETURN_IF_ERROR(member_.store().Open(options_.config, NowMs()));
  last_snapshot_ms_ = NowMs();
  DOHLE_RETURN_IF_ERROR(member_.store().ReadLatestSnapshot(&replay_));
  loaded_ = replay_;
  DOHLE_RETURN_IF_ERROR(ReplayStored());
  const raft::VoterSet& voters = member_.control().Latest().voters;
  if (voters.voters.empty() && options_.bootstrap_servers.empty()) {
    return MakeStatus(StatusCode::kFailedPrecondition,
                      "{}: no voters are known: format the directory with --standalone, or set "
                      "controller.quorum.voters or controller.quorum.bootstrap.servers",
                      member_.store().directory());
  }
  if (voters.IsOnlyVoter(member_.local())) {
    // Whatever is in the log will be committed.
    replay_.set_control(member_.control().Latest());
  } else if (options_.transport == nullptr) {
    return MakeStatus(StatusCode::kInvalidArgument, "a quorum of several members can't do without a network");
  } else {
    replay_ = loaded_;
    bytes_since_snapshot_ = 0;
  }
  DOHLE_RETURN_IF_ERROR(member_.MakeRaft());
  OnStepped();
  return OkStatus();
}

// All of it, which checks it, and for what its control records say: they count from when they are appended.
Status KraftLog::ReplayStored() {
  ControlHistory& control = member_.control();
  control.Reset(member_.WithStaticVoters(replay_.control()));
  const Offset end = log().log_end_offset();
  Offset next = std::max(replayed_end(), log().log_start_offset());
  while (next < end) {
    DOHLE_ASSIGN_OR_RETURN(
        next, member_.store().Read(next, end, kReadBytes, [&](const kafka::RecordBatchView& batch) {
          DOHLE_RETURN_IF_ERROR(replay_.Apply(batch));
          bytes_since_snapshot_ += batch.size();
          ControlState state = member_.WithStaticVoters(replay_.control());
          if (batch.is_control() && state != control.Latest())
            control.Add(batch.base_offset(), std::move(state));
          return OkStatus();
        }));
  }
  return OkStatus();
}

StatusOr<std::unique_ptr<MetadataLog>> MetadataLog::Open(MetadataLogOptions options) {
  auto log = std::make_unique<KraftLog>(std::move(options));
  DOHLE_RETURN_IF_ERROR(log->Load());
  return log;
}

}  // namespace dohle::metadata
