// Topologies, goals and plans as text, for tests of planners. One thing a line:
//   broker 0 rack=a disk=100G free=60G fenced cordoned
//   topic orders in=10M out=20M min_isr=2
//   orders-0 0,1,2 bytes=1G leader=1 isr=0,1 adding=2 removing=0      leader: the first if not said, or none
//   orders-0..11 over=0,1,2 rf=2 bytes=1G                             one after the other, like Kafka
// and of goals:
//   use 0,1,2     drain 2     rf orders 4     tolerance 20     exclude orders     hard goals only     only
//   factors disk 100G
// Figures take K, M, G, T (powers of 1024). Wrong lines end the program.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/check.h"
#include "operator/reconcile/balancing/balance_goals.h"
#include "operator/reconcile/balancing/balance_plan.h"
#include "operator/reconcile/kafka/topology.h"

namespace dohle::reconcile {

// What brokers hold, of the partitions' sizes; nothing yet of what is on its way.
inline void SumBytes(Topology& topology) {
  for (BrokerPlace& broker : topology.brokers) {
    broker.bytes = 0;
    for (const PartitionPlace& place : topology.partitions) {
      const auto has = [&](const Replicas& ids) {
        return std::find(ids.begin(), ids.end(), broker.id) != ids.end();
      };
      if (has(place.replicas) && !has(place.adding)) broker.bytes += place.bytes;
    }
  }
}

class TopologyText {
 public:
  Topology topology;
  BalanceGoals goals;

  TopologyText() { goals.negligible_bytes = goals.negligible_bytes_per_second = 0; }
  explicit TopologyText(const std::string& text) : TopologyText() {
    std::istringstream in(text);
    std::string line;
    while (std::getline(in, line)) Read(line);
    SumBytes(topology);
  }

  void Read(const std::string& line) {
    std::istringstream in(line);
    std::string verb;
    if (!(in >> verb)) return;
    if (verb == "broker") return ReadBroker(in);
    if (verb == "topic") return ReadTopic(in);
    if (verb == "use") return ReadNodes(in, goals.brokers);
    if (verb == "drain") return ReadNodes(in, goals.drained);
    if (verb == "rf") return ReadFactor(in);
    if (verb == "tolerance") goals.tolerance = std::stod(Word(in)) / 100;
    if (verb == "exclude") goals.excluded_topics.insert(Word(in));
    if (verb == "hard") goals.load = false;
    if (verb == "only") goals.only_factors = true;
    if (verb == "disk") goals.disk_bytes = static_cast<int64_t>(Figure(Word(in)));
    if (verb.find('-') != std::string::npos) ReadPartitions(verb, in);
  }

  static double Figure(const std::string& text) {
    constexpr std::string_view kUnits = "KMGT";
    size_t end = 0;
    double value = std::stod(text, &end);
    if (end < text.size()) {
      const size_t unit = kUnits.find(text[end]);
      DOHLE_CHECK(unit != std::string_view::npos);
      for (size_t i = 0; i <= unit; ++i) value *= 1024;
    }
    return value;
  }

 private:
  using Words = std::map<std::string, std::string>;  // k=v; k alone: k=""

  static std::string Word(std::istringstream& in) {
    std::string word;
    in >> word;
    DOHLE_CHECK(!word.empty());
    return word;
  }
  static Words Rest(std::istringstream& in) {
    Words words;
    std::string word;
    while (in >> word) {
      const size_t equals = word.find('=');
      words[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
    }
    return words;
  }
  static std::string Value(const Words& words, const std::string& key) {
    const auto it = words.find(key);
    return it == words.end() ? "" : it->second;
  }
  static Replicas Nodes(const std::string& text) {
    Replicas nodes;
    std::istringstream in(text);
    std::string id;
    while (std::getline(in, id, ',')) nodes.push_back(NodeId(std::stoi(id)));
    return nodes;
  }
  static void ReadNodes(std::istringstream& in, std::vector<NodeId>& nodes) {
    const Replicas read = Nodes(Word(in));
    nodes.assign(read.begin(), read.end());
  }
  void ReadFactor(std::istringstream& in) {
    const std::string topic = Word(in);
    goals.replication_factors[topic] = std::stoi(Word(in));
  }
  void ReadBroker(std::istringstream& in) {
    BrokerPlace broker;
    broker.id = NodeId(std::stoi(Word(in)));
    Words words = Rest(in);
    broker.rack = Value(words, "rack");
    broker.fenced = words.contains("fenced");
    broker.cordoned = words.contains("cordoned");
    if (words.contains("disk")) broker.disk_bytes = static_cast<int64_t>(Figure(words["disk"]));
    if (words.contains("free")) broker.disk_free_bytes = static_cast<int64_t>(Figure(words["free"]));
    topology.brokers.push_back(broker);
  }
  void ReadTopic(std::istringstream& in) {
    TopicPlace topic;
    topic.name = Word(in);
    Words words = Rest(in);
    if (words.contains("in")) topic.bytes_in_per_second = Figure(words["in"]);
    if (words.contains("out")) topic.bytes_out_per_second = Figure(words["out"]);
    if (words.contains("min_isr")) topic.min_in_sync_replicas = std::stoi(words["min_isr"]);
    topology.topics.push_back(topic);
  }
  void ReadPartitions(const std::string& verb, std::istringstream& in) {
    const size_t dash = verb.rfind('-');
    const std::string name = verb.substr(0, dash);
    const auto topic = std::find_if(topology.topics.begin(), topology.topics.end(),
                                    [&](const TopicPlace& t) { return t.name == name; });
    DOHLE_CHECK(topic != topology.topics.end());
    const size_t dots = verb.find("..", dash);
    const int first = std::stoi(verb.substr(dash + 1));
    const int last = dots == std::string::npos ? first : std::stoi(verb.substr(dots + 2));
    Words words = Rest(in);
    const Replicas over = Nodes(Value(words, "over"));
    for (int index = first; index <= last; ++index) {
      PartitionPlace partition;
      partition.topic = static_cast<uint32_t>(topic - topology.topics.begin());
      partition.index = index;
      partition.bytes = words.contains("bytes") ? static_cast<int64_t>(Figure(words["bytes"])) : 0;
      for (const auto& [key, value] : words) {
        if (value.empty() && over.empty()) partition.replicas = Nodes(key);
      }
      const int replicas = over.empty() ? 0 : std::stoi(words.contains("rf") ? words["rf"] : "1");
      for (int i = 0; i < replicas; ++i) {
        partition.replicas.push_back(over[static_cast<size_t>(index + i) % over.size()]);
      }
      partition.adding = Nodes(Value(words, "adding"));
      partition.removing = Nodes(Value(words, "removing"));
      partition.in_sync = words.contains("isr") ? Nodes(Value(words, "isr")) : partition.replicas;
      partition.leader = partition.replicas[0];
      if (words.contains("leader")) {
        partition.leader = words["leader"] == "none" ? kNoNode : NodeId(std::stoi(words["leader"]));
      }
      topology.partitions.push_back(partition);
    }
  }
};

inline std::string ToText(const Replicas& replicas) {
  std::string text;
  for (const NodeId id : replicas) text += fmt::format("{}{}", text.empty() ? "" : ",", id.value());
  return text;
}

inline std::string FigureText(double value) {
  constexpr std::string_view kUnits = "KMGT";
  size_t unit = 0;
  while (value >= 1024 && unit < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:g}", value) : fmt::format("{:.3g}{}", value, kUnits[unit - 1]);
}

inline std::string PartitionText(const Topology& topology, uint32_t partition) {
  const PartitionPlace& place = topology.partitions[partition];
  return fmt::format("{}-{}", topology.topics[place.topic].name, place.index);
}

// A line a move, then elections, blocks, and how loads change.
inline std::string ToText(const Topology& topology, const BalancePlan& plan) {
  std::string text;
  for (const BalanceMove& move : plan.moves) {
    text +=
        fmt::format("{} {}: {} -> {}{} ({})\n", move.cancels ? "cancel" : "move",
                    PartitionText(topology, move.partition), ToText(move.from), ToText(move.to),
                    move.bytes > 0 ? fmt::format(", {}", FigureText(static_cast<double>(move.bytes))) : "",
                    Name(move.reason));
  }
  for (const uint32_t p : plan.elect) text += fmt::format("elect {}\n", PartitionText(topology, p));
  if (!plan.load_waits.empty()) text += fmt::format("waits: {}\n", plan.load_waits);
  for (const BalanceBlock& block : plan.blocks) text += fmt::format("blocked: {}\n", block.why);
  for (size_t i = 0; i < kLoadKinds; ++i) {
    const LoadSpread &before = plan.before[i], &after = plan.after[i];
    if (before.least == after.least && before.most == after.most) continue;
    text += fmt::format("{}: {}..{} -> {}..{}\n", Name(static_cast<Load>(i)), FigureText(before.least),
                        FigureText(before.most), FigureText(after.least), FigureText(after.most));
  }
  return text.empty() ? "nothing\n" : text;
}

// As it is when the moves have been done, with the preferred leaders in place where they can be.
inline Topology Reached(Topology topology, const BalancePlan& plan) {
  const auto use_disk = [&](const Replicas& replicas, int64_t bytes) {
    for (BrokerPlace& broker : topology.brokers) {
      const bool has = std::find(replicas.begin(), replicas.end(), broker.id) != replicas.end();
      if (has && broker.disk_bytes >= 0) broker.disk_free_bytes -= bytes;
    }
  };
  for (const BalanceMove& move : plan.moves) {
    PartitionPlace& place = topology.partitions[move.partition];
    use_disk(place.replicas, -place.bytes);
    use_disk(move.to, place.bytes);
    place.replicas = place.in_sync = move.to;
    place.adding = place.removing = {};
    place.leader = move.to[0];
  }
  for (const uint32_t p : plan.elect) topology.partitions[p].leader = topology.partitions[p].replicas[0];
  SumBytes(topology);
  return topology;
}

}  // namespace dohle::reconcile
