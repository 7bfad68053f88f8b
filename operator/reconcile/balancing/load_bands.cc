#include "operator/reconcile/balancing/load_bands.h"

#include <algorithm>
#include <cmath>

namespace dohle::reconcile {
namespace {

constexpr size_t Of(Load load) { return static_cast<size_t>(load); }

// One replica of a topic too many on a broker is worth half of one replica too many.
constexpr double kTopicWeight = 0.5;

double Most(double mean, double tolerance) {
  return std::max(std::ceil(mean) + 1, std::ceil(mean * (1 + 2 * tolerance)));
}

double CountGain(double from, double to, double most) {
  const auto excess = [most](double count) { return std::max(0.0, count - most); };
  return excess(from) + excess(to) - excess(from - 1) - excess(to + 1);
}

}  // namespace

LoadBands::LoadBands(const Placement& placement, const BalanceGoals& goals, double tolerance) {
  const auto brokers = static_cast<double>(std::max<size_t>(1, placement.usable().size()));
  Loads total = {};
  for (const PlacedBroker& broker : placement.brokers()) {
    for (size_t i = 0; i < kLoadKinds; ++i) total[i] += broker.load[i];
  }
  for (size_t i = 0; i < kLoadKinds; ++i) {
    LoadBand& band = bands_[i];
    band.mean = total[i] / brokers;
    const bool count = i == Of(Load::kReplicas) || i == Of(Load::kLeaders);
    const double negligible =
        i == Of(Load::kBytes) ? goals.negligible_bytes : goals.negligible_bytes_per_second;
    const double width = std::max(tolerance * band.mean, count ? 0 : negligible);
    band.lower = count ? std::min(std::floor(band.mean), band.mean - width) : band.mean - width;
    band.upper = count ? std::max(std::ceil(band.mean), band.mean + width) : band.mean + width;
    band.scale = std::max(band.mean, 1.0);
  }
  most_replicas_.reserve(placement.topics().size());
  most_leaders_.reserve(placement.topics().size());
  for (const Placement::TopicTotal& topic : placement.topics()) {
    most_replicas_.push_back(static_cast<float>(Most(topic.replicas / brokers, tolerance)));
    most_leaders_.push_back(static_cast<float>(Most(topic.partitions / brokers, tolerance)));
  }
  topic_weight_ = kTopicWeight / bands_[Of(Load::kReplicas)].scale;
  topic_leader_weight_ = kTopicWeight / bands_[Of(Load::kLeaders)].scale;
}

bool LoadBands::ReplicasOut(const Placement& placement) const {
  for (const BrokerIndex b : placement.usable()) {
    for (const Load load : {Load::kReplicas, Load::kBytes, Load::kBytesIn}) {
      if (bands_[Of(load)].Excess(placement.brokers()[b].load[Of(load)]) > 0) return true;
    }
  }
  for (uint32_t t = 0; t < placement.topics().size(); ++t) {
    const Placement::TopicCount* counts = placement.CountsOf(t);
    for (size_t i = 0; counts != nullptr && i < placement.usable().size(); ++i) {
      if (counts[placement.usable()[i]].replicas > most_replicas_[t]) return true;
    }
  }
  return false;
}

bool LoadBands::LeadersOut(const Placement& placement) const {
  for (const BrokerIndex b : placement.usable()) {
    for (const Load load : {Load::kBytesOut, Load::kLeaders}) {
      if (bands_[Of(load)].Excess(placement.brokers()[b].load[Of(load)]) > 0) return true;
    }
  }
  for (uint32_t t = 0; t < placement.topics().size(); ++t) {
    const Placement::TopicCount* counts = placement.CountsOf(t);
    for (size_t i = 0; counts != nullptr && i < placement.usable().size(); ++i) {
      if (counts[placement.usable()[i]].leaders > most_leaders_[t]) return true;
    }
  }
  return false;
}

double LoadBands::OneGain(Load load, const Placement& placement, double amount, BrokerIndex from,
                          BrokerIndex to) const {
  const LoadBand& band = bands_[Of(load)];
  const double at_from = placement.brokers()[from].load[Of(load)];
  const double at_to = placement.brokers()[to].load[Of(load)];
  return band.Excess(at_from) + band.Excess(at_to) - band.Excess(at_from - amount) -
         band.Excess(at_to + amount);
}

double LoadBands::ReplicaGain(const Placement& placement, uint32_t p, size_t seat, BrokerIndex to) const {
  const PlacedPartition& partition = placement.partition(p);
  const BrokerIndex from = partition.seats[seat];
  double gain = OneGain(Load::kReplicas, placement, 1, from, to) +
                OneGain(Load::kBytes, placement, partition.bytes, from, to) +
                OneGain(Load::kBytesIn, placement, partition.bytes_in, from, to);
  if (const Placement::TopicCount* counts = placement.CountsOf(partition.topic)) {
    gain += topic_weight_ *
            CountGain(counts[from].replicas, counts[to].replicas, most_replicas_[partition.topic]);
  }
  return gain;
}

double LoadBands::LeaderGain(const Placement& placement, uint32_t p, BrokerIndex from, BrokerIndex to) const {
  const PlacedPartition& partition = placement.partition(p);
  const Loads loads = placement.LoadOf(p, 0);
  double gain = OneGain(Load::kBytesOut, placement, loads[Of(Load::kBytesOut)], from, to) +
                OneGain(Load::kLeaders, placement, 1, from, to);
  if (const Placement::TopicCount* counts = placement.CountsOf(partition.topic)) {
    gain += topic_leader_weight_ *
            CountGain(counts[from].leaders, counts[to].leaders, most_leaders_[partition.topic]);
  }
  return gain;
}

double LoadBands::EvenLeaderGain(const Placement& placement, uint32_t p, BrokerIndex from,
                                 BrokerIndex to) const {
  if (LeaderGain(placement, p, from, to) < -1e-12) return -1;
  const Loads amounts = placement.LoadOf(p, 0);
  double gain = 0;
  for (const Load load : {Load::kBytesOut, Load::kLeaders}) {
    const LoadBand& band = bands_[Of(load)];
    // A load that is in its band wherever it may be has no mean worth reaching.
    if (band.lower <= 0 && load != Load::kLeaders) continue;
    const double amount = amounts[Of(load)] / band.scale;
    const double at_from = placement.brokers()[from].load[Of(load)] / band.scale;
    const double at_to = placement.brokers()[to].load[Of(load)] / band.scale;
    gain += 2 * amount * (at_from - at_to - amount);
  }
  return gain;
}

double LoadBands::Busyness(const Placement& placement, uint32_t topic, BrokerIndex broker) const {
  const Loads& load = placement.brokers()[broker].load;
  double sum = 0;
  for (const Load kind : {Load::kReplicas, Load::kBytes, Load::kBytesIn}) {
    sum += load[Of(kind)] / std::max(bands_[Of(kind)].scale, bands_[Of(kind)].upper);
  }
  if (const Placement::TopicCount* counts = placement.CountsOf(topic)) {
    sum += static_cast<double>(counts[broker].replicas) / most_replicas_[topic];
  }
  return sum / 4;
}

}  // namespace dohle::reconcile
