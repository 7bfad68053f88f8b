#include "operator/plugin/plugin_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dohle::plugin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Action = PluginCommand::Action;

StatusOr<PluginCommand> Parse(std::vector<const char*> arguments) { return ParsePluginCommand(arguments); }

std::string Refusal(std::vector<const char*> arguments) {
  const auto command = Parse(std::move(arguments));
  return command.ok() ? "taken" : std::string(Message(command.status()));
}

TEST(PluginCommandTest, FlagsStandAnywhere) {
  const auto command = Parse({"-n", "kafka", "fence", "main", "--context=c", "0", "2", "--kubeconfig", "/k"});
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->action, Action::kFence);
  EXPECT_EQ(command->cluster, "main");
  EXPECT_THAT(command->brokers, ElementsAre("0", "2"));
  EXPECT_EQ(command->ns, "kafka");
  EXPECT_EQ(command->context, "c");
  EXPECT_EQ(command->kubeconfig, "/k");
}

TEST(PluginCommandTest, WhatEachTakes) {
  EXPECT_THAT(Parse({"fence", "main", "all"})->brokers, ElementsAre("*"));
  EXPECT_EQ(Parse({"approve", "main", "3f"})->plan_id, "3f");
  EXPECT_TRUE(Parse({"logs", "main", "1", "-f"})->follow);
  EXPECT_EQ(Parse({})->action, Action::kHelp);
  EXPECT_EQ(Parse({"status", "main", "-h"})->action, Action::kHelp);
  EXPECT_EQ(Parse({"--version"})->action, Action::kVersion);
}

TEST(PluginCommandTest, SaysWhatToDo) {
  EXPECT_EQ(Refusal({"stat", "main"}), "there is no command stat; see kubectl dohle --help");
  EXPECT_EQ(Refusal({"status"}), "the form is: kubectl dohle status CLUSTER");
  EXPECT_EQ(Refusal({"status", "main", "0"}), "the form is: kubectl dohle status CLUSTER");
  EXPECT_EQ(Refusal({"fence", "main"}), "the form is: kubectl dohle fence CLUSTER BROKER... (or all)");
  EXPECT_EQ(Refusal({"fence", "main", "main-broker-0"}),
            "a broker is named by its id (0, 1, ...), not \"main-broker-0\"");
  EXPECT_EQ(Refusal({"logs", "main", "0", "1"}),
            "the form is: kubectl dohle logs CLUSTER [BROKER] [--follow]");
  EXPECT_EQ(Refusal({"status", "main", "-n"}), "-n needs a value");
  EXPECT_EQ(Refusal({"status", "main", "--nope"}), "there is no flag --nope; see kubectl dohle --help");
  for (const char* verb :
       {"status", "plan", "approve", "roll", "fence", "unfence", "hibernate", "wake", "logs", "report"}) {
    EXPECT_THAT(PluginHelpText(), HasSubstr(std::string("kubectl dohle ") + verb + " CLUSTER"));
  }
}

}  // namespace
}  // namespace dohle::plugin
