#include "broker/controller/placement.h"

#include <algorithm>
#include <map>

#include "fmt/core.h"
#include "lib/base/check.h"

namespace dohle::controller {
namespace {

void Shuffle(std::vector<NodeId>* ids, env::Random& random) {
  for (size_t i = ids->size(); i > 1; --i) std::swap((*ids)[i - 1], (*ids)[random.Below(i)]);
}

// Hands out its brokers in a ring, each at most once within a round; the next round begins one further.
class Ring {
 public:
  void Add(NodeId broker) { brokers_.push_back(broker); }
  void Begin(env::Random& random) {
    if (!brokers_.empty()) start_ = random.Below(brokers_.size());
  }
  void Reshuffle(env::Random& random) { Shuffle(&brokers_, random); }
  std::optional<NodeId> Next(size_t round) {
    if (brokers_.empty()) return std::nullopt;
    if (round != round_) {
      round_ = round;
      taken_ = 0;
      start_ = (start_ + 1) % brokers_.size();
    }
    if (taken_ == brokers_.size()) return std::nullopt;
    return brokers_[(start_ + taken_++) % brokers_.size()];
  }

 private:
  std::vector<NodeId> brokers_;
  size_t start_ = 0;
  size_t taken_ = 0;
  size_t round_ = 0;
};

struct Rack {
  Ring unfenced;
  Ring fenced;

  std::optional<NodeId> Next(size_t round) {
    const std::optional<NodeId> broker = unfenced.Next(round);
    return broker.has_value() ? broker : fenced.Next(round);
  }
};

class Racks {
 public:
  Racks(const std::vector<UsableBroker>& brokers, env::Random& random) : random_(random) {
    std::map<std::optional<std::string>, Rack> by_name;
    for (const UsableBroker& broker : brokers) {
      Rack& rack = by_name[broker.rack];
      (broker.fenced ? rack.fenced : rack.unfenced).Add(broker.id);
      if (!broker.fenced) ++unfenced_;
    }
    for (auto& [name, rack] : by_name) {
      rack.fenced.Begin(random);
      rack.unfenced.Begin(random);
      racks_.push_back(std::move(rack));
    }
    for (size_t i = 0; i < racks_.size(); ++i) order_.push_back(i);
    if (!racks_.empty()) start_ = random.Below(racks_.size());
  }

  size_t unfenced() const { return unfenced_; }

  // The caller has checked that there are enough brokers, one of them unfenced.
  metadata::Replicas Place(int16_t replication_factor) {
    MaybeReshuffle();
    if (start_ == order_.size()) start_ = 0;
    metadata::Replicas replicas;
    const size_t leader_rack = PlaceLeader(&replicas);
    // The leader's rack was served already in the first turn around the racks.
    bool skip_leader_rack = true;
    for (size_t at = start_; replicas.size() < static_cast<size_t>(replication_factor);
         at = (at + 1) % order_.size()) {
      if (skip_leader_rack && at == leader_rack) {
        skip_leader_rack = false;
        continue;
      }
      if (const std::optional<NodeId> broker = At(at).Next(round_); broker.has_value())
        replicas.push_back(*broker);
    }
    ++round_;
    ++start_;
    return replicas;
  }

 private:
  Rack& At(size_t position) { return racks_[order_[position]]; }

  // A leader must be alive.
  size_t PlaceLeader(metadata::Replicas* replicas) {
    for (size_t at = start_;; at = (at + 1) % order_.size()) {
      if (const std::optional<NodeId> broker = At(at).unfenced.Next(round_); broker.has_value()) {
        replicas->push_back(*broker);
        return at;
      }
    }
  }

  // After as many partitions as there are live brokers the pattern would repeat.
  void MaybeReshuffle() {
    if (round_ != unfenced_ || unfenced_ <= 1) return;
    round_ = 0;
    for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random_.Below(i)]);
    for (Rack& rack : racks_) {
      rack.fenced.Reshuffle(random_);
      rack.unfenced.Reshuffle(random_);
    }
  }

  env::Random& random_;
  std::vector<Rack> racks_;
  std::vector<size_t> order_;
  size_t start_ = 0;
  size_t round_ = 0;
  size_t unfenced_ = 0;
};

bool FullyCordoned(const metadata::BrokerRegistration& broker) {
  if (!broker.cordoned_log_dirs.has_value() || broker.cordoned_log_dirs->empty()) return false;
  return std::all_of(broker.log_dirs.begin(), broker.log_dirs.end(), [&](const DirectoryId& dir) {
    return std::find(broker.cordoned_log_dirs->begin(), broker.cordoned_log_dirs->end(), dir) !=
           broker.cordoned_log_dirs->end();
  });
}

}  // namespace

std::vector<UsableBroker> UsableBrokers(const metadata::MetadataImage& image) {
  std::vector<UsableBroker> usable;
  for (const auto& [id, broker] : image.cluster.brokers) {
    // Once it is fenced it is as good as any that is away for a while.
    const bool shutting_down = broker.in_controlled_shutdown && !broker.fenced;
    if (shutting_down || FullyCordoned(broker)) continue;
    usable.push_back({id, broker.rack, broker.fenced});
  }
  std::sort(usable.begin(), usable.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return usable;
}

std::variant<Placement, std::string> PlaceReplicas(const std::vector<UsableBroker>& brokers,
                                                   int32_t partitions, int16_t replication_factor,
                                                   env::Random& random) {
  if (replication_factor <= 0) {
    return fmt::format("Invalid replication factor {}: the replication factor must be positive.",
                       replication_factor);
  }
  Racks racks(brokers, random);
  if (racks.unfenced() == 0)
    return std::string("All brokers are currently fenced, or have all their log directories cordoned.");
  if (static_cast<size_t>(replication_factor) > brokers.size()) {
    return fmt::format(
        "The target replication factor of {} cannot be reached because only {} broker(s) are registered "
        "or some brokers have all their log directories cordoned.",
        replication_factor, brokers.size());
  }
  Placement placement;
  placement.reserve(static_cast<size_t>(partitions));
  for (int32_t i = 0; i < partitions; ++i) placement.push_back(racks.Place(replication_factor));
  return placement;
}

}  // namespace dohle::controller
