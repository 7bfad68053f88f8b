#include "operator/reconcile/cluster/voters.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

namespace dohle::reconcile {
namespace {

using Kind = VoterChange::Kind;

bool CaughtUp(const QuorumVoter& replica) {
  return replica.ms_since_caught_up >= 0 && replica.ms_since_caught_up <= kCaughtUpMs;
}

class Chooser {
 public:
  Chooser(const QuorumPlace& quorum, const std::map<NodeId, std::string>& candidates, int32_t wanted)
      : quorum_(quorum), candidates_(candidates), wanted_(static_cast<size_t>(std::max(wanted, 1))) {}

  VoterChange Choose() const {
    const QuorumVoter* joins = Joins();
    const QuorumVoter* goes = Goes();
    const size_t stay = static_cast<size_t>(std::count_if(quorum_.voters.begin(), quorum_.voters.end(),
                                                          [&](const auto& voter) { return Stays(voter); }));
    if (stay < wanted_ && joins != nullptr) return Add(*joins, stay);
    if (goes != nullptr) return Remove(*goes);
    return {};
  }

 private:
  // The same node follows with another directory: that voter is no more. The leader goes on to tell of one
  // that it has removed for some minutes; that doesn't replace the one that came after it.
  bool Replaced(const QuorumVoter& voter) const {
    if (voter.id == quorum_.leader) return false;
    return std::any_of(quorum_.observers.begin(), quorum_.observers.end(), [&](const QuorumVoter& o) {
      const bool later = o.ms_since_caught_up >= 0 &&
                         (voter.ms_since_caught_up < 0 || o.ms_since_caught_up <= voter.ms_since_caught_up);
      return o.id == voter.id && o.directory != voter.directory && later;
    });
  }
  bool Away(const QuorumVoter& voter) const {
    return voter.id != quorum_.leader && voter.ms_since_caught_up > kLostVoterMs;
  }
  bool Stays(const QuorumVoter& voter) const {
    return candidates_.contains(voter.id) && !Replaced(voter) && !Away(voter);
  }
  std::string RackOf(NodeId id) const {
    const auto it = candidates_.find(id);
    return it == candidates_.end() ? "" : it->second;
  }
  int64_t VotersIn(const std::string& rack) const {
    return std::count_if(quorum_.voters.begin(), quorum_.voters.end(),
                         [&](const QuorumVoter& voter) { return Stays(voter) && RackOf(voter.id) == rack; });
  }
  // Of the racks with the fewest voters, the lowest id.
  const QuorumVoter* Joins() const {
    const QuorumVoter* best = nullptr;
    const auto cost = [&](const QuorumVoter& o) { return std::make_tuple(VotersIn(RackOf(o.id)), o.id); };
    for (const QuorumVoter& observer : quorum_.observers) {
      const bool votes = std::any_of(quorum_.voters.begin(), quorum_.voters.end(),
                                     [&](const QuorumVoter& voter) { return voter.id == observer.id; });
      if (votes || !candidates_.contains(observer.id) || !CaughtUp(observer)) continue;
      if (observer.directory.is_zero()) continue;
      if (best == nullptr || cost(observer) < cost(*best)) best = &observer;
    }
    return best;
  }
  // Who is no use first, then who leaves, then of the racks with the most voters the highest id; the leader
  // last.
  const QuorumVoter* Goes() const {
    const QuorumVoter* best = nullptr;
    const auto cost = [&](const QuorumVoter& v) {
      return std::make_tuple(v.id == quorum_.leader, Stays(v), CaughtUp(v), -VotersIn(RackOf(v.id)),
                             -v.id.value());
    };
    size_t there = 0;
    for (const QuorumVoter& voter : quorum_.voters) there += Stays(voter) ? 1 : 0;
    for (const QuorumVoter& voter : quorum_.voters) {
      const bool gone = !candidates_.contains(voter.id) || Replaced(voter);
      // One that is only away is kept until another has taken its place.
      const bool replaced = Away(voter) && there >= wanted_;
      const bool surplus = Stays(voter) && there > wanted_;
      if (!gone && !replaced && !surplus) continue;
      // It agrees until somebody else does.
      if (gone && !Replaced(voter) && CaughtUp(voter) && there < wanted_) continue;
      if (best == nullptr || cost(voter) < cost(*best)) best = &voter;
    }
    return best;
  }
  // Whether those that are caught up are a majority of the voters without `without` and with one more.
  bool Survives(const QuorumVoter* without, bool one_more) const {
    size_t voters = one_more ? 1 : 0;
    size_t agree = voters;
    for (const QuorumVoter& voter : quorum_.voters) {
      if (&voter == without) continue;
      ++voters;
      if (CaughtUp(voter) || voter.id == quorum_.leader) ++agree;
    }
    return agree >= voters / 2 + 1;
  }
  VoterChange Add(const QuorumVoter& observer, size_t stay) const {
    VoterChange change{Kind::kAdd, observer.id, observer.directory,
                       fmt::format("{} of {} voters are there", stay, wanted_)};
    if (!Survives(nullptr, true)) {
      change.kind = Kind::kWait;
      change.reason =
          fmt::format("broker {} can't become a voter before a majority is caught up", observer.id.value());
    }
    return change;
  }
  std::string WhyGoes(const QuorumVoter& voter) const {
    if (!candidates_.contains(voter.id)) return "its broker leaves or is gone";
    if (Replaced(voter)) return "its broker came back with another disk";
    if (Away(voter)) return fmt::format("it has been away for {} s", voter.ms_since_caught_up / 1000);
    return fmt::format("{} voters are enough", wanted_);
  }
  VoterChange Remove(const QuorumVoter& voter) const {
    VoterChange change{Kind::kRemove, voter.id, voter.directory, WhyGoes(voter)};
    if (quorum_.voters.size() == 1) {
      change.kind = Kind::kWait;
      change.reason =
          fmt::format("voter {} is the only one: another must be caught up first", voter.id.value());
    } else if (!Survives(&voter, false)) {
      change.kind = Kind::kWait;
      change.reason =
          fmt::format("voter {} can't go before a majority of the others is caught up", voter.id.value());
    }
    return change;
  }

  const QuorumPlace& quorum_;
  const std::map<NodeId, std::string>& candidates_;
  const size_t wanted_;
};

}  // namespace

VoterChange NextVoterChange(const QuorumPlace& quorum, const std::map<NodeId, std::string>& candidates,
                            int32_t wanted) {
  const bool fixed = std::any_of(quorum.voters.begin(), quorum.voters.end(),
                                 [](const QuorumVoter& voter) { return voter.directory.is_zero(); });
  if (quorum.leader == kNoNode || quorum.voters.empty() || fixed) return {};
  return Chooser(quorum, candidates, wanted).Choose();
}

}  // namespace dohle::reconcile
