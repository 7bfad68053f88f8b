#include "broker/replica/partition.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "broker/storage/test_batches.h"
#include "broker/storage/test_directory.h"
#include "lib/env/posix/posix_env.h"

namespace dohle::replica {
namespace {

using storage::testing::TestBatch;
using storage::testing::TestRecord;

class PartitionTest : public ::testing::Test {
 protected:
  PartitionTest() : posix_({.event_loops = 1, .io_threads = 1, .own_process = false}) {
    posix_.Start();
    storage::LogOpenOptions options;
    options.file_system = &directory_.file_system();
    options.directory = directory_.path() + "/t-0";
    options.partition = {"t", PartitionIndex(0)};
    options.config = std::make_shared<const storage::LogConfig>();
    EXPECT_TRUE(directory_.file_system().CreateDirectories(options.directory).ok());
    storage::LoadedLog loaded;
    loaded.partition = options.partition;
    loaded.log = *storage::Log::Open(options);
    partition_ =
        std::make_shared<Partition>(NodeId(1), std::move(loaded), Offset(0), posix_.env().blocking_pool);
    Leadership leadership;
    leadership.leader = NodeId(1);
    leadership.leader_epoch = LeaderEpoch(0);
    leadership.in_sync_replicas = {NodeId(1)};
    EXPECT_TRUE(Run(partition_->SetLeadership(std::move(leadership))).ok());
  }
  ~PartitionTest() override { posix_.Stop(); }

  template <typename T>
  T Run(env::Task<T> task) {
    std::promise<T> done;
    const auto run = [](env::Task<T> inner, std::promise<T>* out) -> env::Task<void> {
      out->set_value(co_await std::move(inner));
    };
    env::Spawn(*posix_.env().executors.front(), run(std::move(task), &done));
    return done.get_future().get();
  }

  void Append(std::vector<int64_t> timestamps_ms) {
    TestBatch batch;
    for (const int64_t timestamp_ms : timestamps_ms) {
      TestRecord record;
      record.value = "v";
      record.timestamp_ms = timestamp_ms;
      batch.records.push_back(record);
    }
    std::string bytes = storage::testing::Encode(batch);
    auto appended = Run(partition_->Append({bytes.data(), bytes.size()}, {}));
    ASSERT_TRUE(appended.ok()) << appended.status();
  }

  env::PosixEnv posix_;
  storage::testing::TestDirectory directory_;
  std::shared_ptr<Partition> partition_;
};

TEST_F(PartitionTest, BatchTimestampIsThatOfTheFirstRecord) {
  Append({1000});
  Append({2000, 2500, 2600});
  Append({3000});
  EXPECT_EQ(*Run(partition_->BatchTimestamp(Offset(0))), 1000);
  EXPECT_EQ(*Run(partition_->BatchTimestamp(Offset(1))), 2000);
  EXPECT_EQ(*Run(partition_->BatchTimestamp(Offset(3))), 2000) << "in the middle of a batch";
  EXPECT_EQ(*Run(partition_->BatchTimestamp(Offset(4))), 3000);
  EXPECT_TRUE(absl::IsOutOfRange(Run(partition_->BatchTimestamp(Offset(5))).status()));
  EXPECT_TRUE(absl::IsOutOfRange(Run(partition_->BatchTimestamp(Offset(6))).status()));
  ASSERT_TRUE(Run(partition_->DeleteRecordsBefore(Offset(4))).ok());
  EXPECT_EQ(*Run(partition_->BatchTimestamp(Offset(0))), 3000) << "what is deleted is passed over";
}

TEST_F(PartitionTest, KeepsTheFirstAttachment) {
  struct Counted : Attachment {
    explicit Counted(int* n) : number(n) { ++*number; }
    ~Counted() override { --*number; }
    int* number;
  };
  int alive = 0;
  EXPECT_EQ(partition_->attachment(), nullptr);
  const Attachment* first = &partition_->Attach(std::make_unique<Counted>(&alive));
  EXPECT_EQ(&partition_->Attach(std::make_unique<Counted>(&alive)), first);
  EXPECT_EQ(partition_->attachment(), first);
  EXPECT_EQ(alive, 1);
  partition_.reset();
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace dohle::replica
