#include "broker/controller/features.h"

#include <map>

#include "broker/metadata/format.h"

namespace dohle::controller {
namespace {

using metadata::FeatureRange;

enum class UpgradeType : int8_t { kUnknown = 0, kUpgrade = 1, kSafeDowngrade = 2, kUnsafeDowngrade = 3 };

UpgradeType TypeOf(const kafka::UpdateFeaturesRequest::FeatureUpdateKey& update, int16_t version) {
  if (version == 0) return update.allow_downgrade ? UpgradeType::kSafeDowngrade : UpgradeType::kUpgrade;
  if (update.upgrade_type < 1 || update.upgrade_type > 3) return UpgradeType::kUnknown;
  return static_cast<UpgradeType>(update.upgrade_type);
}

ApiError Invalid(std::string_view feature, int16_t level, std::string_view reason) {
  return ApiError(ErrorCode::kInvalidUpdateVersion,
                  fmt::format("Invalid update version {} for feature {}. {}", level, feature, reason));
}

std::optional<std::string> ReasonNotSupported(const metadata::SupportedFeatures& supported,
                                              std::string_view feature, int16_t level,
                                              const std::string& who) {
  const auto found = supported.find(feature);
  const FeatureRange range = found == supported.end() ? FeatureRange{0, 0} : found->second;
  if (level >= range.min && level <= range.max) return std::nullopt;
  if (range.max == 0) return fmt::format("{} does not support this feature.", who);
  if (range.min == range.max) return fmt::format("{} only supports versions {}", who, range.min);
  return fmt::format("{} only supports versions {}-{}", who, range.min, range.max);
}

std::optional<std::string> ReasonNotSupportedByCluster(const DecisionContext& context,
                                                       const std::vector<NodeId>& voters,
                                                       std::string_view feature, int16_t level) {
  auto reason = ReasonNotSupported(metadata::BrokerSupportedFeatures(), feature, level,
                                   fmt::format("Local controller {}", context.config.node_id.value()));
  if (reason.has_value()) return reason;
  for (const auto& [id, broker] : context.image.cluster.brokers) {
    reason = ReasonNotSupported(broker.features, feature, level, fmt::format("Broker {}", id.value()));
    if (reason.has_value()) return reason;
  }
  for (const auto& [id, controller] : context.image.cluster.controllers) {
    if (id == context.config.node_id) continue;
    reason =
        ReasonNotSupported(controller.features, feature, level, fmt::format("Controller {}", id.value()));
    if (reason.has_value()) return reason;
  }
  // Below this controllers have no registrations to go by.
  constexpr int16_t kControllerRegistration = 15;  // 3.7-IV0
  if (context.metadata_version() < kControllerRegistration) return std::nullopt;
  for (const NodeId voter : voters) {
    if (voter == context.config.node_id || context.image.cluster.controllers.Contains(voter)) continue;
    return fmt::format("controller {} has not registered, and may not support this feature", voter.value());
  }
  return std::nullopt;
}

// What a level of one feature needs of others (the dependencies in Kafka's *Version classes).
std::optional<std::string> MissingDependency(std::string_view feature, int16_t level,
                                             const std::map<std::string, int16_t, std::less<>>& proposed) {
  struct Dependency {
    std::string_view feature;
    int16_t level;
    std::string_view needs;
    int16_t needs_level;
  };
  static constexpr Dependency kDependencies[] = {
      {metadata::kTransactionVersion, 2, metadata::kMetadataVersion, 24},
      {metadata::kGroupVersion, 1, metadata::kMetadataVersion, 22},
      {metadata::kElrVersion, 1, metadata::kMetadataVersion, 23},
      {metadata::kShareVersion, 1, metadata::kMetadataVersion, 28},
      {metadata::kStreamsVersion, 1, metadata::kMetadataVersion, 29},
  };
  for (const Dependency& dependency : kDependencies) {
    if (dependency.feature != feature || level < dependency.level) continue;
    const auto found = proposed.find(dependency.needs);
    if (found != proposed.end() && found->second >= dependency.needs_level) continue;
    return fmt::format("{} could not be set to {} because it depends on {} level {}", feature, level,
                       dependency.needs, dependency.needs_level);
  }
  return std::nullopt;
}

ApiError CheckMetadataVersion(const DecisionContext& context, int16_t level, UpgradeType type) {
  const int16_t current = context.metadata_version();
  if (level >= current) return ApiError();
  const auto refuse = [&](std::string_view why) {
    return ApiError(
        ErrorCode::kInvalidUpdateVersion,
        fmt::format("Unsupported metadata.version downgrade from {} to {}. {}", current, level, why));
  };
  if (!metadata::MetadataChangedBetween(level, current)) return ApiError();
  if (type == UpgradeType::kUnsafeDowngrade) {
    return refuse("Unsafe metadata downgrade is not supported in this version.");
  }
  return refuse("Refusing to perform the requested downgrade because it might delete metadata information.");
}

ApiError UpdateOne(const DecisionContext& context, const std::vector<NodeId>& voters,
                   std::string_view feature, int16_t level, UpgradeType type,
                   const std::map<std::string, int16_t, std::less<>>& proposed, RecordList* records) {
  if (type == UpgradeType::kUnknown) {
    return Invalid(feature, level, "The controller does not support the given upgrade type.");
  }
  const int16_t current = context.image.features.Level(feature);
  if (level < 0) return Invalid(feature, level, "A feature version cannot be less than 0.");
  if (const auto reason = ReasonNotSupportedByCluster(context, voters, feature, level); reason.has_value()) {
    return Invalid(feature, level, *reason);
  }
  if (level < current && type == UpgradeType::kUpgrade) {
    return Invalid(
        feature, level,
        "Can't downgrade the version of this feature without setting the upgrade type to either safe or "
        "unsafe downgrade.");
  }
  if (level > current && type != UpgradeType::kUpgrade) {
    return Invalid(feature, level, "Can't downgrade to a newer version.");
  }
  if (feature == metadata::kKraftVersion) {
    if (level < current) return Invalid(feature, level, "Can't downgrade the version of this feature.");
    return ApiError();  // as it is: the level is the log's
  }
  if (feature == metadata::kMetadataVersion) {
    DOHLE_RETURN_IF_API_ERROR(CheckMetadataVersion(context, level, type));
  } else if (const auto missing = MissingDependency(feature, level, proposed); missing.has_value()) {
    return Invalid(feature, level, *missing);
  }
  kafka::FeatureLevelRecord record;
  record.name = std::string(feature);
  record.feature_level = level;
  records->push_back({std::move(record), 0});
  return ApiError();
}

}  // namespace

Decision<kafka::UpdateFeaturesResponse> UpdateFeatures(const DecisionContext& context,
                                                       const kafka::UpdateFeaturesRequest& request,
                                                       int16_t version, const std::vector<NodeId>& voters) {
  Decision<kafka::UpdateFeaturesResponse> decision;
  std::map<std::string, int16_t, std::less<>> proposed = context.image.features.finalized;
  for (const auto& update : request.feature_updates) {
    proposed[std::string(update.feature.view())] = update.max_version_level;
  }
  ApiError error;
  for (const auto& update : request.feature_updates) {
    error = UpdateOne(context, voters, update.feature, update.max_version_level, TypeOf(update, version),
                      proposed, &decision.records);
    if (!error.ok()) break;
    if (update.feature.view() == metadata::kElrVersion && update.max_version_level > 0 &&
        !context.image.features.elr_enabled()) {
      RecordList safety = ElrSafetyRecords(context);
      decision.records.insert(decision.records.end(), std::make_move_iterator(safety.begin()),
                              std::make_move_iterator(safety.end()));
    }
  }
  if (!error.ok()) {
    decision.records.clear();
    error.message = "The update failed for all features since the following feature had an error: " +
                    error.message.value_or("");
  }
  SetError(error, &decision.response);
  if (error.ok() && version <= 1) {
    for (const auto& update : request.feature_updates) {
      auto& result = decision.response.results.emplace_back();
      result.feature = update.feature;
      result.error_message.reset();
    }
  }
  if (request.validate_only) decision.records.clear();
  return decision;
}

RecordList ElrSafetyRecords(const DecisionContext& context) {
  constexpr std::string_view kMinIsr = "min.insync.replicas";
  RecordList records;
  const auto add = [&](const metadata::ConfigResource& resource, std::optional<std::string> value) {
    kafka::ConfigRecord record;
    record.resource_type = static_cast<int8_t>(resource.type);
    record.resource_name = std::string(resource.name);
    record.name = kMinIsr;
    record.value.reset();
    if (value.has_value()) record.value = kafka::Text(std::move(*value));
    records.push_back({std::move(record), 0});
  };
  const auto& configs = context.image.configs;
  if (!configs.Find(metadata::ConfigResourceType::kBroker, "").contains(kMinIsr)) {
    add({metadata::ConfigResourceType::kBroker, ""},
        std::to_string(context.config.default_min_insync_replicas));
  }
  for (const auto& [key, values] : configs.by_resource) {
    const metadata::ConfigResource resource = metadata::ConfigsImage::Resource(key);
    if (resource.type == metadata::ConfigResourceType::kBroker && !resource.name.empty() &&
        values.contains(kMinIsr)) {
      add(resource, std::nullopt);
    }
  }
  return records;
}

}  // namespace dohle::controller
