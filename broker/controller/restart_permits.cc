#include "broker/controller/restart_permits.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

namespace dohle::controller {
namespace {

using metadata::ConfigResourceType;
using metadata::PartitionRegistration;
using metadata::TopicImage;

std::optional<int64_t> ParseMs(std::string_view text) {
  int64_t ms = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc() || at != text.data() + text.size()) return std::nullopt;
  return ms;
}

ApiError Refused(std::string why) { return ApiError(ErrorCode::kPolicyViolation, std::move(why)); }

// Who is away or may be any moment.
class Away {
 public:
  Away(const DecisionContext& context, NodeId broker) : broker_(broker), image_(context.image) {
    for (const auto& [id, registration] : context.image.cluster.brokers) {
      if (id != broker && HoldsPermit(context, id)) permits_.push_back(id);
    }
    for (const auto& [id, registration] : context.image.cluster.controllers) {
      const bool seen = context.image.cluster.Broker(id) != nullptr;
      if (id != broker && !seen && HoldsPermit(context, id)) permits_.push_back(id);
    }
  }

  const std::vector<NodeId>& permits() const { return permits_; }
  bool Has(NodeId id) const {
    if (id == broker_ || std::find(permits_.begin(), permits_.end(), id) != permits_.end()) return true;
    return image_.cluster.Broker(id) != nullptr && !image_.cluster.IsActive(id);
  }
  // "broker 3" or "broker 3, with 1 and 2 that may be restarted any moment".
  std::string Text() const {
    std::string others;
    for (const NodeId id : permits_) others += fmt::format("{}{}", others.empty() ? "" : ", ", id.value());
    if (others.empty()) return fmt::format("broker {}", broker_.value());
    return fmt::format("broker {}, and {} that may be restarted any moment,", broker_.value(), others);
  }

 private:
  const NodeId broker_;
  const MetadataImage& image_;
  std::vector<NodeId> permits_;
};

ApiError CheckPartition(const Away& away, NodeId broker, const TopicRules& rules, const TopicImage& topic,
                        PartitionIndex index, const PartitionRegistration& partition) {
  if (!partition.InIsr(broker)) return ApiError();
  const auto left =
      std::count_if(partition.isr.begin(), partition.isr.end(), [&](NodeId id) { return !away.Has(id); });
  if (left >= rules.min_isr) return ApiError();
  const auto replicas = static_cast<int64_t>(partition.replicas.size());
  if (replicas <= rules.min_isr && left == replicas - 1 && away.permits().empty()) return ApiError();
  return Refused(
      fmt::format("Without {} partition {}-{} would keep {} in-sync replicas of the {} that "
                  "min.insync.replicas asks for.",
                  away.Text(), topic.name, index.value(), left, rules.min_isr));
}

ApiError CheckVoters(const DecisionContext& context, const Away& away, NodeId broker) {
  const auto is_broker = [&](const VoterState& voter) { return voter.id == broker; };
  if (std::none_of(context.voters.begin(), context.voters.end(), is_broker)) return ApiError();
  const auto left = static_cast<size_t>(
      std::count_if(context.voters.begin(), context.voters.end(),
                    [&](const VoterState& voter) { return voter.caught_up && !away.Has(voter.id); }));
  const size_t voters = context.voters.size();
  if (left > voters / 2) return ApiError();
  if (voters <= 2 && left == voters - 1 && away.permits().empty()) return ApiError();
  return Refused(
      fmt::format("Without {} {} of {} voters of the metadata quorum would be left that are caught up, "
                  "which is no majority.",
                  away.Text(), left, voters));
}

}  // namespace

bool HoldsPermit(const DecisionContext& context, NodeId broker) {
  const auto& configs =
      context.image.configs.Find(ConfigResourceType::kBroker, std::to_string(broker.value()));
  const auto found = configs.find(kRestartPermit);
  return found != configs.end() && ParseMs(found->second).value_or(0) > context.wall_ms;
}

ApiError CheckPermit(const DecisionContext& context, NodeId broker, std::string_view until_ms) {
  const std::optional<int64_t> until = ParseMs(until_ms);
  if (!until.has_value()) {
    return ApiError(ErrorCode::kInvalidConfig, fmt::format("{} is a time in milliseconds, which '{}' is not.",
                                                           kRestartPermit, until_ms));
  }
  if (*until <= 0) return ApiError();  // given back
  if (*until <= context.wall_ms || *until > context.wall_ms + kLongestPermitMs) {
    return Refused(
        fmt::format("A permit ends within {} s; by the controller's clock this one would end in {} s.",
                    kLongestPermitMs / 1000, (*until - context.wall_ms) / 1000));
  }
  const Away away(context, broker);
  DOHLE_RETURN_IF_API_ERROR(CheckVoters(context, away, broker));
  for (const auto& [id, topic] : context.image.topics.by_id) {
    std::optional<TopicRules> rules;
    for (const auto& [index, partition] : topic.partitions) {
      if (!partition.InIsr(broker)) continue;
      if (!rules.has_value()) rules = RulesOf(context, topic);
      DOHLE_RETURN_IF_API_ERROR(CheckPartition(away, broker, *rules, topic, index, partition));
    }
  }
  return ApiError();
}

void AppendEndOfPermit(const MetadataImage& image, NodeId broker, RecordList* records) {
  const std::string name = std::to_string(broker.value());
  if (!image.configs.Find(ConfigResourceType::kBroker, name).contains(kRestartPermit)) return;
  kafka::ConfigRecord record;
  record.resource_type = static_cast<int8_t>(ConfigResourceType::kBroker);
  record.resource_name = std::string(name);
  record.name = std::string(kRestartPermit);
  record.value.reset();
  records->push_back({std::move(record), 0});
}

}  // namespace dohle::controller
