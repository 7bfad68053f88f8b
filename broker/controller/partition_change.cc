#include "broker/controller/partition_change.h"

#include <algorithm>
#include <set>

#include "broker/controller/restart_permits.h"
#include "broker/metadata/image_writer.h"

namespace dohle::controller {
namespace {

using metadata::LeaderRecoveryState;
using metadata::PartitionRegistration;
using metadata::Replicas;

constexpr int16_t kNoEpochBumpOnIsrShrink = 12;  // 3.6-IV0
constexpr int16_t kDirectoryAssignment = 17;     // 3.7-IV2
constexpr int32_t kNoLeaderChange = -2;

bool Contains(const Replicas& replicas, NodeId id) {
  return std::find(replicas.begin(), replicas.end(), id) != replicas.end();
}

bool ContainsAll(const Replicas& replicas, const Replicas& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](NodeId id) { return Contains(replicas, id); });
}

std::vector<int32_t> Ids(const Replicas& replicas) {
  std::vector<int32_t> ids;
  for (const NodeId id : replicas) ids.push_back(id.value());
  return ids;
}

Replicas Without(const Replicas& replicas, const Replicas& removed) {
  Replicas rest;
  for (const NodeId id : replicas) {
    if (!Contains(removed, id)) rest.push_back(id);
  }
  return rest;
}

class Builder {
 public:
  explicit Builder(const PartitionChange& change)
      : change_(change),
        partition_(change.partition),
        isr_(change.isr.value_or(partition_.isr)),
        replicas_(change.replicas.value_or(partition_.replicas)),
        removing_(change.removing.value_or(partition_.removing_replicas)),
        adding_(change.adding.value_or(partition_.adding_replicas)),
        elr_(partition_.elr) {
    record_.topic_id = change.topic_id;
    record_.partition_id = change.index.value();
  }

  std::optional<VersionedRecord> Build() {
    CompleteReassignment();
    PopulateElr();
    Elect();
    BumpEpochForReassignment();
    SetElr();
    if (!record_.isr.has_value() && (!isr_.empty() || change_.elr_enabled) && isr_ != partition_.isr) {
      record_.isr = Ids(isr_);
    }
    BumpEpochForIsrShrink();
    SetLastKnownLeader();
    SetAssignment();
    const LeaderRecoveryState recovery =
        change_.leader_recovery_state.value_or(partition_.leader_recovery_state);
    if (recovery != partition_.leader_recovery_state)
      record_.leader_recovery_state = static_cast<int8_t>(recovery);
    if (IsNoOp()) return std::nullopt;
    return VersionedRecord{std::move(record_),
                           metadata::PartitionChangeRecordVersion(change_.metadata_version)};
  }

 private:
  void CompleteReassignment() {
    if (removing_.empty() && adding_.empty()) return;
    const Replicas replicas = Without(replicas_, removing_);
    const Replicas isr = Without(isr_, removing_);
    if (replicas.empty() || isr.empty() || !ContainsAll(isr, replicas)) return;
    replicas_ = replicas;
    isr_ = isr;
    removing_.clear();
    adding_.clear();
  }

  // KIP-966: who leaves an ISR that is smaller than min.insync.replicas stays eligible.
  void PopulateElr() {
    if (!change_.elr_enabled) return;
    if (isr_.size() >= static_cast<size_t>(change_.min_isr)) {
      elr_.clear();
      return;
    }
    std::set<NodeId> candidates(elr_.begin(), elr_.end());
    candidates.insert(partition_.isr.begin(), partition_.isr.end());
    elr_.clear();
    for (const NodeId id : candidates) {
      // Whoever has been moved away has deleted what it had, and would be waited for in vain.
      if (Contains(replicas_, id) && !Contains(isr_, id) && id != change_.unclean_shutdown)
        elr_.push_back(id);
    }
  }

  struct Leader {
    NodeId id = kNoNode;
    bool unclean = false;
  };

  bool IsValid(NodeId id) const {
    // Eligible ones and last known leaders may have been moved away since.
    return Contains(replicas_, id) && (Contains(isr_, id) || (isr_.empty() && Contains(elr_, id))) &&
           change_.acceptable_leader(id);
  }
  bool GoesAway(NodeId id) const { return change_.going_away && change_.going_away(id); }
  Leader Choose() const {
    if (change_.election == Election::kPreferred && !replicas_.empty() && IsValid(replicas_.front()) &&
        !GoesAway(replicas_.front())) {
      return {replicas_.front(), false};
    }
    if (IsValid(partition_.leader)) return {partition_.leader, false};
    for (const NodeId id : replicas_) {
      if (IsValid(id) && !GoesAway(id)) return {id, false};
    }
    for (const NodeId id : replicas_) {
      if (IsValid(id)) return {id, false};
    }
    if (CanElectLastKnownLeader()) return {partition_.last_known_elr.front(), true};
    if (change_.election == Election::kUnclean) {
      for (const NodeId id : replicas_) {
        if (change_.acceptable_leader(id)) return {id, true};
      }
    }
    return {};
  }
  bool CanElectLastKnownLeader() const {
    const Replicas& known = partition_.last_known_elr;
    return change_.elr_enabled && elr_.empty() && isr_.empty() && known.size() == 1 &&
           Contains(replicas_, known.front()) && change_.acceptable_leader(known.front());
  }

  void Elect() {
    const Leader leader = Choose();
    if (leader.id == partition_.leader) return;
    if (Contains(elr_, leader.id)) {
      isr_ = {leader.id};
      elr_ = Without(elr_, isr_);
    }
    record_.leader = leader.id.value();
    if (!leader.unclean) return;
    record_.isr = std::vector<int32_t>{leader.id.value()};
    if (partition_.leader_recovery_state != LeaderRecoveryState::kRecovering) {
      record_.leader_recovery_state = static_cast<int8_t>(LeaderRecoveryState::kRecovering);
    }
  }

  // Followers that are no replicas any more must be told: they see it by a new leader epoch.
  void BumpEpochForReassignment() {
    if (record_.leader == kNoLeaderChange && !ContainsAll(replicas_, partition_.replicas)) {
      record_.leader = partition_.leader.value();
    }
  }
  void BumpEpochForIsrShrink() {
    if (change_.metadata_version >= kNoEpochBumpOnIsrShrink || record_.leader != kNoLeaderChange ||
        !record_.isr.has_value()) {
      return;
    }
    Replicas isr;
    for (const int32_t id : *record_.isr) isr.push_back(NodeId(id));
    if (!ContainsAll(isr, partition_.isr)) record_.leader = partition_.leader.value();
  }

  void SetElr() {
    if (record_.isr.has_value() || !change_.elr_enabled)
      elr_.clear();  // an unclean election, or no ELR at all
    if (elr_ != partition_.elr) record_.eligible_leader_replicas = Ids(elr_);
  }
  // The last leader is remembered when nobody leads any more, and forgotten when somebody does again.
  void SetLastKnownLeader() {
    if (!change_.elr_enabled) return;
    const Replicas& known = partition_.last_known_elr;
    if (record_.leader == kNoNode.value() && known.empty() && partition_.leader != kNoNode) {
      record_.last_known_elr = std::vector<int32_t>{partition_.leader.value()};
    } else if (record_.leader >= 0 && !known.empty()) {
      record_.last_known_elr = std::vector<int32_t>{};
    }
  }

  void SetAssignment() {
    if (!replicas_.empty()) {
      if (change_.metadata_version >= kDirectoryAssignment) SetDirectories();
      if (replicas_ != partition_.replicas) record_.replicas = Ids(replicas_);
    }
    if (removing_ != partition_.removing_replicas) record_.removing_replicas = Ids(removing_);
    if (adding_ != partition_.adding_replicas) record_.adding_replicas = Ids(adding_);
  }

  void SetDirectories() {
    // Partitions from before 3.7-IV2 have none recorded, which reads as «migrating» (KIP-858).
    std::vector<DirectoryId> before(partition_.directories.begin(), partition_.directories.end());
    if (before.empty()) before.assign(partition_.replicas.size(), kMigratingDirectory);
    std::vector<DirectoryId> after;
    for (const NodeId id : replicas_) {
      const auto at =
          static_cast<size_t>(std::find(partition_.replicas.begin(), partition_.replicas.end(), id) -
                              partition_.replicas.begin());
      if (change_.directory.has_value() && change_.directory->first == id) {
        after.push_back(change_.directory->second);
      } else {
        after.push_back(at < before.size() ? before[at] : change_.default_directory(id));
      }
    }
    if (after != before) record_.directories = std::move(after);
  }

  bool IsNoOp() const {
    kafka::PartitionChangeRecord nothing;
    nothing.topic_id = record_.topic_id;
    nothing.partition_id = record_.partition_id;
    return record_ == nothing;
  }

  const PartitionChange& change_;
  const PartitionRegistration& partition_;
  Replicas isr_;
  Replicas replicas_;
  Replicas removing_;
  Replicas adding_;
  Replicas elr_;
  kafka::PartitionChangeRecord record_;
};

}  // namespace

std::optional<VersionedRecord> BuildPartitionChange(const PartitionChange& change) {
  return Builder(change).Build();
}

bool HasOnlineDirectory(const MetadataImage& image, NodeId broker, const DirectoryId& directory) {
  if (directory == kUnassignedDirectory || directory == kMigratingDirectory) return true;
  if (directory == kLostDirectory) return false;
  const metadata::BrokerRegistration* registration = image.cluster.Broker(broker);
  if (registration == nullptr) return false;
  return registration->log_dirs.empty() ||
         std::find(registration->log_dirs.begin(), registration->log_dirs.end(), directory) !=
             registration->log_dirs.end();
}

bool IsReassigning(const PartitionRegistration& partition) {
  return !partition.removing_replicas.empty() || !partition.adding_replicas.empty();
}

PartitionChange ChangeOf(const DecisionContext& context, const TopicRules& rules, const TopicId& topic,
                         PartitionIndex index, const PartitionRegistration& partition) {
  const MetadataImage& image = context.image;
  PartitionChange change{partition, topic, index};
  change.metadata_version = context.metadata_version();
  change.min_isr = rules.min_isr;
  change.elr_enabled = image.features.elr_enabled();
  change.acceptable_leader = [&image, &partition](NodeId broker) {
    return image.cluster.IsActive(broker) && HasOnlineDirectory(image, broker, partition.DirectoryOf(broker));
  };
  change.going_away = [&context](NodeId broker) { return HoldsPermit(context, broker); };
  change.default_directory = [&image](NodeId broker) { return DefaultDirectory(image, broker); };
  return change;
}

}  // namespace dohle::controller
