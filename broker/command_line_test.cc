#include "broker/command_line.h"

#include <gtest/gtest.h>

#include <vector>

namespace dohle {
namespace {

using Command = CommandLine::Command;

StatusOr<CommandLine> Parse(std::vector<const char*> arguments) { return ParseCommandLine(arguments); }

TEST(CommandLineTest, ServesWithoutArguments) {
  const auto line = Parse({});
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->command, Command::kServe);
  EXPECT_EQ(line->properties_file, std::nullopt);
}

TEST(CommandLineTest, FileAndOverrides) {
  const auto line = Parse({"server.properties", "--override", "node.id=3", "--override=log.dirs=/a=b"});
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->properties_file, "server.properties");
  ASSERT_EQ(line->overrides.size(), 2U);
  EXPECT_EQ(line->overrides[0], (std::pair<std::string, std::string>("node.id", "3")));
  EXPECT_EQ(line->overrides[1], (std::pair<std::string, std::string>("log.dirs", "/a=b")));
}

TEST(CommandLineTest, StorageFormatTakesKafkasOptions) {
  const auto line = Parse({"storage", "format", "-t", "abc", "-c", "f", "--feature", "group.version=1",
                           "--ignore-formatted", "--release-version", "4.3"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->command, Command::kStorageFormat);
  EXPECT_EQ(line->cluster_id, "abc");
  EXPECT_EQ(line->properties_file, "f");
  EXPECT_EQ(line->features.at("group.version"), 1);
  EXPECT_TRUE(line->ignore_formatted);
  EXPECT_EQ(line->release_version, "4.3");
}

TEST(CommandLineTest, StorageFormatTakesVoters) {
  EXPECT_TRUE(Parse({"storage", "format", "-t", "abc", "--standalone"})->standalone);
  EXPECT_TRUE(Parse({"storage", "format", "-t", "abc", "-N"})->no_initial_controllers);
  EXPECT_EQ(Parse({"storage", "format", "-t", "abc", "-I", "1@a:1:x"})->initial_controllers, "1@a:1:x");
  EXPECT_FALSE(Parse({"storage", "format", "-t", "abc", "-N", "-s"}).ok());
}

TEST(CommandLineTest, SaysWhatIsWrong) {
  const std::vector<std::vector<const char*>> bad = {{"--nonsense"},
                                                     {"a", "b"},
                                                     {"--override"},
                                                     {"--override", "novalue"},
                                                     {"storage"},
                                                     {"storage", "erase"},
                                                     {"await-file"},
                                                     {"await-file", "a", "b"},
                                                     {"storage", "format"},
                                                     {"storage", "info", "-t", "x"},
                                                     {"storage", "format", "-t", "x", "--feature", "a=b"}};
  for (const auto& arguments : bad) {
    const auto line = Parse(arguments);
    EXPECT_EQ(line.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(Message(line.status()).find("--help"), std::string_view::npos);
  }
}

TEST(CommandLineTest, AwaitFile) {
  const auto line = Parse({"await-file", "/etc/dohle-pod/rack-node"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->command, Command::kAwaitFile);
  EXPECT_EQ(line->awaited_file, "/etc/dohle-pod/rack-node");
}

TEST(CommandLineTest, HelpAndVersion) {
  EXPECT_EQ(Parse({"--help"})->command, Command::kHelp);
  EXPECT_EQ(Parse({"--version"})->command, Command::kVersion);
}

}  // namespace
}  // namespace dohle
