#include "broker/raft/sim_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lib/base/check.h"

namespace dohle::raft {
Voter SimVoter(NodeId id) {
  return {{id, DirectoryId(7, static_cast<uint64_t>(id.value()))},
          {{"CONTROLLER", fmt::format("node{}", id.value()), 9093}},
          0,
          1};
}

SimCluster::SimCluster(SimOptions options) : options_(options), chance_(options.seed) {
  VoterSet voters;
  for (int i = 1; i <= options_.voters; ++i) voters.voters.push_back(SimVoter(NodeId(i)));
  for (int i = 1; i <= options_.nodes; ++i) {
    nodes_[NodeId(i)] = std::make_unique<Node>(NodeId(i), voters);
  }
}

SimCluster::~SimCluster() = default;

SimCluster::Node& SimCluster::At(NodeId id) { return *nodes_.at(id); }
bool SimCluster::is_up(NodeId id) const { return nodes_.at(id)->raft.has_value(); }
const Raft& SimCluster::raft(NodeId id) const { return *nodes_.at(id)->raft; }
const SimLog& SimCluster::log(NodeId id) const { return nodes_.at(id)->log; }

std::vector<NodeId> SimCluster::ids() const {
  std::vector<NodeId> ids;
  for (const auto& [id, node] : nodes_) ids.push_back(id);
  return ids;
}

std::optional<NodeId> SimCluster::leader() const {
  std::optional<NodeId> leader;
  for (const auto& [id, node] : nodes_) {
    if (!node->raft.has_value() || !node->raft->is_leader()) continue;
    if (!leader.has_value() || node->raft->epoch() > raft(*leader).epoch()) leader = id;
  }
  return leader;
}

int64_t SimCluster::Random(int64_t from, int64_t to) { return from + chance_.Below(to - from + 1); }

bool SimCluster::Chance(double p) { return static_cast<double>(chance_.Next() >> 11) * 0x1p-53 < p; }
int64_t SimCluster::Delay() { return Random(network_.min_delay_ms, network_.max_delay_ms); }

void SimCluster::Trace(const std::string& line) {
  if (options_.traced) trace_ += fmt::format("{:8} {}\n", now_ms_, line);
}

void SimCluster::AtMs(int64_t at_ms, std::function<void()> run) {
  queue_.push({at_ms, order_++, std::move(run)});
}

void SimCluster::After(int64_t delay_ms, Node& node, std::function<void(Node&)> run) {
  AtMs(now_ms_ + delay_ms, [this, &node, incarnation = node.incarnation, run = std::move(run)] {
    if (node.incarnation != incarnation || !node.raft.has_value()) return;
    run(node);
    Settle(node);
  });
}

void SimCluster::RunFor(int64_t ms) {
  const int64_t end_ms = now_ms_ + ms;
  (void)RunUntil([] { return false; }, ms);
  now_ms_ = end_ms;
}

bool SimCluster::RunUntil(const std::function<bool()>& condition, int64_t within_ms) {
  const int64_t end_ms = now_ms_ + within_ms;
  while (!condition()) {
    if (queue_.empty() || queue_.top().at_ms > end_ms || checks_.violation().has_value()) return false;
    const Event event = queue_.top();
    queue_.pop();
    now_ms_ = event.at_ms;
    ++events_;
    event.run();
  }
  return true;
}

// ---- processes

void SimCluster::Start(NodeId id) {
  Node& node = At(id);
  if (node.raft.has_value()) return;
  RaftConfig config;
  const auto [voters, offset] = node.log.VotersBefore(node.log.End().offset);
  config.local = SimVoter(id).key;
  config.voters = voters;
  config.voters_in_log = node.log.End().offset > Offset(0);
  config.persisted = node.election;
  config.persisted.epoch = std::max(config.persisted.epoch, node.log.End().epoch);
  if (config.persisted.epoch != node.election.epoch) config.persisted = {config.persisted.epoch, kNoNode, {}};
  config.local_endpoints = SimVoter(id).endpoints;
  config.log = &node.log;
  config.random_seed = chance_.Next();
  config.rules = options_.rules;
  StatusOr<Raft> raft = Raft::Create(std::move(config));
  DOHLE_CHECK(raft.ok());
  ++node.incarnation;
  node.raft.emplace(*std::move(raft));
  node.timer_ms = INT64_MAX;
  node.fetching = node.flushing = node.performing = false;
  node.todo.clear();
  node.brought.clear();
  node.applied = kNoOffset;
  Trace(fmt::format("node {} starts: epoch {}, log end {}", id.value(), node.election.epoch.value(),
                    node.log.End().offset.value()));
  const Offset recovered = node.log.End().offset;
  Step(node, Started{});
  Step(node, Flushed{recovered});
  Settle(node);
}

void SimCluster::StartAll() {
  for (const auto& [id, node] : nodes_) Start(id);
}

void SimCluster::Kill(NodeId id) {
  Node& node = At(id);
  if (!node.raft.has_value()) return;
  node.raft.reset();
  ++node.incarnation;
  // Some of what was written may have reached the disk by itself.
  const Offset kept(Random(node.log.flushed().value(), node.log.End().offset.value()));
  Trace(fmt::format("node {} is killed: keeps {} of {} records", id.value(), kept.value(),
                    node.log.End().offset.value()));
  node.log.TruncateTo(kept);
  node.log.Flush(kept);
  TellGone(id);
}

void SimCluster::Stop(NodeId id) {
  Node& node = At(id);
  if (!node.raft.has_value()) return;
  Trace(fmt::format("node {} stops", id.value()));
  Step(node, Resign{});
  Settle(node);
  After(Random(1, 500), node, [this](Node& n) { Kill(n.id); });
}

void SimCluster::TellGone(NodeId id) {
  if (!options_.tells_gone) return;
  for (const auto& [other, node] : nodes_) {
    if (other == id || !node->raft.has_value() || cut_.contains({id, other})) continue;
    After(Delay(), *node, [this, id](Node& n) {
      if (!At(id).raft.has_value()) Step(n, PeerGone{id});
    });
  }
}

void SimCluster::FalseAlarm(NodeId at, NodeId gone) {
  Node& node = At(at);
  if (!node.raft.has_value()) return;
  Step(node, PeerGone{gone});
  Settle(node);
}

// ---- the driver's part

void SimCluster::Step(Node& node, const Input& input) { Perform(node, node.raft->Step(input, now_ms_)); }

void SimCluster::Perform(Node& node, Effects effects) {
  for (Effect& effect : effects) node.todo.push_back(std::move(effect));
  if (node.performing) return;
  node.performing = true;
  node.sync_ms = 0;
  while (!node.todo.empty()) {
    const Effect effect = std::move(node.todo.front());
    node.todo.pop_front();
    PerformOne(node, effect);
  }
  node.performing = false;
}

void SimCluster::PerformOne(Node& node, const Effect& effect) {
  if (const auto* persist = std::get_if<PersistElection>(&effect)) {
    node.election = persist->state;
    node.sync_ms += Random(network_.min_sync_ms, network_.max_sync_ms);
  } else if (const auto* leads = std::get_if<BecomeLeader>(&effect)) {
    Trace(fmt::format("node {} leads epoch {} from {}", node.id.value(), leads->epoch.value(),
                      node.log.End().offset.value()));
    checks_.OnLeader(node.id, leads->epoch, node.log);
  } else if (const auto* change = std::get_if<AppendLeaderChange>(&effect)) {
    OnBecomeLeader(node, *change);
  } else if (const auto* voters = std::get_if<AppendVoters>(&effect)) {
    Append(node, {node.raft->epoch(), next_value_++, voters->voters});
    TellVoters(node);
    Step(node, Appended{node.log.End()});
    StartFlush(node);
  } else if (const auto* advance = std::get_if<AdvanceHighWatermark>(&effect)) {
    checks_.OnCommit(node.id, node.raft->epoch(), node.applied, advance->offset, node.log);
    node.applied = advance->offset;
  } else if (const auto* vote = std::get_if<SendVote>(&effect)) {
    Send(node, *vote);
  } else if (const auto* begin = std::get_if<SendBeginQuorumEpoch>(&effect)) {
    Send(node, *begin);
  } else if (const auto* end = std::get_if<SendEndQuorumEpoch>(&effect)) {
    Send(node, *end);
  } else if (std::holds_alternative<AcceptRecords>(effect)) {
    const bool has_voters = std::any_of(node.brought.begin(), node.brought.end(),
                                        [](const SimRecord& record) { return record.voters.has_value(); });
    for (const SimRecord& record : node.brought) Append(node, record);
    if (has_voters) TellVoters(node);
    if (!node.brought.empty()) Step(node, Appended{node.log.End()});
  } else if (const auto* truncate = std::get_if<TruncateTo>(&effect)) {
    ++truncations_;
    checks_.OnTruncate(node.id, node.log, truncate->offset, node.applied);
    if (checks_.violation().has_value()) return;
    node.log.TruncateTo(truncate->offset);
    node.flush_target = std::min(node.flush_target, truncate->offset);
    Step(node, Truncated{node.log.End()});
    TellVoters(node);
  } else if (const auto* snapshot = std::get_if<FetchSnapshot>(&effect)) {
    FetchSnapshotFrom(node, snapshot->id);
  } else if (const auto* done = std::get_if<VoterChangeDone>(&effect)) {
    if (done->error == RaftError::kNone) ++changes_done_;
  }
}

void SimCluster::OnBecomeLeader(Node& node, const AppendLeaderChange& change) {
  Append(node, {change.epoch, next_value_++, std::nullopt});
  if (change.with_voters) {
    Append(node, {change.epoch, next_value_++, node.raft->voters()});
    TellVoters(node);
  }
  Step(node, Appended{node.log.End()});
  StartFlush(node);
}

void SimCluster::Append(Node& node, SimRecord record) {
  node.log.Append(std::move(record));
  checks_.OnAppend(node.id, node.log);
}

void SimCluster::TellVoters(Node& node) {
  const auto [voters, offset] = node.log.VotersBefore(node.log.End().offset);
  Step(node, VotersChanged{voters, offset});
}

void SimCluster::Write(NodeId id) {
  Node& node = At(id);
  if (!node.raft.has_value() || !node.raft->is_leader()) return;
  Append(node, {node.raft->epoch(), next_value_++, std::nullopt});
  Step(node, Appended{node.log.End()});
  StartFlush(node);
  Settle(node);
}

RaftError SimCluster::AddVoter(NodeId leader, NodeId added) {
  Node& node = At(leader);
  Answered<RaftError> answered = node.raft->AddVoter(SimVoter(added), now_ms_);
  Perform(node, std::move(answered.effects));
  Settle(node);
  return answered.response;
}

RaftError SimCluster::RemoveVoter(NodeId leader, NodeId removed) {
  Node& node = At(leader);
  Answered<RaftError> answered = node.raft->RemoveVoter(SimVoter(removed).key, now_ms_);
  Perform(node, std::move(answered.effects));
  Settle(node);
  return answered.response;
}

void SimCluster::TakeSnapshot(NodeId id) {
  Node& node = At(id);
  if (!node.raft.has_value() || node.raft->high_watermark() <= node.log.StartOffset()) return;
  // Not what it fetches at the moment.
  if (node.brought.empty()) node.log.TakeSnapshot(node.raft->high_watermark());
}

void SimCluster::StartFlush(Node& node) {
  if (node.flushing || node.log.flushed() == node.log.End().offset) return;
  node.flushing = true;
  node.flush_target = node.log.End().offset;
  After(Random(network_.min_sync_ms, network_.max_sync_ms), node, [this](Node& n) {
    n.flushing = false;
    n.log.Flush(n.flush_target);
    Step(n, Flushed{n.flush_target});
    StartFlush(n);
  });
}

void SimCluster::TraceRole(Node& node) {
  if (!options_.traced) return;
  static constexpr std::array<const char*, 6> kRoles = {"unattached", "prospective", "candidate",
                                                        "leader",     "resigned",    "follower"};
  std::string voters;
  for (const Voter& voter : node.raft->voters().voters) voters += fmt::format(" {}", voter.key.id.value());
  std::string state =
      fmt::format("{} of {} in epoch {}, voters{}", kRoles[static_cast<size_t>(node.raft->role())],
                  node.raft->leader_id().value(), node.raft->epoch().value(), voters);
  if (state == node.traced) return;
  Trace(fmt::format("node {} is {}, log end {}", node.id.value(), state, node.log.End().offset.value()));
  node.traced = std::move(state);
}

void SimCluster::Settle(Node& node) {
  if (!node.raft.has_value()) return;
  checks_.OnEpoch(node.id, node.raft->epoch());
  TraceRole(node);
  const int64_t deadline_ms = node.raft->deadline_ms();
  if (deadline_ms < node.timer_ms) {
    node.timer_ms = deadline_ms;
    After(std::max<int64_t>(deadline_ms - now_ms_, 0), node, [this, deadline_ms](Node& n) {
      if (n.timer_ms != deadline_ms) return;
      n.timer_ms = INT64_MAX;
      if (n.raft->deadline_ms() <= now_ms_) Step(n, TimePassed{});
    });
  }
  Fetch(node);
}

}  // namespace dohle::raft
