// Runs the transcripts in testdata/*.txt: commands, then `----`, then what they lead to, then a blank line.
// After each file the records that it wrote are replayed and must lead to the same state.
//
// DOHLE_REWRITE_TESTDATA=1 writes what happened into the files instead: look at the difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "broker/coordinator/shard_harness.h"

namespace dohle::coordinator {
namespace {

GroupConfig ConfigFrom(const std::string& line) {
  GroupConfig config;
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = word.substr(0, equals);
    const int value = std::stoi(word.substr(equals + 1));
    if (key == "max-size") config.group_max_size = value;
    if (key == "delay") config.group_initial_rebalance_delay_ms = value;
    if (key == "retention-minutes") config.offsets_retention_minutes = value;
    if (key == "metadata-max") config.offset_metadata_max_bytes = value;
  }
  return config;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The file as it would be if what happens were right.
std::string Play(const std::string& file) {
  std::istringstream in(file);
  std::string result;
  std::unique_ptr<ShardHarness> harness;
  GroupConfig config;
  std::string commands;
  bool expecting = false;
  for (std::string line; std::getline(in, line);) {
    if (expecting) {
      if (line.empty()) expecting = false;
      continue;
    }
    if (line.empty() || line[0] == '%') {
      result += line + "\n";
    } else if (line.rfind("config", 0) == 0) {
      config = ConfigFrom(line);
      result += line + "\n";
    } else if (line == "----") {
      if (harness == nullptr) harness = std::make_unique<ShardHarness>(config);
      result += commands + "----\n";
      std::istringstream each(commands);
      for (std::string command; std::getline(each, command);) result += harness->Run(command);
      result += "\n";
      commands.clear();
      expecting = true;
    } else {
      commands += line + "\n";
    }
  }
  EXPECT_EQ(commands, "") << "commands without expectation at the end";
  EXPECT_NE(harness, nullptr) << "nothing happens in the file";
  if (harness != nullptr) {
    harness->Run("commit-writes");
    EXPECT_EQ(harness->CompareWithReplay(), "");
  }
  return result;
}

class Scenario : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Scenario, GoesAsWritten) {
  const std::string expected = ReadFile(GetParam());
  const std::string played = Play(expected);
  if (std::getenv("DOHLE_REWRITE_TESTDATA") != nullptr) {
    std::ofstream(GetParam()) << played;
    return;
  }
  EXPECT_EQ(played, expected);
}

std::vector<std::filesystem::path> Files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(DOHLE_TESTDATA)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

INSTANTIATE_TEST_SUITE_P(Files, Scenario, testing::ValuesIn(Files()),
                         [](const auto& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace dohle::coordinator
