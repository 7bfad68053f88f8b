// Sights of healing as text, for tests:
//
//   mode Report
//   after 300                               replaceAfterSeconds
//   broker 1 node=notready overdue=40       what is said of it is otherwise than well
//   claims 1 lost ok/failed                 a word for each claim of broker 1: ok, lost, failed, going (is
//   being
//                                           deleted), gone (its Node is), off; several with + between them
//   topic t min=2: 0,1,2/0,2 1,2 3/3!       replicas/in sync, for each partition; with ! it has no leader
//   quorum leader=0 voters=0,1,2 behind=1
//   nobody tells
//
// Words of a broker: nopod, unwanted, starting, pending, ready (not running: `pending`), crash, deleting,
// overdue=S (deleting, too), node=gone|notready|off|unknown, fenced=S, unregistered, healed=N, backoff=S,
// damaged, unusable=S, affinity (no Node takes it because of its volumes).
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "operator/reconcile/healing/heal_plan.h"

namespace dohle::reconcile {

class SightText {
 public:
  explicit SightText(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream in(line);
      std::string what;
      in >> what;
      if (what == "mode") ReadMode(in);
      if (what == "broker") ReadBroker(in);
      if (what == "claims") ReadClaims(in);
      if (what == "after") in >> sight_.replace_after_ms, sight_.replace_after_ms *= 1000;
      if (what == "topic") ReadTopic(in);
      if (what == "quorum") ReadQuorum(in);
      if (what == "nobody") tells_ = false;
    }
    sight_.topology = tells_ ? &topology_ : nullptr;
  }
  SightText(const SightText&) = delete;
  SightText& operator=(const SightText&) = delete;

  const HealSight& sight() const { return sight_; }

 private:
  static std::vector<NodeId> Ids(std::string text) {
    for (char& c : text) c = c == ',' ? ' ' : c;
    std::istringstream in(text);
    std::vector<NodeId> ids;
    for (int32_t id = 0; in >> id;) ids.emplace_back(id);
    return ids;
  }
  void ReadMode(std::istringstream& in) {
    std::string mode;
    in >> mode;
    sight_.mode = mode == "Report" ? api::HealingMode::kReport : api::HealingMode::kAuto;
  }
  void ReadBroker(std::istringstream& in) {
    int32_t id = 0;
    in >> id;
    HealBroker broker;
    BrokerPlace place;
    broker.id = place.id = NodeId(id);
    broker.pod = fmt::format("demo-broker-{}", id);
    broker.pod_uid = fmt::format("uid-{}", id);
    broker.running = broker.started = true;
    broker.node = fmt::format("node-{}", id);
    broker.node_state = NodeState::kReady;
    bool registered = true;
    for (std::string word; in >> word;) {
      const size_t equals = word.find('=');
      const std::string key = word.substr(0, equals);
      const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
      if (key == "unregistered") {
        registered = false;
      } else if (key == "fenced") {
        place.fenced = true;
        broker.fenced_ms = std::stoll(value) * 1000;
      } else {
        Set(key, value, broker);
      }
    }
    sight_.brokers.push_back(std::move(broker));
    if (registered) topology_.brokers.push_back(std::move(place));
  }
  void ReadClaims(std::istringstream& in) {
    size_t broker = 0;
    in >> broker;
    std::vector<HealClaim>& claims = sight_.brokers.at(broker).claims;
    claims.clear();
    for (std::string word; in >> word;) {
      HealClaim& claim = claims.emplace_back();
      claim.name = fmt::format("data{}-demo-{}", claims.size(), broker);
      claim.uid = fmt::format("claim-{}-{}", broker, claims.size());
      claim.node = fmt::format("node-{}", broker);
      claim.node_state = NodeState::kReady;
      claim.lost = word.find("lost") != std::string::npos;
      claim.failed = word.find("failed") != std::string::npos;
      claim.deleting = word.find("going") != std::string::npos;
      if (word.find("gone") != std::string::npos) claim.node_state = NodeState::kGone;
      if (word.find("off") != std::string::npos) claim.node_state = NodeState::kOutOfService;
    }
  }
  static void Set(const std::string& key, const std::string& value, HealBroker& broker) {
    static const std::map<std::string, NodeState> kNodes = {{"gone", NodeState::kGone},
                                                            {"notready", NodeState::kNotReady},
                                                            {"off", NodeState::kOutOfService},
                                                            {"unknown", NodeState::kUnknown}};
    if (key == "nopod") {
      broker.pod.clear();
      broker.pod_uid.clear();
      broker.running = broker.started = false;
    }
    if (key == "unwanted") broker.wanted = false;
    if (key == "starting") broker.started = false;
    if (key == "pending") broker.running = broker.started = false, broker.stuck_pending = true;
    if (key == "crash") broker.started = false, broker.crash_looping = true;
    if (key == "damaged") broker.started = false, broker.crash_looping = broker.damaged = true;
    if (key == "unusable") broker.unusable_ms = std::stoll(value) * 1000;
    if (key == "affinity") {
      broker.running = broker.started = false;
      broker.stuck_pending = broker.no_node_for_volume = true;
      broker.node.clear();
    }
    if (key == "deleting") broker.deleting = true, broker.overdue_ms = -10'000;
    if (key == "overdue") broker.deleting = true, broker.overdue_ms = std::stoll(value) * 1000;
    if (key == "node") broker.node_state = kNodes.at(value);
    if (key == "healed") broker.healed = std::stoi(value);
    if (key == "backoff") broker.back_off_ms = std::stoll(value) * 1000;
  }
  void ReadTopic(std::istringstream& in) {
    const auto index = static_cast<uint32_t>(topology_.topics.size());
    TopicPlace& topic = topology_.topics.emplace_back();
    std::string least;
    in >> topic.name >> least;
    topic.min_in_sync_replicas = std::stoi(least.substr(4));
    int32_t number = 0;
    for (std::string word; in >> word;) {
      PartitionPlace partition;
      partition.topic = index;
      partition.index = number++;
      const size_t slash = word.find('/');
      for (const NodeId id : Ids(word.substr(0, slash))) partition.replicas.push_back(id);
      partition.in_sync = partition.replicas;
      if (slash != std::string::npos) {
        partition.in_sync.clear();
        for (const NodeId id : Ids(word.substr(slash + 1))) partition.in_sync.push_back(id);
      }
      if (!partition.in_sync.empty() && !word.ends_with('!')) partition.leader = partition.in_sync.front();
      topology_.partitions.push_back(std::move(partition));
    }
  }
  void ReadQuorum(std::istringstream& in) {
    std::vector<NodeId> behind;
    bool fixed = false;
    for (std::string word; in >> word;) {
      const std::vector<NodeId> ids = Ids(word.substr(word.find('=') + 1));
      if (word == "fixed") fixed = true;
      if (word.starts_with("leader=")) topology_.quorum.leader = ids.front();
      if (word.starts_with("behind=")) behind = ids;
      if (!word.starts_with("voters=")) continue;
      for (const NodeId id : ids)
        topology_.quorum.voters.push_back({id, {7, static_cast<uint64_t>(id.value()) + 1}, 100, 0});
    }
    for (QuorumVoter& voter : topology_.quorum.voters) {
      if (fixed) voter.directory = DirectoryId();
      for (const NodeId id : behind)
        voter.ms_since_caught_up = voter.id == id ? 60'000 : voter.ms_since_caught_up;
    }
  }

  HealSight sight_;
  Topology topology_;
  bool tells_ = true;
};

inline std::string ToText(const HealPlan& plan) {
  std::string text;
  for (const HealStep& step : plan.steps) {
    static const std::map<HealStep::Kind, const char*> kNames = {
        {HealStep::Kind::kRestartPod, "Restart"},
        {HealStep::Kind::kForceDeletePod, "ForceDelete"},
        {HealStep::Kind::kDeleteClaim, "DeleteClaim"},
        {HealStep::Kind::kReplacePod, "Replace"}};
    text += fmt::format("{} {}{}: {}\n", kNames.at(step.kind), step.object, step.serves ? " (serves)" : "",
                        step.reason);
    if (step.blocked())
      text += fmt::format("  {}: {}\n", step.awaited ? "waits" : "blocked", step.blocked_by);
  }
  for (const Ailment& ailment : plan.ailments) text += fmt::format("! {}\n", ailment.reason);
  return text.empty() ? "nothing\n" : text;
}

}  // namespace dohle::reconcile
