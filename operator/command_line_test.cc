#include "operator/command_line.h"

#include <gtest/gtest.h>

#include <vector>

namespace dohle {
namespace {

using Action = OperatorCommand::Action;

StatusOr<OperatorCommand> Parse(std::vector<const char*> arguments) {
  return ParseOperatorCommand(arguments);
}

TEST(OperatorCommandTest, NothingServesOnKubernetes) {
  const auto command = Parse({});
  ASSERT_TRUE(command.ok());
  EXPECT_EQ(command->action, Action::kServe);
  EXPECT_FALSE(command->local_directory);
  EXPECT_TRUE(command->leader_election);
}

TEST(OperatorCommandTest, ValuesComeBehindAnEqualsSignOrAsTheNextArgument) {
  const auto command = Parse({"--local=DIR", "--metrics-port", "0", "--log-level=debug"});
  ASSERT_TRUE(command.ok());
  EXPECT_EQ(*command->local_directory, "DIR");
  EXPECT_EQ(command->metrics_port, 0);
  EXPECT_EQ(command->log_level, "debug");
}

TEST(OperatorCommandTest, MetricsOfPartitionsCanBeSwitchedOff) {
  EXPECT_TRUE(Parse({})->partition_metrics);
  EXPECT_TRUE(Parse({"--partition-metrics=true"})->partition_metrics);
  EXPECT_FALSE(Parse({"--partition-metrics=false"})->partition_metrics);
  EXPECT_FALSE(Parse({"--partition-metrics", "false"})->partition_metrics);
  const auto wrong = Parse({"--partition-metrics=no"});
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(Message(wrong.status()), "--partition-metrics is true or false, not \"no\"");
}

TEST(OperatorCommandTest, CommandsTakeTheirWords) {
  const auto get = Parse({"get", "topics", "--local", "d"});
  ASSERT_TRUE(get.ok());
  EXPECT_EQ(get->action, Action::kGet);
  EXPECT_EQ(get->kind, "topics");
  const auto describe = Parse({"--local", "d", "describe", "topic", "orders"});
  ASSERT_TRUE(describe.ok());
  EXPECT_EQ(describe->name, "orders");
  const auto apply = Parse({"apply", "x.yaml", "--local", "d"});
  ASSERT_TRUE(apply.ok());
  EXPECT_EQ(apply->file, "x.yaml");
  const auto check = Parse({"check", "--bootstrap", "h:1", "--topics=a,b"});
  ASSERT_TRUE(check.ok());
  EXPECT_EQ(check->check_topics, "a,b");
}

TEST(OperatorCommandTest, MistakesAreToldWithARemedy) {
  for (const std::vector<const char*>& bad :
       std::vector<std::vector<const char*>>{{"--nonsense"},
                                             {"--metrics-port"},
                                             {"--metrics-port", "70000"},
                                             {"--metrics-port", "9x"},
                                             {"frobnicate"},
                                             {"get", "--local", "d"},
                                             {"get", "topics"},
                                             {"delete", "topic", "--local", "d"},
                                             {"check"},
                                             {"check", "--ready", "a:1", "--bootstrap", "b:1"}}) {
    const auto command = Parse(bad);
    EXPECT_EQ(command.status().code(), StatusCode::kInvalidArgument) << bad[0];
    EXPECT_FALSE(Message(command.status()).empty());
  }
}

}  // namespace
}  // namespace dohle
