#include "operator/reconcile/rolling/wave.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace dohle::reconcile {
namespace {

constexpr int kRefinements = 6;

using Waves = std::vector<std::vector<size_t>>;

std::string NameOf(const Topology& topology, const PartitionPlace& partition) {
  return fmt::format("{}-{}", topology.topics[partition.topic].name, partition.index);
}

// Who may be away together, by the places of the candidates.
class Conflicts {
 public:
  Conflicts(const Topology& topology, const std::vector<NodeId>& candidates)
      : words_((candidates.size() + 63) / 64),
        rows_(candidates.size() * words_),
        loose_of_(candidates.size()),
        voter_(candidates.size(), false),
        alone_(candidates.size()) {
    for (size_t i = 0; i < candidates.size(); ++i) places_[candidates[i]] = i;
    AddVoters(topology.quorum);
    for (const PartitionPlace& partition : topology.partitions) AddPartition(topology, partition);
  }

  size_t size() const { return alone_.size(); }
  // Why this one can't have company; "" if it can.
  const std::string& alone(size_t broker) const { return alone_[broker]; }
  // Why nobody of the voters may go at all.
  const std::string& voters_refusal() const { return voters_refusal_; }
  bool voter(size_t broker) const { return voter_[broker]; }
  size_t degree(size_t broker) const {
    size_t degree = 0;
    for (size_t word = 0; word < words_; ++word)
      degree += static_cast<size_t>(__builtin_popcountll(rows_[broker * words_ + word]));
    return degree;
  }

  // ---- the wave that is being put together

  void Begin() {
    for (const size_t slot : touched_) ++loose_left_[slot];
    touched_.clear();
    away_.assign(words_, 0);
    members_ = 0;
    voters_away_ = 0;
    closed_ = false;
  }
  bool Add(size_t broker) {
    if (closed_ || (members_ > 0 && !alone_[broker].empty())) return false;
    if (voter_[broker] && voters_away_ >= spare_voters_) return false;
    for (size_t word = 0; word < words_; ++word) {
      if ((rows_[broker * words_ + word] & away_[word]) != 0) return false;
    }
    for (const uint32_t slot : loose_of_[broker]) {
      if (loose_left_[slot] == 0) return false;
    }
    for (const uint32_t slot : loose_of_[broker]) {
      --loose_left_[slot];
      touched_.push_back(slot);
    }
    away_[broker / 64] |= uint64_t{1} << (broker % 64);
    ++members_;
    voters_away_ += voter_[broker] ? 1 : 0;
    closed_ = !alone_[broker].empty();
    return true;
  }

 private:
  void AddVoters(const QuorumPlace& quorum) {
    size_t caught_up = 0;
    std::string behind;
    for (const QuorumVoter& voter : quorum.voters) {
      const bool current = voter.id == quorum.leader ||
                           (voter.log_end_offset >= 0 && voter.ms_since_caught_up <= kVoterLagLimitMs);
      caught_up += current ? 1 : 0;
      if (!current && behind.empty())
        behind = fmt::format("voter {} of the quorum lags behind", voter.id.value());
      // One that lags isn't missed either.
      const auto it = places_.find(voter.id);
      if (it != places_.end() && current) voter_[it->second] = true;
    }
    const size_t majority = quorum.voters.size() / 2 + 1;
    spare_voters_ = caught_up > majority ? caught_up - majority : 0;
    if (spare_voters_ > 0 || quorum.voters.empty()) return;
    if (!behind.empty()) {
      voters_refusal_ = behind;
      return;
    }
    // One or two voters can spare nobody: it goes without the quorum for a moment.
    spare_voters_ = 1;
    for (size_t i = 0; i < voter_.size(); ++i) {
      if (voter_[i]) alone_[i] = fmt::format("a quorum of {} can spare no voter", quorum.voters.size());
    }
  }

  void AddPartition(const Topology& topology, const PartitionPlace& partition) {
    const auto min_isr = std::max(1, topology.topics[partition.topic].min_in_sync_replicas);
    const auto spare = static_cast<int64_t>(partition.in_sync.size()) - min_isr;
    absl::InlinedVector<size_t, 4> members;
    for (const NodeId id : partition.in_sync) {
      if (const auto it = places_.find(id); it != places_.end()) members.push_back(it->second);
    }
    if (static_cast<int64_t>(members.size()) <= spare) return;
    if (spare <= 0) {
      for (const size_t member : members) {
        if (alone_[member].empty()) {
          alone_[member] = fmt::format("{} has {} in-sync replicas and min.insync.replicas {}",
                                       NameOf(topology, partition), partition.in_sync.size(), min_isr);
        }
      }
    } else if (spare == 1) {
      for (const size_t a : members) {
        for (const size_t b : members) {
          if (a != b) rows_[a * words_ + b / 64] |= uint64_t{1} << (b % 64);
        }
      }
    } else {
      for (const size_t member : members)
        loose_of_[member].push_back(static_cast<uint32_t>(loose_left_.size()));
      loose_left_.push_back(static_cast<uint16_t>(std::min<int64_t>(spare, UINT16_MAX)));
    }
  }

  const size_t words_;
  absl::flat_hash_map<NodeId, size_t> places_;
  std::vector<uint64_t> rows_;  // bits of those that can't be away with this one
  // Partitions that can spare two or more: which of them a broker has, how many each can spare yet.
  std::vector<std::vector<uint32_t>> loose_of_;
  std::vector<uint16_t> loose_left_;
  std::vector<bool> voter_;
  std::vector<std::string> alone_;
  std::string voters_refusal_;
  size_t spare_voters_ = SIZE_MAX;

  std::vector<uint64_t> away_;
  std::vector<size_t> touched_;
  size_t members_ = 0, voters_away_ = 0;
  bool closed_ = false;
};

// Fills wave after wave in this order.
Waves Fill(Conflicts& conflicts, std::vector<size_t> order, size_t width) {
  Waves waves;
  while (!order.empty()) {
    conflicts.Begin();
    std::vector<size_t> wave, rest;
    for (const size_t broker : order) {
      (wave.size() < width && conflicts.Add(broker) ? wave : rest).push_back(broker);
    }
    waves.push_back(std::move(wave));
    order = std::move(rest);
  }
  return waves;
}

std::vector<size_t> Flat(const Waves& waves) {
  std::vector<size_t> order;
  for (const auto& wave : waves) order.insert(order.end(), wave.begin(), wave.end());
  return order;
}

// The same waves in another order are never more of them when filled again, and may be fewer.
Waves Refine(Conflicts& conflicts, Waves waves, size_t width) {
  for (int round = 0; round < kRefinements && waves.size() > 1; ++round) {
    Waves turned = waves;
    if (round % 2 == 0) {
      std::reverse(turned.begin(), turned.end());
    } else {
      std::stable_sort(turned.begin(), turned.end(),
                       [](const auto& a, const auto& b) { return a.size() > b.size(); });
    }
    Waves filled = Fill(conflicts, Flat(turned), width);
    if (filled.size() <= waves.size()) waves = std::move(filled);
  }
  return waves;
}

std::vector<size_t> ByRack(const std::vector<std::string>& racks) {
  std::map<std::string, size_t> sizes;
  for (const std::string& rack : racks) ++sizes[rack];
  std::vector<size_t> order(racks.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const size_t more = sizes[racks[a]], less = sizes[racks[b]];
    return more != less ? more > less : racks[a] < racks[b];
  });
  return order;
}

std::vector<size_t> ByDegree(const Conflicts& conflicts) {
  std::vector<size_t> degrees, order(conflicts.size());
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
    degrees.push_back(conflicts.degree(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return degrees[a] > degrees[b]; });
  return order;
}

std::vector<std::string> RacksOf(const Topology& topology, const std::vector<NodeId>& candidates) {
  absl::flat_hash_map<NodeId, const BrokerPlace*> places;
  for (const BrokerPlace& broker : topology.brokers) places[broker.id] = &broker;
  std::vector<std::string> racks;
  for (const NodeId id : candidates) {
    const auto it = places.find(id);
    racks.push_back(it == places.end() ? "" : it->second->rack);
  }
  return racks;
}

std::string ReasonOf(const Conflicts& conflicts, const std::vector<size_t>& wave,
                     const std::vector<std::string>& racks, size_t width) {
  if (wave.size() == 1 && !conflicts.alone(wave.front()).empty())
    return "alone, as " + conflicts.alone(wave.front());
  const std::string& rack = racks[wave.front()];
  const bool one_rack =
      std::all_of(wave.begin(), wave.end(), [&](size_t broker) { return racks[broker] == rack; });
  const std::string where = one_rack && !rack.empty() ? fmt::format(" of rack {}", rack) : "";
  if (wave.size() == width) return fmt::format("as many at once as may be{}", where);
  return fmt::format("as many at once as no partition and no quorum forbids{}", where);
}

// The largest first, where it takes in others that fit; `last` in the last one. Never more waves than before.
Waves Ordered(Conflicts& conflicts, Waves waves, size_t width, std::optional<size_t> last) {
  const auto has_last = [&](const auto& wave) {
    return last && std::find(wave.begin(), wave.end(), *last) != wave.end();
  };
  auto end = waves.end();
  if (const auto of_last = std::find_if(waves.begin(), waves.end(), has_last); of_last != waves.end()) {
    std::erase(*of_last, *last);
    std::swap(*of_last, waves.back());
    end = std::prev(end);
  }
  const auto largest = std::max_element(waves.begin(), end, [](const auto& a, const auto& b) {
    return a.size() != b.size() ? a.size() < b.size() : a.front() > b.front();
  });
  if (largest != end) std::swap(waves.front(), *largest);
  waves = Fill(conflicts, Flat(waves), width);
  if (!last) return waves;
  conflicts.Begin();
  bool fits = !waves.empty() && waves.back().size() < width;
  if (fits) {
    for (const size_t broker : waves.back()) (void)conflicts.Add(broker);
    fits = conflicts.Add(*last);
  }
  if (!fits) waves.emplace_back();
  waves.back().push_back(*last);
  return waves;
}

}  // namespace

Wave NextWave(const Topology& topology, const std::vector<NodeId>& candidates, size_t width, NodeId last) {
  Wave result;
  Conflicts conflicts(topology, candidates);
  const std::vector<std::string> racks = RacksOf(topology, candidates);
  std::vector<size_t> by_rack = ByRack(racks), by_degree = ByDegree(conflicts);
  if (!conflicts.voters_refusal().empty()) {
    result.reason = conflicts.voters_refusal();
    const auto is_voter = [&](size_t broker) { return conflicts.voter(broker); };
    std::erase_if(by_rack, is_voter);
    std::erase_if(by_degree, is_voter);
  }
  if (by_rack.empty()) return result;
  std::optional<size_t> last_place;
  for (const size_t broker : by_rack) {
    if (candidates[broker] == last) last_place = broker;
  }
  // In racks first: those stay if others aren't better.
  Waves best = Refine(conflicts, Fill(conflicts, by_rack, width), width);
  if (Waves other = Refine(conflicts, Fill(conflicts, by_degree, width), width); other.size() < best.size())
    best = std::move(other);
  best = Ordered(conflicts, std::move(best), width, last_place);
  const std::vector<size_t>& wave = best.front();
  for (const size_t broker : wave) result.brokers.push_back(candidates[broker]);
  std::sort(result.brokers.begin(), result.brokers.end(),
            [&](NodeId a, NodeId b) { return a == last || b == last ? b == last && a != last : a < b; });
  result.reason = ReasonOf(conflicts, wave, racks, width);
  result.waves_after = best.size() - 1;
  return result;
}

}  // namespace dohle::reconcile
