#include "broker/controller/configs.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "broker/controller/restart_permits.h"
#include "lib/base/text_list.h"

namespace dohle::controller {
namespace {

using metadata::ConfigMap;
using metadata::ConfigResource;
using metadata::ConfigResourceType;

constexpr std::string_view kMinIsr = "min.insync.replicas";
constexpr size_t kMaxValueBytes = 32767;

// A resource that is to be changed must exist.
ApiError CheckExists(const MetadataImage& image, const ConfigResource& resource) {
  if (resource.type == ConfigResourceType::kTopic) {
    if (image.topics.Find(resource.name) != nullptr) return ApiError();
    return ApiError(ErrorCode::kUnknownTopicOrPartition,
                    fmt::format("The topic '{}' does not exist.", resource.name));
  }
  if (resource.type != ConfigResourceType::kBroker || resource.name.empty()) return ApiError();
  int32_t id = -1;
  const char* end = resource.name.data() + resource.name.size();
  if (const auto [at, error] = std::from_chars(resource.name.data(), end, id);
      error != std::errc() || at != end) {
    return ApiError(ErrorCode::kInvalidRequest, fmt::format("Invalid broker name {}", resource.name));
  }
  const NodeId node(id);
  if (image.cluster.Broker(node) != nullptr || image.cluster.controllers.Contains(node)) return ApiError();
  return ApiError(ErrorCode::kBrokerIdNotRegistered, fmt::format("No node with id {} found.", resource.name));
}

VersionedRecord ConfigRecord(const ConfigResource& resource, std::string_view name,
                             std::optional<std::string> value) {
  kafka::ConfigRecord record;
  record.resource_type = static_cast<int8_t>(resource.type);
  // Owned: the records may outlive the operations that they come from.
  record.resource_name = std::string(resource.name);
  record.name = std::string(name);
  if (value.has_value()) {
    record.value = kafka::Text(std::move(*value));
  } else {
    record.value.reset();
  }
  return {std::move(record), 0};
}

// A permit is one broker's.
ApiError CheckPermitChange(const DecisionContext& context, const ConfigResource& resource,
                           std::string_view until_ms) {
  if (resource.name.empty()) {
    return ApiError(ErrorCode::kInvalidConfig, fmt::format("{} is set for one broker only.", kRestartPermit));
  }
  DOHLE_RETURN_IF_API_ERROR(CheckExists(context.image, resource));
  int32_t id = -1;
  std::from_chars(resource.name.data(), resource.name.data() + resource.name.size(), id);
  return CheckPermit(context, NodeId(id), until_ms);
}

bool AsksForPermit(const RecordList& records) {
  return std::any_of(records.begin(), records.end(), [](const VersionedRecord& change) {
    const auto* record = std::get_if<kafka::ConfigRecord>(&change.record);
    return record != nullptr && record->name.view() == kRestartPermit && record->value.has_value();
  });
}

// Which values a resource will have, checked.
ApiError Validate(const DecisionContext& context, const ConfigResource& resource, const RecordList& changes,
                  bool newly_created) {
  const ConfigMap& existing = context.image.configs.Find(resource.type, resource.name);
  ConfigMap all = existing;
  const bool elr = context.image.features.elr_enabled();
  for (const VersionedRecord& change : changes) {
    const auto& record = std::get<kafka::ConfigRecord>(change.record);
    if (elr && resource.type == ConfigResourceType::kBroker && record.name.view() == kMinIsr) {
      // KIP-966: with eligible leaders, all brokers must agree on the minimum.
      if (!resource.name.empty()) {
        return ApiError(ErrorCode::kInvalidConfig,
                        "Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
      }
      if (!record.value.has_value()) {
        return ApiError(ErrorCode::kInvalidConfig,
                        "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
      }
    }
    if (!record.value.has_value()) {
      all.erase(std::string(record.name.view()));
      continue;
    }
    if (record.value->size() > kMaxValueBytes) {
      return ApiError(
          ErrorCode::kInvalidConfig,
          "The configuration value cannot be added because it exceeds the maximum value size of 32767 "
          "bytes.");
    }
    if (resource.type == ConfigResourceType::kBroker && record.name.view() == kRestartPermit) {
      DOHLE_RETURN_IF_API_ERROR(CheckPermitChange(context, resource, record.value->view()));
    }
    all[std::string(record.name.view())] = std::string(record.value->view());
  }
  if (std::optional<std::string> problem = context.validator.Validate(resource, all, existing);
      problem.has_value()) {
    return ApiError(ErrorCode::kInvalidConfig, std::move(*problem));
  }
  return newly_created ? ApiError() : CheckExists(context.image, resource);
}

ApiError NewValue(const DecisionContext& context, const ConfigResource& resource,
                  const ConfigOperation& operation, std::optional<std::string>* value) {
  switch (operation.type) {
    case ConfigOperation::Type::kSet:
      *value = operation.value;
      return ApiError();
    case ConfigOperation::Type::kDelete:
      value->reset();
      return ApiError();
    case ConfigOperation::Type::kAppend:
    case ConfigOperation::Type::kSubtract:
      break;
  }
  const bool append = operation.type == ConfigOperation::Type::kAppend;
  if (!context.validator.IsList(resource.type, operation.name)) {
    return ApiError(ErrorCode::kInvalidConfig, fmt::format("Can't {} to key {} because its type is not LIST.",
                                                           append ? "APPEND" : "SUBTRACT", operation.name));
  }
  const std::string before =
      value->has_value() ? **value : context.validator.Default(resource.type, operation.name);
  *value = append ? ListWith(before, operation.value) : ListWithout(before, operation.value);
  return ApiError();
}

// Both requests name resources in the same way: what is wrong with that, before anything is decided.
template <typename Resource>
std::optional<ApiError> NamingProblem(const Resource& resource, const std::map<ConfigResource, int>& times) {
  switch (static_cast<ConfigResourceType>(resource.resource_type)) {
    case ConfigResourceType::kTopic:
    case ConfigResourceType::kBroker:
    case ConfigResourceType::kClientMetrics:
    case ConfigResourceType::kGroup:
    case ConfigResourceType::kBrokerLogger:
      break;
    default:
      return ApiError(ErrorCode::kInvalidRequest,
                      fmt::format("Unknown resource type {}", resource.resource_type));
  }
  const ConfigResource named{static_cast<ConfigResourceType>(resource.resource_type),
                             std::string(resource.resource_name.view())};
  if (times.at(named) > 1) return ApiError(ErrorCode::kInvalidRequest, "Duplicate resource.");
  if (named.type == ConfigResourceType::kTopic && named.name.empty()) {
    return ApiError(ErrorCode::kInvalidRequest, "Default topic resources are not allowed.");
  }
  if (named.type == ConfigResourceType::kBrokerLogger) {
    return ApiError(ErrorCode::kInvalidRequest, "Unexpected resource type BROKER_LOGGER.");
  }
  return std::nullopt;
}

template <typename Request>
std::map<ConfigResource, int> CountResources(const Request& request) {
  std::map<ConfigResource, int> times;
  for (const auto& resource : request.resources) {
    ++times[{static_cast<ConfigResourceType>(resource.resource_type),
             std::string(resource.resource_name.view())}];
  }
  return times;
}

template <typename Response, typename Resource>
void Respond(const Resource& resource, const ApiError& error, Response* response) {
  auto& result = response->responses.emplace_back();
  result.resource_type = resource.resource_type;
  result.resource_name = resource.resource_name;
  SetError(error, &result);
}

// Runs `alter(resource, records)` for each well-named resource.
template <typename Response, typename Request, typename Alter>
Decision<Response> ForEachResource(const DecisionContext& context, const Request& request, Alter&& alter) {
  Decision<Response> decision;
  const std::map<ConfigResource, int> times = CountResources(request);
  std::set<ConfigResource> refused;
  for (const auto& resource : request.resources) {
    const ConfigResource named{static_cast<ConfigResourceType>(resource.resource_type),
                               std::string(resource.resource_name.view())};
    if (const std::optional<ApiError> problem = NamingProblem(resource, times); problem.has_value()) {
      if (refused.insert(named).second) Respond(resource, *problem, &decision.response);
      continue;
    }
    RecordList records;
    ApiError error = alter(resource, named, &records);
    // Each must see the one before.
    if (error.ok() && AsksForPermit(records) && AsksForPermit(decision.records))
      error = ApiError(ErrorCode::kInvalidRequest, "One restart permit at a time can be asked for.");
    if (error.ok()) std::move(records.begin(), records.end(), std::back_inserter(decision.records));
    Respond(resource, error, &decision.response);
  }
  AppendClearElr(context, &decision.records);
  if (request.validate_only) decision.records.clear();
  return decision;
}

}  // namespace

void AppendClearElr(const DecisionContext& context, RecordList* records) {
  if (!context.image.features.elr_enabled()) return;
  RecordList clears;
  for (const VersionedRecord& change : *records) {
    const auto* record = std::get_if<kafka::ConfigRecord>(&change.record);
    if (record == nullptr || record->name.view() != kMinIsr) continue;
    kafka::ClearElrRecord clear;
    const auto type = static_cast<ConfigResourceType>(record->resource_type);
    if (type == ConfigResourceType::kTopic) {
      clear.topic_name = std::string(record->resource_name.view());
    } else if (type != ConfigResourceType::kBroker) {
      continue;
    }
    clears.push_back({std::move(clear), 0});
  }
  std::move(clears.begin(), clears.end(), std::back_inserter(*records));
}

ApiError AlterResource(const DecisionContext& context, const ConfigResource& resource,
                       const std::vector<ConfigOperation>& operations, bool newly_created,
                       RecordList* records) {
  const ConfigMap& existing = context.image.configs.Find(resource.type, resource.name);
  RecordList changes;
  for (const ConfigOperation& operation : operations) {
    std::optional<std::string> current;
    if (const auto found = existing.find(operation.name); found != existing.end()) current = found->second;
    std::optional<std::string> value = current;
    DOHLE_RETURN_IF_API_ERROR(NewValue(context, resource, operation, &value));
    // KAFKA-14136: a broker's setting is written even if it stays the same, so that it is loaded again (key
    // stores that changed on disk).
    if (value != current || resource.type == ConfigResourceType::kBroker) {
      changes.push_back(ConfigRecord(resource, operation.name, std::move(value)));
    }
  }
  DOHLE_RETURN_IF_API_ERROR(Validate(context, resource, changes, newly_created));
  std::move(changes.begin(), changes.end(), std::back_inserter(*records));
  return ApiError();
}

Decision<kafka::IncrementalAlterConfigsResponse> IncrementalAlterConfigs(
    const DecisionContext& context, const kafka::IncrementalAlterConfigsRequest& request) {
  return ForEachResource<kafka::IncrementalAlterConfigsResponse>(
      context, request, [&](const auto& resource, const ConfigResource& named, RecordList* records) {
        std::map<std::string, ConfigOperation> by_name;  // the last of a name counts
        for (const auto& config : resource.configs) {
          if (config.config_operation < 0 || config.config_operation > 3) {
            ApiError unknown;  // Kafka's answer: it says nothing more
            unknown.code = ErrorCode::kUnknownServerError;
            return unknown;
          }
          const auto type = static_cast<ConfigOperation::Type>(config.config_operation);
          if (!config.value.has_value() && type != ConfigOperation::Type::kDelete) {
            return ApiError(ErrorCode::kInvalidRequest,
                            fmt::format("Null value not supported for : {}", config.name.view()));
          }
          std::string name(config.name.view());
          by_name[name] = {name, type, config.value.has_value() ? std::string(config.value->view()) : ""};
        }
        std::vector<ConfigOperation> operations;
        for (auto& [name, operation] : by_name) operations.push_back(std::move(operation));
        return AlterResource(context, named, operations, /*newly_created=*/false, records);
      });
}

Decision<kafka::AlterConfigsResponse> AlterConfigs(const DecisionContext& context,
                                                   const kafka::AlterConfigsRequest& request) {
  return ForEachResource<kafka::AlterConfigsResponse>(
      context, request, [&](const auto& resource, const ConfigResource& named, RecordList* records) {
        const ConfigMap& existing = context.image.configs.Find(named.type, named.name);
        std::map<std::string, std::optional<std::string>, std::less<>> wanted;
        for (const auto& config : resource.configs) {
          wanted[std::string(config.name.view())] =
              config.value.has_value() ? std::optional(std::string(config.value->view())) : std::nullopt;
        }
        RecordList changes;
        for (const auto& [name, value] : wanted) {
          const auto found = existing.find(name);
          const bool same = found == existing.end() ? !value.has_value() : value == found->second;
          if (!same || named.type == ConfigResourceType::kBroker)
            changes.push_back(ConfigRecord(named, name, value));
        }
        for (const auto& [name, value] : existing) {
          // Whoever replaces all settings means those that people make.
          if (!wanted.contains(name) && name != kRestartPermit)
            changes.push_back(ConfigRecord(named, name, std::nullopt));
        }
        DOHLE_RETURN_IF_API_ERROR(Validate(context, named, changes, /*newly_created=*/false));
        std::move(changes.begin(), changes.end(), std::back_inserter(*records));
        return ApiError();
      });
}

}  // namespace dohle::controller
