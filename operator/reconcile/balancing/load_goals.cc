#include "operator/reconcile/balancing/load_goals.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"

namespace dohle::reconcile {
namespace {

using Freedom = PlacedPartition::Freedom;

// What a move must bring: a share of what it costs, both in shares of a mean broker.
constexpr double kGainPerCost = 0.05;
constexpr double kLeastGain = 1e-7;
// How much being less busy counts among brokers that are as good.
constexpr double kBusynessWeight = 1e-3;
// Ends by itself long before; held so that a plan's time has a bound.
constexpr int kMostRounds = 20;

constexpr size_t Of(Load load) { return static_cast<size_t>(load); }

class ReplicaMoves {
 public:
  ReplicaMoves(const LoadBands& bands, Placement& placement) : bands_(bands), placement_(placement) {
    const double replicas = bands_[Load::kReplicas].mean * static_cast<double>(placement_.usable().size());
    mean_bytes_ =
        bands_[Load::kBytes].mean * static_cast<double>(placement_.usable().size()) / std::max(replicas, 1.0);
  }

  void BalanceReplicas() {
    for (int round = 0; round < kMostRounds; ++round) {
      const int64_t before = placement_.changes();
      for (const Load load : {Load::kBytes, Load::kBytesIn, Load::kReplicas}) {
        ListPartitions();
        for (const BrokerIndex b : ByLoad(load)) Push(b, load);
        Pull(load);
      }
      SpreadTopics();
      if (placement_.changes() == before) return;
    }
  }

  void BalanceLeadersByMoves() {
    leaders_ = true;
    for (int round = 0; round < kMostRounds; ++round) {
      const int64_t before = placement_.changes();
      for (const Load load : {Load::kBytesOut, Load::kLeaders}) {
        ListPartitions();
        for (const BrokerIndex b : ByLoad(load)) Push(b, load);
      }
      if (placement_.changes() == before) return;
    }
  }

 private:
  struct Candidate {
    double score;
    uint32_t partition;
  };
  using Allowed = absl::FunctionRef<bool(BrokerIndex)>;

  double LoadAt(BrokerIndex b, Load load) const { return placement_.brokers()[b].load[Of(load)]; }

  // Partitions by broker as of now; those that arrive later are looked at in the next round.
  void ListPartitions() {
    const size_t brokers = placement_.brokers().size();
    begins_.assign(brokers + 1, 0);
    for (const PlacedPartition& partition : placement_.partitions()) {
      for (const BrokerIndex b : partition.seats) ++begins_[b + 1];
    }
    for (size_t b = 0; b < brokers; ++b) begins_[b + 1] += begins_[b];
    listed_.resize(begins_[brokers]);
    std::vector<uint32_t> next(begins_.begin(), begins_.end() - 1);
    for (uint32_t p = 0; p < placement_.partitions().size(); ++p) {
      for (const BrokerIndex b : placement_.partition(p).seats) listed_[next[b]++] = p;
    }
  }

  // Usable brokers, the busiest first.
  std::vector<BrokerIndex> ByLoad(Load load) const {
    std::vector<BrokerIndex> brokers = placement_.usable();
    std::stable_sort(brokers.begin(), brokers.end(),
                     [&](BrokerIndex a, BrokerIndex b) { return LoadAt(a, load) > LoadAt(b, load); });
    return brokers;
  }

  size_t SeatOf(uint32_t p, BrokerIndex b) const {
    const Seats& seats = placement_.partition(p).seats;
    return static_cast<size_t>(std::find(seats.begin(), seats.end(), b) - seats.begin());
  }

  bool CanReturn(uint32_t p) const {
    const Seats& held = placement_.held(p);
    const Seats& seats = placement_.partition(p).seats;
    return std::any_of(held.begin(), held.end(), [&](BrokerIndex b) { return !Contains(seats, b); });
  }

  // The partitions on a broker, first those that bring most for their bytes.
  const std::vector<Candidate>& CandidatesOn(BrokerIndex b, Load load) {
    candidates_.clear();
    for (size_t i = begins_[b]; i < begins_[b + 1]; ++i) {
      const uint32_t p = listed_[i];
      const PlacedPartition& partition = placement_.partition(p);
      if (partition.freedom == Freedom::kStays) continue;
      const size_t seat = SeatOf(p, b);
      if (seat == partition.seats.size() || (leaders_ && seat != 0)) continue;
      const double amount = placement_.LoadOf(p, seat)[Of(load)];
      if (amount <= 0) continue;
      const bool returns = CanReturn(p);
      if (partition.freedom == Freedom::kReturns && !returns) continue;
      const bool free = returns || !placement_.Holds(p, b);
      candidates_.push_back({amount / ((free ? 0 : partition.bytes) + mean_bytes_ / 8 + 1), p});
    }
    std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& x, const Candidate& y) {
      return x.score != y.score ? x.score > y.score : x.partition < y.partition;
    });
    return candidates_;
  }

  // Above the band: away with what brings it down.
  void Push(BrokerIndex from, Load load) {
    const LoadBand& band = bands_[load];
    if (LoadAt(from, load) <= band.upper) return;
    for (const Candidate& candidate : CandidatesOn(from, load)) {
      if (LoadAt(from, load) <= band.upper) return;
      const size_t seat = SeatOf(candidate.partition, from);
      const double amount = placement_.LoadOf(candidate.partition, seat)[Of(load)];
      MoveToBest(candidate.partition, seat,
                 [&](BrokerIndex to) { return LoadAt(to, load) + amount < LoadAt(from, load); });
    }
  }

  // Below the band: those above the mean give, the busiest first.
  void Pull(Load load) {
    const LoadBand& band = bands_[load];
    std::vector<BrokerIndex> idle;
    const auto find_idle = [&] {
      idle.clear();
      for (const BrokerIndex b : placement_.usable()) {
        if (LoadAt(b, load) < band.lower) idle.push_back(b);
      }
      return !idle.empty();
    };
    if (!find_idle()) return;
    for (const BrokerIndex from : ByLoad(load)) {
      if (LoadAt(from, load) <= band.mean) return;
      for (const Candidate& candidate : CandidatesOn(from, load)) {
        if (LoadAt(from, load) <= band.mean) break;
        const auto allowed = [&](BrokerIndex to) { return LoadAt(to, load) < band.lower; };
        const bool moved = MoveToBest(candidate.partition, SeatOf(candidate.partition, from), allowed, &idle);
        if (moved && !find_idle()) return;
      }
    }
  }

  void SpreadTopics() {
    for (uint32_t t = 0; t < placement_.topics().size(); ++t) {
      const Placement::TopicCount* counts = placement_.CountsOf(t);
      if (counts == nullptr) continue;
      const Placement::TopicTotal& topic = placement_.topics()[t];
      for (const BrokerIndex b : placement_.usable()) {
        const auto most = static_cast<int32_t>(bands_.MostReplicas(t));
        for (uint32_t p = topic.first;
             p < topic.first + static_cast<uint32_t>(topic.partitions) && counts[b].replicas > most; ++p) {
          const PlacedPartition& partition = placement_.partition(p);
          if (partition.freedom == Freedom::kStays || !Contains(partition.seats, b)) continue;
          MoveToBest(p, SeatOf(p, b), [&](BrokerIndex to) { return counts[to].replicas < most; });
        }
      }
    }
  }

  // How much is won if the replica goes there; less than nothing: more is lost than won.
  double Profit(uint32_t p, size_t seat, BrokerIndex to, bool held) const {
    // What is on its way already may as well go elsewhere.
    const int copies = (held ? 0 : 1) - (placement_.Holds(p, placement_.partition(p).seats[seat]) ? 0 : 1);
    const double cost = copies * kGainPerCost * placement_.partition(p).bytes / bands_[Load::kBytes].scale;
    if (!leaders_) return bands_.ReplicaGain(placement_, p, seat, to) - cost;
    if (bands_.ReplicaGain(placement_, p, seat, to) < -1e-12) return -1;
    return bands_.LeaderGain(placement_, p, placement_.partition(p).seats[seat], to) - cost;
  }

  bool MoveToBest(uint32_t p, size_t seat, Allowed allowed, const std::vector<BrokerIndex>* among = nullptr) {
    const PlacedPartition& partition = placement_.partition(p);
    const int racks = placement_.DistinctRacks(partition.seats);
    std::optional<BrokerIndex> best;
    double most = 0;
    for (const BrokerIndex to : among != nullptr ? *among : placement_.usable()) {
      if (!allowed(to) || Contains(partition.seats, to)) continue;
      const bool held = placement_.Holds(p, to);
      if (!held && partition.freedom == Freedom::kReturns) continue;
      if (!placement_.FitsFrom(partition.seats[seat], to, partition.bytes)) continue;
      const double profit = Profit(p, seat, to, held);
      if (profit < kLeastGain) continue;
      const double value = profit - kBusynessWeight * bands_.Busyness(placement_, partition.topic, to);
      if ((best && value <= most) || !KeepsRacks(p, seat, to, racks)) continue;
      best = to;
      most = value;
    }
    if (best) placement_.Move(p, seat, *best, MoveReason::kLoad);
    return best.has_value();
  }

  bool KeepsRacks(uint32_t p, size_t seat, BrokerIndex to, int racks) const {
    const PlacedPartition& partition = placement_.partition(p);
    if (placement_.brokers()[to].rack == placement_.brokers()[partition.seats[seat]].rack) return true;
    Seats seats = partition.seats;
    seats[seat] = to;
    return placement_.DistinctRacks(seats) >= racks;
  }

  const LoadBands& bands_;
  Placement& placement_;
  bool leaders_ = false;
  double mean_bytes_ = 0;
  std::vector<uint32_t> begins_, listed_;
  std::vector<Candidate> candidates_;
};

using Gain = double (LoadBands::*)(const Placement&, uint32_t, BrokerIndex, BrokerIndex) const;

// Each partition gets the leader that is best; again, until nothing is better or `enough` says so.
void ChooseLeaders(const LoadBands& bands, Placement& placement, Gain gain_of,
                   absl::FunctionRef<bool()> enough) {
  for (int round = 0; round < kMostRounds; ++round) {
    const int64_t before = placement.changes();
    for (uint32_t p = 0; p < placement.partitions().size(); ++p) {
      const PlacedPartition& partition = placement.partition(p);
      if (partition.freedom != Freedom::kMoves) continue;
      size_t best = 0;
      double most = kLeastGain;
      for (size_t seat = 1; seat < partition.seats.size(); ++seat) {
        if (!placement.brokers()[partition.seats[seat]].usable) continue;
        const double gain = (bands.*gain_of)(placement, p, partition.seats[0], partition.seats[seat]);
        if (gain <= most) continue;
        most = gain;
        best = seat;
      }
      if (best != 0) placement.Prefer(p, best, MoveReason::kLeaders);
    }
    if (placement.changes() == before || enough()) return;
  }
}

}  // namespace

void BalanceReplicas(const LoadBands& bands, Placement& placement) {
  ReplicaMoves(bands, placement).BalanceReplicas();
}

void BalanceLeaders(const LoadBands& bands, Placement& placement) {
  const auto enough = [&] { return !bands.LeadersOut(placement); };
  for (int round = 0; round < kMostRounds; ++round) {
    const int64_t before = placement.changes();
    ChooseLeaders(bands, placement, &LoadBands::LeaderGain, enough);
    if (enough()) return;
    // All are at the edge of their bands: nearer to the mean makes room.
    ChooseLeaders(bands, placement, &LoadBands::EvenLeaderGain, enough);
    if (enough() || placement.changes() == before) return;
  }
}

void BalanceLeadersByMoves(const LoadBands& bands, Placement& placement) {
  ReplicaMoves(bands, placement).BalanceLeadersByMoves();
}

}  // namespace dohle::reconcile
