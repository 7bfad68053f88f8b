// The part of SimCluster that sends: elections, fetches, snapshots.
#include <fmt/format.h>

#include <algorithm>

#include "broker/raft/sim_cluster.h"

namespace dohle::raft {
namespace {

constexpr int64_t kRequestTimeoutMs = 500;
constexpr size_t kMaxRecordsOfFetch = 20;

}  // namespace

template <typename Answer>
void SimCluster::Call(Node& from, NodeId to, int64_t extra_ms, std::function<Answer(Node&)> serve,
                      std::function<void(Node&, const Answer&)> answered, std::function<void(Node&)> failed) {
  auto done = std::make_shared<bool>(false);
  const auto once = [done] { return !std::exchange(*done, true); };
  After(extra_ms + kRequestTimeoutMs, from, [once, failed](Node& n) {
    if (once()) failed(n);
  });
  const int copies = Chance(network_.duplicates) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (Chance(network_.loss)) continue;
    // What was sent arrives even if its sender dies; answers reach only the process that asked.
    auto answer_to = [this, &from, incarnation = from.incarnation](int64_t delay_ms, auto run) {
      if (from.incarnation == incarnation && from.raft.has_value()) After(delay_ms, from, run);
    };
    AtMs(now_ms_ + extra_ms + Delay(), [this, id = from.id, to, serve, answered, failed, once, answer_to] {
      if (cut_.contains({id, to})) return;
      Node& target = At(to);
      const bool way_back = !cut_.contains({to, id}) && !Chance(network_.loss);
      if (!target.raft.has_value()) {
        if (!way_back) return;
        return answer_to(Delay(), [this, to, once, failed](Node& n) {
          if (!once()) return;
          failed(n);
          if (options_.tells_gone && !At(to).raft.has_value()) Step(n, PeerGone{to});
        });
      }
      target.sync_ms = 0;
      const Answer answer = serve(target);
      const int64_t sync_ms = target.sync_ms;
      Settle(target);
      if (!way_back) return;
      answer_to(sync_ms + Delay(), [once, answered, answer](Node& n) {
        if (once()) answered(n, answer);
      });
    });
  }
}

void SimCluster::Send(Node& node, const SendVote& send) {
  const VoteRequest request = send.request;
  const ReplicaKey to = send.to;
  if (!request.pre_vote) checks_.OnVote(SimVoter(node.id).key, request.epoch, request.candidate);
  Call<VoteResponse>(
      node, to.id, node.sync_ms,
      [this, request](Node& n) {
        Answered<VoteResponse> answered = n.raft->Vote(request, now_ms_);
        if (answered.response.granted && !request.pre_vote) {
          checks_.OnVote(SimVoter(n.id).key, request.epoch, request.candidate);
        }
        Trace(fmt::format(
            "node {} {} {} of {} in epoch {}", n.id.value(), answered.response.granted ? "grants" : "refuses",
            request.pre_vote ? "pre-vote" : "vote", request.candidate.id.value(), request.epoch.value()));
        Perform(n, std::move(answered.effects));
        return answered.response;
      },
      [this, to, request](Node& n, const VoteResponse& response) {
        Step(n, VoteAnswered{to, request, response});
      },
      [this, to](Node& n) { Step(n, RequestFailed{to.id}); });
}

void SimCluster::Send(Node& node, const SendBeginQuorumEpoch& send) {
  const ReplicaKey to = send.to;
  Call<QuorumEpochResponse>(
      node, to.id, node.sync_ms,
      [this, request = send.request](Node& n) {
        Answered<QuorumEpochResponse> answered = n.raft->BeginQuorumEpoch(request, now_ms_);
        Perform(n, std::move(answered.effects));
        return answered.response;
      },
      [this, to](Node& n, const QuorumEpochResponse& response) {
        Step(n, BeginQuorumEpochAnswered{to, response});
      },
      [this, to](Node& n) { Step(n, RequestFailed{to.id}); });
}

void SimCluster::Send(Node& node, const SendEndQuorumEpoch& send) {
  const ReplicaKey to = send.to;
  Call<QuorumEpochResponse>(
      node, to.id, node.sync_ms,
      [this, request = send.request](Node& n) {
        Answered<QuorumEpochResponse> answered = n.raft->EndQuorumEpoch(request, now_ms_);
        Perform(n, std::move(answered.effects));
        return answered.response;
      },
      [this, to](Node& n, const QuorumEpochResponse& response) {
        Step(n, EndQuorumEpochAnswered{to, response});
      },
      [this, to](Node& n) { Step(n, RequestFailed{to.id}); });
}

void SimCluster::Fetch(Node& node) {
  const Raft::FetchTarget target = node.raft->fetch_target();
  if (node.fetching && target != node.fetching_from) node.fetching = false;
  if (node.fetching || target.kind == Raft::FetchTarget::Kind::kNobody) return;
  const bool on_disk = node.log.flushed() == node.log.End().offset;
  if (options_.flush_before_ack && !on_disk) return StartFlush(node);
  node.fetching = true;
  node.fetching_from = target;
  ++node.fetch;
  if (target.kind == Raft::FetchTarget::Kind::kLeader) return FetchFrom(node, target.leader);
  const std::vector<NodeId> all = ids();
  const NodeId any = all[static_cast<size_t>(Random(0, static_cast<int64_t>(all.size()) - 1))];
  if (any != node.id) return FetchFrom(node, any);
  After(10, node, [fetch = node.fetch](Node& n) {
    if (n.fetch == fetch) n.fetching = false;
  });
}

void SimCluster::FetchFrom(Node& node, NodeId from) {
  const OffsetAndEpoch end = node.log.End();
  const FetchRequest request{SimVoter(node.id).key, node.raft->epoch(), end.offset, end.epoch};
  const uint64_t fetch = node.fetch;
  Call<FetchAnswer>(
      node, from, 0,
      [this, request](Node& n) {
        Answered<FetchDecision> answered = n.raft->Fetch(request, now_ms_);
        Perform(n, std::move(answered.effects));
        const FetchDecision& decision = answered.response;
        FetchAnswer answer{
            {decision.error, decision.leader, decision.high_watermark, decision.diverging, decision.snapshot},
            {}};
        if (decision.error != RaftError::kNone || decision.diverging || decision.snapshot) return answer;
        for (Offset at = request.fetch_offset;
             at < n.log.End().offset && answer.records.size() < kMaxRecordsOfFetch; at = at + 1) {
          answer.records.push_back(n.log.At(at));
        }
        return answer;
      },
      [this, from, fetch, end](Node& n, const FetchAnswer& answer) {
        if (n.fetch != fetch || !n.fetching || n.log.End() != end) return;
        OnFetchAnswer(n, from, fetch, answer);
      },
      [this, from, fetch](Node& n) {
        if (n.fetch != fetch) return;
        Step(n, RequestFailed{from});
        After(Random(5, 20), n, [fetch](Node& m) {
          if (m.fetch == fetch) m.fetching = false;
        });
      });
}

void SimCluster::OnFetchAnswer(Node& node, NodeId from, uint64_t fetch, const FetchAnswer& answer) {
  node.brought = answer.records;
  Step(node, FetchAnswered{from, answer.response});
  node.brought.clear();
  if (node.fetch != fetch) return;  // of a snapshot, now
  const bool more = !answer.records.empty() || answer.response.diverging.has_value();
  After(more ? 0 : Random(1, options_.fetch_wait_ms), node, [fetch](Node& n) {
    if (n.fetch == fetch) n.fetching = false;
  });
}

void SimCluster::FetchSnapshotFrom(Node& node, const OffsetAndEpoch& id) {
  const NodeId from = node.raft->leader_id();
  const FetchSnapshotRequest request{SimVoter(node.id).key, node.raft->epoch(), id};
  const uint64_t fetch = ++node.fetch;
  node.fetching = true;
  node.fetching_from = node.raft->fetch_target();
  Call<SnapshotAnswer>(
      node, from, Random(0, 200),
      [this, request](Node& n) {
        const FetchDecision decision = n.raft->FetchSnapshotAllowed(request, now_ms_);
        SnapshotAnswer answer{decision.error, decision.leader, std::nullopt};
        if (answer.error == RaftError::kNone && n.log.snapshot().id != request.snapshot) {
          answer.error = RaftError::kSnapshotNotFound;
        }
        if (answer.error == RaftError::kNone) answer.snapshot = n.log.snapshot();
        return answer;
      },
      [this, from, fetch](Node& n, const SnapshotAnswer& answer) {
        if (n.fetch != fetch || !n.fetching) return;
        OnSnapshotAnswer(n, from, fetch, answer);
      },
      [fetch](Node& n) {
        if (n.fetch == fetch) n.fetching = false;
      });
}

void SimCluster::OnSnapshotAnswer(Node& node, NodeId from, uint64_t fetch, const SnapshotAnswer& answer) {
  Step(node, FetchSnapshotAnswered{from, answer.error, answer.leader});
  if (node.fetch != fetch) return;
  node.fetching = false;
  if (!answer.snapshot.has_value() || node.raft->fetch_target() != node.fetching_from) return;
  if (answer.snapshot->id.offset <= node.raft->high_watermark()) return;
  node.log.Install(*answer.snapshot);
  node.flush_target = node.log.End().offset;
  ++snapshots_fetched_;
  Step(node, Truncated{node.log.End()});
  TellVoters(node);
}

}  // namespace dohle::raft
