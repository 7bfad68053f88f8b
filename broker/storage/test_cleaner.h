// For tests of the cleaner: a log on a simulated disk that is filled, cleaned, lost and read again.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/storage/log_cleaner.h"
#include "broker/storage/test_batches.h"
#include "broker/storage/test_directory.h"
#include "lib/env/sim/sim_disk.h"
#include "lib/env/sim/sim_file_system.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::storage::testing {

using Contents = std::map<std::string, std::string>;

class StoppedClock : public env::Clock {
 public:
  int64_t WallTimeMs() const override { return 1'000'000; }
  env::MonotonicTime Now() const override { return env::MonotonicTime(0); }
};

inline constexpr HashKey kHashKey{1, 2};

class LogCleanerFixture : public ::testing::Test {
 protected:
  explicit LogCleanerFixture(uint64_t seed = 5) : disk_(seed) {
    config_.segment_bytes = 2000;
    config_.index_interval_bytes = 300;
    config_.cleanup_compact = true;
    config_.cleanup_delete = false;
    config_.delete_retention_ms = 1000;
    file_system_ = std::make_unique<env::SimFileSystem>(disk_, clock_);
    EXPECT_TRUE(file_system_->CreateDirectories("/d/t-0").ok());
    disk_.SyncAll();
    Open();
  }

  Status TryOpen(bool clean = false) {
    log_.reset();
    LogOpenOptions options;
    options.file_system = file_system_.get();
    options.directory = "/d/t-0";
    options.partition = {"t", PartitionIndex(0)};
    options.config = std::make_shared<LogConfig>(config_);
    options.clean_shutdown = clean;
    options.recovery_point = recovery_point_;
    options.was_cleaned = cleaned_to_.value_or(Offset(0)) > recovery_point_;
    options.now_ms = now_ms_;
    auto opened = Log::Open(options);
    if (!opened.ok()) return opened.status();
    log_ = *std::move(opened);
    return OkStatus();
  }
  void Open(bool clean = false) {
    const Status opened = TryOpen(clean);
    ASSERT_TRUE(opened.ok()) << opened;
  }
  void LosePower() {
    log_.reset();
    file_system_->Kill();
    disk_.LoseUnsynced();
    file_system_ = std::make_unique<env::SimFileSystem>(disk_, clock_);
  }

  void Append(std::string batch, AppendOrigin origin = AppendOrigin::kClient) {
    auto result = log_->Append({batch.data(), batch.size()}, origin, LeaderEpoch(0), now_ms_);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->rejection, AppendRejection::kNone) << result->rejection_reason;
  }
  void Put(const std::string& key, const std::string& value, kafka::Codec codec = kafka::Codec::kNone) {
    kafka::BatchOptions options;
    options.codec = codec;
    kafka::RecordBatchBuilder builder(options);
    builder.Append(now_ms_, key, value);
    Append(*builder.Build());
  }
  void Delete(const std::string& key) {
    kafka::RecordBatchBuilder builder({});
    builder.Append(now_ms_, key, std::nullopt);
    Append(*builder.Build());
  }
  // Half a segment of another key, so that what came before ends up in an inactive one.
  void Roll() { ASSERT_TRUE(log_->MaybeRoll(now_ms_, true).ok()); }
  void Flush() {
    auto plan = log_->PlanFlush();
    ASSERT_TRUE(plan.ok() && plan->Execute().ok());
    log_->MarkFlushed(*plan, now_ms_);
    recovery_point_ = log_->recovery_point();
  }

  Status TryClean(CleaningLimits limits = {}) {
    log_->OnHighWatermark(log_->log_end_offset());
    auto judged = LogCleaner::Judge(*log_, cleaned_to_, log_->log_end_offset(), now_ms_);
    if (!judged.ok()) return judged.status();
    auto round = LogCleaner::Plan(*log_, *judged, limits, kHashKey, now_ms_);
    if (!round.ok()) return round.status();
    const std::atomic<bool> stop = false;
    DOHLE_RETURN_IF_ERROR((*round)->BuildOffsetMap(stop));
    while (!(*round)->done()) {
      DOHLE_RETURN_IF_ERROR((*round)->CleanGroup(stop));
      DOHLE_RETURN_IF_ERROR((*round)->Install(*log_));
    }
    cleaned_to_ = (*round)->cleaned_to();
    return OkStatus();
  }
  void Clean(CleaningLimits limits = {}) {
    const Status cleaned = TryClean(limits);
    ASSERT_TRUE(cleaned.ok()) << cleaned;
  }

  // Every batch, in order.
  std::vector<std::string> Batches() {
    std::vector<std::string> batches;
    Offset offset = log_->log_start_offset();
    while (offset < log_->log_end_offset()) {
      auto read = log_->Read({.offset = offset, .max_bytes = 1 << 20, .upper_bound = log_->log_end_offset()});
      EXPECT_TRUE(read.ok()) << read.status();
      if (!read.ok() || read->records.length == 0) break;
      const std::string bytes = ReadSlice(read->records);
      for (size_t at = 0; at < bytes.size();) {
        const BatchHeader header = DecodeBatchHeader(bytes.data() + at);
        EXPECT_GE(header.base_offset, offset) << "offsets go back";
        batches.push_back(bytes.substr(at, static_cast<size_t>(header.size())));
        EXPECT_TRUE(BatchCrcMatches(batches.back()));
        offset = header.next_offset();
        at += static_cast<size_t>(header.size());
      }
    }
    return batches;
  }
  // "offset key=value", without control records.
  std::vector<std::string> Records() {
    std::vector<std::string> found;
    for (const std::string& batch : Batches()) {
      if (DecodeBatchHeader(batch.data()).control()) continue;
      auto reader = kafka::RecordReader::Open(kafka::RecordBatchView(batch), 1 << 20);
      kafka::Record record;
      while (reader->Next(&record)) {
        found.push_back(std::to_string(record.offset.value()) + " " + std::string(record.key.value_or("-")) +
                        "=" + std::string(record.value.value_or("null")));
      }
      EXPECT_TRUE(reader->status().ok()) << reader->status();
    }
    return found;
  }
  // What a reader who applies every record ends up with.
  Contents Table() {
    Contents table;
    for (const std::string& batch : Batches()) {
      auto reader = kafka::RecordReader::Open(kafka::RecordBatchView(batch), 1 << 20);
      kafka::Record record;
      while (reader->Next(&record)) {
        if (record.value) {
          table[std::string(*record.key)] = *record.value;
        } else {
          table.erase(std::string(*record.key));
        }
      }
    }
    return table;
  }

  env::SimDisk disk_;
  StoppedClock clock_;
  std::unique_ptr<env::SimFileSystem> file_system_;
  LogConfig config_;
  std::unique_ptr<Log> log_;
  std::optional<Offset> cleaned_to_;
  Offset recovery_point_{0};
  int64_t now_ms_ = 1'000'000;
};

}  // namespace dohle::storage::testing
