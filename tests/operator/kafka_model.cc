#include "tests/operator/kafka_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "lib/env/sleep.h"

namespace dohle::tests {

using reconcile::Replicas;

namespace {

bool Has(const std::vector<int32_t>& ids, int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

Replicas ToReplicas(const std::vector<int32_t>& ids) {
  Replicas replicas;
  for (const int32_t id : ids) replicas.push_back(NodeId(id));
  return replicas;
}

}  // namespace

DirectoryId KafkaModel::DirectoryOf(int32_t id) const {
  return {static_cast<uint64_t>(id) + 1, brokers_.at(id).disk};
}

void KafkaModel::Start(int32_t id, const std::set<int32_t>& first_voters) {
  Broker& broker = brokers_[id];
  const bool fresh = broker.disk == 0;
  if (fresh) broker.disk = ++disks_;
  if (std::exchange(broker.to_be_filled, false))
    broker.full_at = executor_.clock().Now() + absl::Milliseconds(1000 + random_.Below(5000));
  broker.runs = broker.registered = true;
  broker.cordoned = cordons_.contains(id);
  if (!fresh || !first_voters.contains(id)) return;
  if (!voters_.empty() && voters_.contains(id) && voters_.at(id) != DirectoryOf(id))
    harm_.push_back(fmt::format("voter {} has formatted itself again as a first one", id));
  voters_[id] = DirectoryOf(id);
}

void KafkaModel::End(int32_t id) { brokers_[id].runs = false; }

void KafkaModel::Wipe(int32_t id) {
  brokers_[id].disk = 0;
  if (Holds(id)) harm_.push_back(fmt::format("the disk of broker {} went with replicas on it", id));
}

bool KafkaModel::InSync(int32_t id, const Partition& partition) {
  const Broker& broker = brokers_[id];
  return broker.runs && executor_.clock().Now() >= broker.full_at && !Has(partition.adding, id);
}

void KafkaModel::ReplaceDisk(int32_t id) {
  for (const Partition& partition : partitions_) {
    if (!Has(partition.replicas, id)) continue;
    const bool elsewhere =
        std::any_of(partition.replicas.begin(), partition.replicas.end(),
                    [&](int32_t other) { return other != id && InSync(other, partition); });
    if (!elsewhere)
      harm_.push_back(fmt::format("{}-{} has lost its last copy", partition.topic, partition.index));
  }
  Broker& broker = brokers_[id];
  broker.runs = false;
  broker.disk = 0;
  broker.to_be_filled = true;
}

void KafkaModel::CreateTopic(const std::string& name, int32_t partitions, int32_t replicas) {
  std::vector<int32_t> usable;
  for (const auto& [id, broker] : brokers_) {
    if (broker.registered && broker.runs && !broker.cordoned) usable.push_back(id);
  }
  for (int32_t index = 0; index < partitions && !usable.empty(); ++index) {
    Partition partition{name, index, {}, {}, {}};
    for (int32_t i = 0; i < replicas; ++i)
      partition.replicas.push_back(usable.at(static_cast<size_t>(index + i) % usable.size()));
    partitions_.push_back(std::move(partition));
  }
}

void KafkaModel::DeleteTopic(const std::string& name) {
  moves_.clear();  // of others they begin anew: nobody counts them here
  for (Partition& partition : partitions_) {
    partition.adding.clear();
    partition.removing.clear();
  }
  std::erase_if(partitions_, [&](const Partition& partition) { return partition.topic == name; });
}

std::set<int32_t> KafkaModel::voters() const {
  std::set<int32_t> ids;
  for (const auto& [id, directory] : voters_) ids.insert(id);
  return ids;
}
std::set<int32_t> KafkaModel::registered() const {
  std::set<int32_t> ids;
  for (const auto& [id, broker] : brokers_) {
    if (broker.registered) ids.insert(id);
  }
  return ids;
}
std::set<int32_t> KafkaModel::running() const {
  std::set<int32_t> ids;
  for (const auto& [id, broker] : brokers_) {
    if (broker.runs) ids.insert(id);
  }
  return ids;
}
std::vector<int32_t> KafkaModel::ReplicasOf(const std::string& topic) const {
  std::vector<int32_t> ids;
  for (const Partition& partition : partitions_) {
    if (partition.topic == topic) ids.insert(ids.end(), partition.replicas.begin(), partition.replicas.end());
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool KafkaModel::Agrees() const {
  size_t there = 0;
  for (const auto& [id, directory] : voters_) {
    const auto broker = brokers_.find(id);
    const bool itself = broker != brokers_.end() && broker->second.runs && DirectoryOf(id) == directory;
    there += itself ? 1 : 0;
  }
  return !voters_.empty() && there >= voters_.size() / 2 + 1;
}

bool KafkaModel::Holds(int32_t id) const {
  return std::any_of(partitions_.begin(), partitions_.end(),
                     [&](const Partition& partition) { return Has(partition.replicas, id); });
}

void KafkaModel::Settle() {
  const env::MonotonicTime now = executor_.clock().Now();
  std::erase_if(moves_, [&](const Move& move) {
    Partition& partition = partitions_[move.partition];
    const bool there = std::all_of(partition.adding.begin(), partition.adding.end(),
                                   [&](int32_t id) { return brokers_[id].runs; });
    if (move.done > now || !there) return false;
    std::erase_if(partition.replicas, [&](int32_t id) { return Has(partition.removing, id); });
    partition.adding.clear();
    partition.removing.clear();
    return true;
  });
}

env::Task<StatusOr<reconcile::Topology>> KafkaModel::Observe(std::string) {
  co_await env::Sleep(absl::Milliseconds(5));
  Settle();
  if (!Agrees()) co_return MakeStatus(StatusCode::kUnavailable, "the quorum has no leader");
  reconcile::Topology topology;
  topology.cluster_id = "the-cluster";
  for (const auto& [id, broker] : brokers_) {
    if (!broker.registered) continue;
    reconcile::BrokerPlace place;
    place.id = NodeId(id);
    place.fenced = !broker.runs;
    place.cordoned = broker.runs && broker.cordoned;
    topology.brokers.push_back(std::move(place));
  }
  std::map<std::string, uint32_t> topics;
  for (const Partition& partition : partitions_) {
    const auto [topic, added] = topics.emplace(partition.topic, topology.topics.size());
    if (added) topology.topics.emplace_back().name = partition.topic;
    reconcile::PartitionPlace place;
    place.topic = topic->second;
    place.index = partition.index;
    place.replicas = ToReplicas(partition.replicas);
    place.adding = ToReplicas(partition.adding);
    place.removing = ToReplicas(partition.removing);
    for (const int32_t id : partition.replicas) {
      if (InSync(id, partition)) place.in_sync.push_back(NodeId(id));
    }
    if (!place.in_sync.empty()) place.leader = place.in_sync.front();
    topology.partitions.push_back(std::move(place));
  }
  reconcile::QuorumPlace& quorum = topology.quorum;
  for (const auto& [id, directory] : voters_) {
    const bool there = brokers_[id].runs && DirectoryOf(id) == directory;
    quorum.voters.push_back({NodeId(id), directory, 100, there ? 0 : 60'000});
    if (there && quorum.leader == kNoNode) quorum.leader = NodeId(id);
  }
  for (const auto& [id, broker] : brokers_) {
    const auto voter = voters_.find(id);
    if (!broker.runs || (voter != voters_.end() && voter->second == DirectoryOf(id))) continue;
    quorum.observers.push_back({NodeId(id), DirectoryOf(id), 100, 0});
  }
  for (const auto& [id, directory] : removed_) {
    if (DirectoryOf(id) != directory) quorum.observers.push_back({NodeId(id), directory, 90, 60'000});
  }
  co_return topology;
}

env::Task<Status> KafkaModel::Take(std::string, reconcile::KafkaAction action) {
  co_await env::Sleep(absl::Milliseconds(10));
  Settle();
  const auto happens = [&](double chance) {
    return random_.Below(1000) < static_cast<uint64_t>(chance * 1000);
  };
  if (happens(fails_before_)) co_return MakeStatus(StatusCode::kUnavailable, "not done");
  if (!Agrees()) co_return MakeStatus(StatusCode::kUnavailable, "the quorum has no leader");
  Status done = std::visit([this](const auto& step) { return Do(step); }, action);
  if (happens(fails_after_)) co_return MakeStatus(StatusCode::kDeadlineExceeded, "nobody knows");
  co_return done;
}

Status KafkaModel::Do(const reconcile::ReassignPartitions& action) {
  for (const auto& wanted : action.moves) {
    for (size_t i = 0; i < partitions_.size(); ++i) {
      Partition& partition = partitions_[i];
      if (partition.topic != wanted.topic || partition.index != wanted.partition) continue;
      std::erase_if(moves_, [&](const Move& move) { return move.partition == i; });
      std::erase_if(partition.replicas, [&](int32_t id) { return Has(partition.adding, id); });
      partition.adding.clear();
      partition.removing.clear();
      if (wanted.replicas.empty()) continue;
      std::vector<int32_t> target;
      for (const NodeId id : wanted.replicas) target.push_back(id.value());
      if (target.size() < partition.replicas.size())
        harm_.push_back(fmt::format("{}-{} loses replicas", partition.topic, partition.index));
      for (const int32_t id : partition.replicas) {
        if (!Has(target, id)) partition.removing.push_back(id);
      }
      for (const int32_t id : target) {
        if (!Has(partition.replicas, id)) partition.adding.push_back(id);
      }
      for (const int32_t id : partition.removing) target.push_back(id);
      partition.replicas = target;
      moves_.push_back({i, executor_.clock().Now() + absl::Milliseconds(500 + random_.Below(4000))});
    }
  }
  return OkStatus();
}

Status KafkaModel::Do(const reconcile::UpdateFeature& action) {
  reconcile::FeaturePlace& place = features_[action.feature];
  if (action.level < place.level || action.level > place.max)
    harm_.push_back(fmt::format("{} to {}", action.feature, action.level));
  place.level = action.level;
  return OkStatus();
}

Status KafkaModel::Do(const reconcile::AlterConfigs& action) {
  for (const auto& change : action.changes) {
    if (change.key != "cordoned.log.dirs") continue;
    const int32_t id = std::stoi(change.name);
    if (change.value) {
      cordons_[id] = *change.value;
    } else {
      cordons_.erase(id);
    }
    if (brokers_[id].runs) brokers_[id].cordoned = change.value.has_value();
  }
  return OkStatus();
}

Status KafkaModel::Do(const reconcile::AddVoter& action) {
  const int32_t id = action.id.value();
  if (voters_.contains(id)) return MakeStatus(StatusCode::kAlreadyExists, "DUPLICATE_VOTER");
  if (!brokers_[id].runs || DirectoryOf(id) != action.directory)
    return MakeStatus(StatusCode::kDeadlineExceeded, "it isn't caught up");
  voters_[id] = action.directory;
  return OkStatus();
}

Status KafkaModel::Do(const reconcile::RemoveVoter& action) {
  const auto voter = voters_.find(action.id.value());
  if (voter == voters_.end() || voter->second != action.directory)
    return MakeStatus(StatusCode::kNotFound, "VOTER_NOT_FOUND");
  removed_[voter->first] = voter->second;
  voters_.erase(voter);
  if (!Agrees()) harm_.push_back(fmt::format("without voter {} nobody agrees any more", action.id.value()));
  return OkStatus();
}

Status KafkaModel::Do(const reconcile::UnregisterBroker& action) {
  Broker& broker = brokers_[action.id.value()];
  if (broker.runs) return MakeStatus(StatusCode::kFailedPrecondition, "it lives");
  if (Holds(action.id.value()))
    harm_.push_back(fmt::format("broker {} is forgotten with replicas", action.id.value()));
  broker.registered = false;
  return OkStatus();
}

}  // namespace dohle::tests
