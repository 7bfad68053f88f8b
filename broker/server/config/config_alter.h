// What AlterConfigs, IncrementalAlterConfigs and CreateTopics may change: operations applied to the overrides
// of a resource, and the checks before, with Kafka's error codes and messages. Pure; any thread.
//
// Two places check, as in Kafka: the broker that got the request (BROKER resources, against its own
// configuration: Preprocess…) and the active controller (everything that it writes: Validate…).
#pragma once

#include <optional>
#include <span>
#include <string>

#include "broker/server/config/config_view.h"

namespace dohle::server {

// The numbers are those of AlterConfigOp.OpType.
enum class AlterOp : int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };

struct ConfigChange {
  std::string name;
  AlterOp op = AlterOp::kSet;
  std::optional<std::string> value;  // nothing: null on the wire
};

// Two of Kafka's error codes, that messages of this file go with. Other trouble has its code at the caller.
enum class ConfigErrorCode : int16_t { kNone = 0, kInvalidConfig = 40, kInvalidRequest = 42 };

struct ConfigError {
  ConfigErrorCode code = ConfigErrorCode::kNone;
  std::string message;
  bool ok() const { return code == ConfigErrorCode::kNone; }
};

// What comes with the request, before any look at values: keys that come twice, null values, unknown
// operations (`op` outside AlterOp), an unusable resource name (a broker's must be "" or this node's id).
ConfigError CheckAlterRequest(ConfigResource resource, std::string_view resource_name, int32_t node_id,
                              std::span<const ConfigChange> changes);

// Active controller: the overrides of a resource after `changes`. LIST keys are appended to and subtracted
// from what is stored, or from the key's own default, as ConfigurationControlManager does. On error
// `overrides` is unchanged.
ConfigError ApplyChanges(ConfigResource resource, std::span<const ConfigChange> changes,
                         ConfigMap& overrides);

// Active controller: whether a resource may have exactly these overrides. `broker` are the controller's own
// values. For BROKER only the name is looked at: the broker did the rest.
ConfigError ValidateOverrides(ConfigResource resource, std::string_view resource_name,
                              const ConfigMap& overrides, const EffectiveValues& broker);

// The broker that got the request, for BROKER resources: applies `changes` to `current` (the stored dynamic
// values of that resource; for LIST keys the default counts where nothing is stored) and checks the outcome:
// only dynamic keys, per-broker ones only with a broker's name, security ones only by listener, and the
// values fit together with the rest of `view`.
ConfigError CheckBrokerChange(const ConfigView& view, bool cluster_default,
                              std::span<const ConfigChange> changes, ConfigMap current);

}  // namespace dohle::server
