// Compaction: a crash at any step of it loses nothing.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "broker/storage/log_cleaner.h"
#include "broker/storage/test_cleaner.h"

namespace dohle::storage {
namespace {

using testing::Contents;

// The whole of it, with the disk failing at the n-th operation, then a crash of the process or a loss of
// power.
class LogCleanerCrashTest : public testing::LogCleanerFixture {
 protected:
  void FailAt(int64_t operation, bool power) {
    std::mt19937_64 random(static_cast<uint64_t>(operation));
    Contents expected;
    for (int i = 0; i < 150; ++i) {
      const std::string key = "key-" + std::to_string(random() % 20);
      if (random() % 8 == 0) {
        Delete(key);
        expected.erase(key);
      } else {
        Put(key, std::to_string(i));
        expected[key] = std::to_string(i);
      }
    }
    Flush();
    const Offset end = log_->log_end_offset();
    disk_.AddFault({.skip = operation});
    const Status cleaned = TryClean();
    disk_.ClearFaults();
    done_ = cleaned.ok();
    if (power) {
      LosePower();
    } else if (!done_) {
      log_.reset();
    }
    Open();
    ASSERT_EQ(log_->log_end_offset(), end);
    ASSERT_EQ(Table(), expected);
    auto entries = file_system_->List("/d/t-0");
    for (const auto& entry : *entries) {
      EXPECT_TRUE(!entry.name.ends_with(".swap") && !entry.name.ends_with(".cleaned")) << entry.name;
    }
    // And goes on.
    Put("key-0", "after");
    expected["key-0"] = "after";
    cleaned_to_.reset();
    Roll();
    Clean();
    ASSERT_EQ(Table(), expected);
  }
  bool done_ = false;
};

class EveryStep : public LogCleanerCrashTest, public ::testing::WithParamInterface<bool> {};

TEST_P(EveryStep, LosesNothing) {
  for (int64_t operation = 0; !done_ && !HasFailure(); ++operation) {
    SCOPED_TRACE("operation " + std::to_string(operation));
    log_.reset();
    ASSERT_TRUE(file_system_->RemoveRecursively("/d/t-0").ok());
    ASSERT_TRUE(file_system_->CreateDirectories("/d/t-0").ok());
    disk_.SyncAll();
    recovery_point_ = Offset(0);
    cleaned_to_.reset();
    Open();
    FailAt(operation, GetParam());
    ASSERT_LT(operation, 5000);
  }
}

INSTANTIATE_TEST_SUITE_P(Crash, EveryStep, ::testing::Bool(),
                         [](const auto& power) { return power.param ? "LossOfPower" : "OfTheProcess"; });

}  // namespace
}  // namespace dohle::storage
