#include "broker/controller/alter_partition.h"

#include <algorithm>

#include "broker/controller/brokers.h"
#include "broker/controller/partition_change.h"
#include "broker/controller/rules.h"
#include "lib/base/log.h"

namespace dohle::controller {
namespace {

using metadata::LeaderRecoveryState;
using metadata::PartitionRegistration;
using metadata::Replicas;
using metadata::TopicImage;
using PartitionData = kafka::AlterPartitionRequest::PartitionData;
using PartitionResult = kafka::AlterPartitionResponse::PartitionData;

constexpr int32_t kNoLeaderChange = -2;
constexpr BrokerEpoch kAnyEpoch{-1};

struct IsrMember {
  NodeId id;
  BrokerEpoch epoch = kAnyEpoch;
};

std::vector<IsrMember> WantedIsr(const PartitionData& data, int16_t version) {
  std::vector<IsrMember> isr;
  if (version < 3) {
    for (const int32_t id : data.new_isr) isr.push_back({NodeId(id), kAnyEpoch});
  } else {
    for (const auto& member : data.new_isr_with_epochs) {
      isr.push_back({NodeId(member.broker_id), BrokerEpoch(member.broker_epoch)});
    }
  }
  return isr;
}

Replicas Ids(const std::vector<IsrMember>& isr) {
  Replicas ids;
  for (const IsrMember& member : isr) ids.push_back(member.id);
  return ids;
}

// Replicas of the partition, none of them twice.
bool IsPossibleIsr(const PartitionRegistration& partition, Replicas isr) {
  std::sort(isr.begin(), isr.end());
  return std::adjacent_find(isr.begin(), isr.end()) == isr.end() &&
         std::all_of(isr.begin(), isr.end(), [&](NodeId id) { return partition.HasReplica(id); });
}

// Why a broker may not be in an ISR; nothing if it may.
std::optional<std::string> Ineligibility(const MetadataImage& image, const IsrMember& member) {
  const metadata::BrokerRegistration* broker = image.cluster.Broker(member.id);
  if (broker == nullptr) return "not registered";
  if (broker->in_controlled_shutdown) return "shutting down";
  if (broker->fenced) return "fenced";
  if (member.epoch == kAnyEpoch || member.epoch == broker->epoch) return std::nullopt;
  if (!g_rules.check_broker_epochs) return std::nullopt;
  return fmt::format("broker epoch mismatch: requested={} VS expected={}", member.epoch.value(),
                     broker->epoch.value());
}

struct Refusal {
  ErrorCode code = ErrorCode::kNone;
  std::string why;
};

// The epochs first: whoever knows more than this controller has to find another, whoever knows less has to
// learn before it asks again.
Refusal CheckEpochs(NodeId broker, const PartitionRegistration& partition, const PartitionData& data) {
  const LeaderEpoch leader_epoch(data.leader_epoch);
  const PartitionEpoch partition_epoch(data.partition_epoch);
  if (leader_epoch > partition.leader_epoch || partition_epoch > partition.partition_epoch) {
    return {ErrorCode::kNotController, "it has seen later epochs than this controller"};
  }
  if (leader_epoch < partition.leader_epoch) {
    return {ErrorCode::kFencedLeaderEpoch, fmt::format("the current leader epoch is {}, not {}",
                                                       partition.leader_epoch.value(), data.leader_epoch)};
  }
  if (broker != partition.leader) {
    return {ErrorCode::kInvalidRequest, fmt::format("the current leader is {}", partition.leader.value())};
  }
  if (partition_epoch < partition.partition_epoch) {
    return {ErrorCode::kInvalidUpdateVersion,
            fmt::format("the current partition epoch is {}, not {}", partition.partition_epoch.value(),
                        data.partition_epoch)};
  }
  return {};
}

Refusal CheckIsr(const MetadataImage& image, const PartitionRegistration& partition,
                 const PartitionData& data, const std::vector<IsrMember>& wanted) {
  const Replicas isr = Ids(wanted);
  if (!IsPossibleIsr(partition, isr)) return {ErrorCode::kInvalidRequest, "it specified an invalid ISR"};
  if (std::find(isr.begin(), isr.end(), partition.leader) == isr.end()) {
    return {ErrorCode::kInvalidRequest, "it specified an ISR that doesn't include itself"};
  }
  if (data.leader_recovery_state < 0 || data.leader_recovery_state > 1) {
    return {ErrorCode::kInvalidRequest, "it specified an unknown leader recovery state"};
  }
  const auto recovery = static_cast<LeaderRecoveryState>(data.leader_recovery_state);
  if (recovery == LeaderRecoveryState::kRecovering && isr.size() > 1) {
    return {
        ErrorCode::kInvalidRequest,
        "the ISR has more than one replica while the leader is still recovering from an unclean election"};
  }
  if (recovery == LeaderRecoveryState::kRecovering &&
      partition.leader_recovery_state == LeaderRecoveryState::kRecovered) {
    return {ErrorCode::kInvalidRequest, "the leader recovery state can't go back to RECOVERING"};
  }
  for (const IsrMember& member : wanted) {
    if (const auto reason = Ineligibility(image, member); reason.has_value()) {
      return {ErrorCode::kIneligibleReplica,
              fmt::format("replica {} may not be in the ISR: {}", member.id.value(), *reason)};
    }
  }
  return {};
}

class PartitionAlteration {
 public:
  PartitionAlteration(const DecisionContext& context, const kafka::AlterPartitionRequest& request,
                      int16_t version)
      : context_(context), broker_(request.broker_id), version_(version) {}

  // The partition after the change, or the error.
  PartitionResult Alter(const TopicImage& topic, const TopicRules& rules, const PartitionData& data) {
    PartitionResult result;
    result.partition_index = data.partition_index;
    const std::vector<IsrMember> isr = WantedIsr(data, version_);
    const PartitionRegistration* partition = topic.Partition(PartitionIndex(data.partition_index));
    if (const Refusal refusal = Check(partition, data, isr); refusal.code != ErrorCode::kNone) {
      log::Info("controller", "refused AlterPartition of broker {} for {}-{}: {}", broker_.value(),
                topic.name, data.partition_index, refusal.why);
      result.error_code = kafka::ToCode(refusal.code);
      return result;
    }
    PartitionRegistration after = *partition;
    const ErrorCode error = Change(topic, rules, data, isr, &after);
    result.error_code = kafka::ToCode(error);
    if (error != ErrorCode::kNone) return result;
    result.leader_id = after.leader.value();
    result.leader_epoch = after.leader_epoch.value();
    for (const NodeId id : after.isr) result.isr.push_back(id.value());
    result.leader_recovery_state = static_cast<int8_t>(after.leader_recovery_state);
    result.partition_epoch = after.partition_epoch.value();
    return result;
  }

  RecordList TakeRecords() { return std::move(records_); }

 private:
  Refusal Check(const PartitionRegistration* partition, const PartitionData& data,
                const std::vector<IsrMember>& isr) const {
    if (partition == nullptr) return {ErrorCode::kUnknownTopicOrPartition, "there is no such partition"};
    Refusal refusal = CheckEpochs(broker_, *partition, data);
    if (refusal.code != ErrorCode::kNone) return refusal;
    return CheckIsr(context_.image, *partition, data, isr);
  }

  ErrorCode Change(const TopicImage& topic, const TopicRules& rules, const PartitionData& data,
                   const std::vector<IsrMember>& isr, PartitionRegistration* after) {
    const PartitionRegistration before = *after;
    PartitionChange change =
        ChangeOf(context_, rules, topic.id, PartitionIndex(data.partition_index), before);
    if (rules.unclean_election) change.election = Election::kUnclean;
    change.isr = Ids(isr);
    change.leader_recovery_state = static_cast<LeaderRecoveryState>(data.leader_recovery_state);
    std::optional<VersionedRecord> record = BuildPartitionChange(change);
    if (!record.has_value()) return ErrorCode::kNone;
    const auto& made = std::get<kafka::PartitionChangeRecord>(record->record);
    // We made it: it is in order.
    (void)metadata::Apply(made, after);
    const bool other_leader = made.leader != kNoLeaderChange && made.leader != broker_.value();
    if (IsReassigning(before) && !IsReassigning(*after)) {
      log::Info("controller", "the reassignment of {}-{} is complete", topic.name, data.partition_index);
    }
    records_.push_back(*std::move(record));
    // A completed reassignment may cost the asking leader its place: it has to read that from the metadata.
    return other_leader ? ErrorCode::kNewLeaderElected : ErrorCode::kNone;
  }

  const DecisionContext& context_;
  const NodeId broker_;
  const int16_t version_;
  RecordList records_;
};

}  // namespace

Decision<kafka::AlterPartitionResponse> AlterPartition(const DecisionContext& context,
                                                       const kafka::AlterPartitionRequest& request,
                                                       int16_t version) {
  Decision<kafka::AlterPartitionResponse> decision;
  if (request.topics.empty()) return decision;  // Apache doesn't look at who asks for nothing
  const ApiError stale =
      CheckBrokerEpoch(context.image, NodeId(request.broker_id), BrokerEpoch(request.broker_epoch));
  if (!stale.ok()) {
    decision.response.error_code = kafka::ToCode(stale.code);
    return decision;
  }
  PartitionAlteration alteration(context, request, version);
  for (const auto& wanted : request.topics) {
    auto& answer = decision.response.topics.emplace_back();
    answer.topic_id = wanted.topic_id;
    const TopicImage* topic = context.image.topics.Find(wanted.topic_id);
    const TopicRules rules = topic == nullptr ? TopicRules() : RulesOf(context, *topic);
    for (const PartitionData& data : wanted.partitions) {
      if (topic != nullptr) {
        answer.partitions.push_back(alteration.Alter(*topic, rules, data));
        continue;
      }
      auto& result = answer.partitions.emplace_back();
      result.partition_index = data.partition_index;
      result.error_code = kafka::ToCode(ErrorCode::kUnknownTopicId);
    }
  }
  decision.records = alteration.TakeRecords();
  return decision;
}

}  // namespace dohle::controller
