#include "broker/server/loggers.h"

#include <gtest/gtest.h>

#include <vector>

#include "lib/base/log.h"

namespace dohle::server {
namespace {

std::vector<ConfigChange> One(std::string name, AlterOp op, std::string value) {
  return {{std::move(name), op, std::move(value)}};
}

// The messages are those of Kafka's LoggingController.
TEST(LoggersTest, RefusesWhatKafkaRefuses) {
  EXPECT_EQ(CheckLoggerChanges(One("org.x", AlterOp::kSet, "INFO")).message, "Logger org.x does not exist!");
  EXPECT_EQ(CheckLoggerChanges(One("root", AlterOp::kSet, "LOUD")).code, ConfigErrorCode::kInvalidConfig);
  EXPECT_EQ(CheckLoggerChanges(One("root", AlterOp::kDelete, "")).code, ConfigErrorCode::kInvalidRequest);
  EXPECT_EQ(CheckLoggerChanges(One("root", AlterOp::kAppend, "INFO")).message,
            "APPEND operation is not allowed for the BROKER_LOGGER resource");
  EXPECT_TRUE(CheckLoggerChanges(One("root", AlterOp::kSet, "FATAL")).ok());
}

TEST(LoggersTest, AChangeTakesEffectAndIsDescribed) {
  const log::Level before = log::CurrentLevel();
  ChangeLoggers(One("root", AlterOp::kSet, "DEBUG"));
  EXPECT_TRUE(log::Enabled(log::Level::kDebug));
  EXPECT_EQ(LoggerLevels(), (ConfigMap{{"root", "DEBUG"}}));
  ChangeLoggers(One("root", AlterOp::kSet, "FATAL"));
  EXPECT_FALSE(log::Enabled(log::Level::kWarning));
  EXPECT_EQ(LoggerLevels(), (ConfigMap{{"root", "ERROR"}}));
  log::SetLevel(before);
}

}  // namespace
}  // namespace dohle::server
