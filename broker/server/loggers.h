// The loggers as BROKER_LOGGER resources see them (KIP-412). There is one, "root"; levels are Log4j's, and
// the log's own four stand for them. Any thread.
#pragma once

#include <span>

#include "broker/server/config/config_alter.h"

namespace dohle::server {

// Name to level, for DescribeConfigs.
ConfigMap LoggerLevels();

// Whether `changes` may be made, with Kafka's messages (LoggingController).
ConfigError CheckLoggerChanges(std::span<const ConfigChange> changes);

// Precondition: CheckLoggerChanges found nothing.
void ChangeLoggers(std::span<const ConfigChange> changes);

}  // namespace dohle::server
