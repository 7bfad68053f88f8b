// Replay: of what Apache Kafka 4.3.1 wrote, byte for byte the other way round, and of what a random life of
// groups leaves behind.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "broker/coordinator/shard_driver.h"
#include "broker/coordinator/shard_harness.h"
#include "lib/env/posix/test_seed.h"
#include "lib/kafka/codec.h"
#include "lib/kafka/control_record.h"
#include "lib/kafka/messages/consumer_group_metadata_key.h"
#include "lib/kafka/messages/group_metadata_key.h"
#include "lib/kafka/messages/offset_commit_key.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::coordinator {
namespace {

// __consumer_offsets-3 of a broker that served a classic group and a KIP-848 group, stopped and started once.
std::string ApacheLog() {
  std::ifstream in(std::string(DOHLE_TESTDATA) + "/apache-4.3.1.log", std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

std::unique_ptr<GroupShard> LoadShard(const GroupConfig& config, env::Random& random, std::string_view log) {
  auto shard = std::make_unique<GroupShard>(config, random);
  shard->StartLoading({1'795'252'200'000, env::MonotonicTime()});
  const Status replayed = ReplayBatches(log, shard.get());
  EXPECT_TRUE(replayed.ok()) << replayed;
  return shard;
}

TEST(ApacheLog, LeadsToItsGroups) {
  GroupConfig config;
  CountingRandom random;
  const auto shard = LoadShard(config, random, ApacheLog());
  shard->OnLoaded({1'795'252'200'000, env::MonotonicTime()});
  EXPECT_EQ(shard->DumpDurable(),
            "group g-classic classic\n"
            "  Empty generation=4 type=consumer protocol=- leader=- since=1795252193117\n"
            "  offset demo-0 = 5 epoch=0 metadata='' committed=1795252193105 expires=-1 "
            "topic=vaWbT3zGTfOisj64KH-1cg at=17\n"
            "  offset demo-1 = 21 epoch=0 metadata='' committed=1795252193105 expires=-1 "
            "topic=vaWbT3zGTfOisj64KH-1cg at=18\n"
            "  offset demo-2 = 3 epoch=-1 metadata='' committed=1795252193105 expires=-1 "
            "topic=vaWbT3zGTfOisj64KH-1cg at=19\n"
            "group g-new consumer\n"
            "  offset demo-0 = 5 epoch=0 metadata='' committed=1795252101833 expires=-1 "
            "topic=vaWbT3zGTfOisj64KH-1cg at=10\n"
            "  offset demo-1 = 21 epoch=0 metadata='' committed=1795252101833 expires=-1 "
            "topic=vaWbT3zGTfOisj64KH-1cg at=11\n");
}

// Our record for the same state, in place of Apache's `record`; nothing for types that we don't write.
std::optional<Record> Rewrite(const kafka::Record& record, GroupShard& shard) {
  std::optional<Record> ours;
  const int16_t type = kafka::CoordinatorRecordType(*record.key);
  if (type == kafka::GroupMetadataKey::kCoordinatorRecordType) {
    kafka::GroupMetadataKey key;
    EXPECT_TRUE(kafka::DecodeCoordinatorKey(*record.key, &key).ok());
    shard.Visit(key.group, [&ours](const GroupView& view) {
      StringMap<std::string> assignments;
      for (const Member& member : view.group.members()) assignments.emplace(member.id, member.assignment);
      ours = view.group.protocol_type() ? GroupRecord(view.group, assignments) : EmptyGroupRecord(view.group);
    });
  }
  if (type == kafka::OffsetCommitKey::kCoordinatorRecordType) {
    kafka::OffsetCommitKey key;
    EXPECT_TRUE(kafka::DecodeCoordinatorKey(*record.key, &key).ok());
    shard.Visit(key.group, [&ours, &key](const GroupView& view) {
      for (const GroupView::Offset& offset : view.offsets) {
        if (offset.topic != key.topic.view() || offset.partition != key.partition) continue;
        ours = OffsetRecord(key.group, key.topic, key.partition, *offset.committed);
      }
    });
  }
  return ours;
}

TEST(ApacheLog, IsWrittenByUsByteForByte) {
  GroupConfig config;
  CountingRandom random;
  const std::string log = ApacheLog();
  GroupShard shard(config, random);
  shard.StartLoading({0, env::MonotonicTime()});
  int compared = 0;
  kafka::BatchCursor cursor(log);
  while (const auto batch = cursor.Next()) {
    ASSERT_TRUE(ReplayBatches(batch->bytes(), &shard).ok());
    std::vector<Record> records;
    auto reader = kafka::RecordReader::Open(*batch, 1 << 20);
    ASSERT_TRUE(reader.ok());
    for (kafka::Record record; reader->Next(&record);) {
      if (auto ours = Rewrite(record, shard)) records.push_back(*std::move(ours));
    }
    if (records.size() != static_cast<size_t>(batch->record_count())) continue;
    std::string ours = EncodeBatch(records, batch->base_timestamp());
    kafka::SetBaseOffset(ours.data(), batch->base_offset());
    kafka::SetPartitionLeaderEpoch(ours.data(), batch->partition_leader_epoch());
    EXPECT_EQ(ours, std::string(batch->bytes())) << "at offset " << batch->base_offset().value();
    ++compared;
  }
  EXPECT_GE(compared, 8);
}

TEST(ApacheLog, ItsConsumerGroupBecomesClassicWithTheFirstMember) {
  GroupConfig config;
  CountingRandom random;
  const auto shard = LoadShard(config, random, ApacheLog());
  const Instant now{1'795'252'200'000, env::MonotonicTime()};
  shard->OnLoaded(now);
  kafka::JoinGroupRequest request;
  request.group_id = "g-new";
  request.protocol_type = "consumer";
  request.session_timeout_ms = 10'000;
  request.protocols.push_back({"range", "x"});
  const Effects effects = shard->Join({1, 9, "c", "/127.0.0.1"}, request, now);
  ASSERT_EQ(effects.writes.size(), 1u);
  const std::vector<Record>& records = effects.writes[0].records;
  // What Apache left of the group: its epoch and that of its assignment.
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(kafka::CoordinatorRecordType(records[0].key),
            kafka::ConsumerGroupMetadataKey::kCoordinatorRecordType);
  EXPECT_FALSE(records[0].value.has_value());
  EXPECT_FALSE(records[1].value.has_value());
  EXPECT_EQ(kafka::CoordinatorRecordType(records[2].key), kafka::GroupMetadataKey::kCoordinatorRecordType);
  EXPECT_TRUE(records[2].value.has_value());
  shard->OnWritten(effects.writes[0].position, Offset(100), now);
  EXPECT_NE(shard->DumpDurable().find("group g-new classic\n  offset demo-0 = 5"), std::string::npos)
      << shard->DumpDurable();
}

std::string OffsetBatch(Offset base, ProducerId producer, int64_t value) {
  CommittedOffset offset;
  offset.offset = value;
  const Record record = OffsetRecord("g", "t", 0, offset);
  kafka::BatchOptions options;
  options.base_offset = base;
  options.producer_id = producer;
  options.producer_epoch = ProducerEpoch(static_cast<int16_t>(producer == kNoProducerId ? -1 : 0));
  options.base_sequence = 0;
  options.transactional = producer != kNoProducerId;
  kafka::RecordBatchBuilder builder(options);
  builder.Append(1, record.key, std::string_view(*record.value));
  return *builder.Build();
}

std::string Marker(Offset base, ProducerId producer, bool commit) {
  kafka::BatchOptions options;
  options.base_offset = base;
  options.producer_id = producer;
  options.producer_epoch = ProducerEpoch(0);
  return kafka::EndTransactionBatch(options, commit, 0, 1);
}

int64_t CommittedIn(const GroupShard& shard) {
  int64_t committed = -1;
  shard.Visit("g", [&committed](const GroupView& view) {
    for (const GroupView::Offset& offset : view.offsets) committed = offset.committed->offset;
  });
  return committed;
}

TEST(Transactions, CountFromTheirMarkerOn) {
  GroupConfig config;
  CountingRandom random;
  const ProducerId p(7);
  const std::string open = OffsetBatch(Offset(0), kNoProducerId, 1) + OffsetBatch(Offset(1), p, 2);
  EXPECT_EQ(CommittedIn(*LoadShard(config, random, open)), 1);
  EXPECT_EQ(CommittedIn(*LoadShard(config, random, open + Marker(Offset(2), p, true))), 2);
  EXPECT_EQ(CommittedIn(*LoadShard(config, random, open + Marker(Offset(2), p, false))), 1);
  // A later plain commit wins over an earlier transactional one whose marker comes behind it.
  EXPECT_EQ(
      CommittedIn(*LoadShard(config, random,
                             open + OffsetBatch(Offset(2), kNoProducerId, 3) + Marker(Offset(3), p, true))),
      3);
  // Stable readers are told to wait, until the marker comes.
  const auto shard = LoadShard(config, random, open);
  const Instant now;
  shard->OnLoaded(now);
  FetchGroupRequest fetch;
  fetch.group_id = "g";
  auto& topic = fetch.topics->emplace_back();
  topic.name = "t";
  topic.partition_indexes.push_back(0);
  Effects effects = shard->Fetch({1, 7, {}, {}}, fetch, true, now);
  ASSERT_EQ(effects.replies.size(), 1u);
  EXPECT_EQ(std::get<FetchedGroup>(effects.replies[0].response).topics[0].partitions[0].error_code,
            Code(kafka::ErrorCode::kUnstableOffsetCommit));
  shard->EndTransaction(p, true);
  effects = shard->Fetch({2, 7, {}, {}}, fetch, true, now);
  EXPECT_EQ(std::get<FetchedGroup>(effects.replies[0].response).topics[0].partitions[0].committed_offset, 2);
}

TEST(Replay, RefusesWhatCantBeRead) {
  GroupConfig config;
  CountingRandom random;
  std::string log = ApacheLog();
  GroupShard shard(config, random);
  shard.StartLoading({});
  EXPECT_FALSE(ReplayBatches(log.substr(0, log.size() - 1), &shard).ok());
  log[100] = static_cast<char>(log[100] ^ 1);
  EXPECT_FALSE(ReplayBatches(log, &shard).ok());
  const std::string key("\0\1\0", 3);
  EXPECT_FALSE(shard.Replay(Offset(0), kNoProducerId, key, std::nullopt).ok());
  EXPECT_FALSE(shard.Replay(Offset(0), kNoProducerId, OffsetTombstone("g", "t", 0).key, "\x7f\x7f").ok());
  EXPECT_TRUE(shard.Replay(Offset(0), kNoProducerId, std::string("\x7f\0", 2), "future").ok());
}

// A life of random requests, writes that fail and shards that move: nobody waits forever, and the log leads
// to the state that is.
class RandomLife : public testing::Test {
 protected:
  std::string OneOf(std::initializer_list<const char*> of) { return std::data(of)[chance_() % of.size()]; }
  int Below(int bound) { return static_cast<int>(chance_() % static_cast<unsigned>(bound)); }

  std::string MemberId() {
    return ids_.empty() || Below(12) == 0 ? ""
                                          : ids_[static_cast<size_t>(Below(static_cast<int>(ids_.size())))];
  }
  std::string NextCommand();
  void Learn(const std::string& output);

  const uint64_t seed_ = env::TestSeed();
  std::mt19937_64 chance_{seed_};
  std::vector<std::string> ids_;
  int generation_ = 1;
  // Writes fail or take too long. Then, as with Kafka, a group's members may be others than its last record
  // says, until its next rebalance: only offsets are compared.
  bool rough_ = false;
};

std::string RandomLife::NextCommand() {
  const std::string group = OneOf({"g", "h"});
  const std::string generation = std::to_string(generation_ - (Below(8) == 0 ? 1 : 0));
  switch (Below(16)) {
    case 0:
    case 1:
    case 2:
      return "join group=" + group + " version=" + OneOf({"3", "5", "9"}) + " member=" + MemberId() +
             " protocols=" + OneOf({"range:t", "range:t,rr:t", "rr:u,range:u"}) +
             " session=" + OneOf({"6000", "10000", "30000"}) + " rebalance=" + OneOf({"5000", "20000"});
    case 3:
      return "join group=" + group + " instance=" + OneOf({"i", "j"}) +
             " protocols=" + OneOf({"range:t", "rr:t,range:t"});
    case 4:
    case 5:
    case 6: {
      std::string command = "sync group=" + group + " member=" + MemberId() + " generation=" + generation;
      return command + " assign=" + MemberId() + "x:1," + MemberId() + "y:2";
    }
    case 7:
    case 8:
      return "heartbeat group=" + group + " member=" + MemberId() + " generation=" + generation;
    case 9:
      return "leave group=" + group + " members=" + MemberId() + " instances=" + OneOf({"", "i"});
    case 10:
      return "commit group=" + group + " member=" + MemberId() + " generation=" + generation +
             " offsets=t-0:" + std::to_string(Below(100)) + ",u-1:3";
    case 11:
      return "commit group=" + OneOf({"g", "h", "simple"}) + " offsets=t-" + std::to_string(Below(3)) + ":7";
    case 12:
      return OneOf({"delete-offsets group=g of=t-0,u-1", "delete-groups groups=g,simple",
                    "delete-topic topic=u", "fetch group=g stable", "expire"});
    case 13:
      return "advance ms=" + OneOf({"0", "1000", "3000", "6000", "20000"});
    case 14:
      return rough_ ? OneOf({"hold", "commit-writes", "fail-writes code=19", "commit-writes"})
                    : "advance ms=10";
    default:
      return Below(10) == 0 ? "reload" : "advance ms=100";
  }
}

void RandomLife::Learn(const std::string& output) {
  std::istringstream words(output);
  for (std::string word; words >> word;) {
    if (word.rfind("member=", 0) == 0 && word.size() > 7) ids_.push_back(word.substr(7));
    if (word.rfind("generation=", 0) == 0) generation_ = std::max(1, std::stoi(word.substr(11)));
  }
  if (ids_.size() > 6) ids_.erase(ids_.begin(), ids_.end() - 6);
}

TEST_F(RandomLife, LeavesALogThatLeadsToIt) {
  SCOPED_TRACE(testing::Message() << "DOHLE_SEED=" << seed_);
  GroupConfig config;
  config.group_initial_rebalance_delay_ms = 1000;
  config.group_max_size = 4;
  config.offsets_retention_minutes = 10;
  int generations = 0;
  for (int life = 0; life < 40; ++life) {
    ShardHarness harness(config);
    ids_.clear();
    rough_ = life % 2 == 1;
    std::string history;
    for (int step = 0; step < 400; ++step) {
      const std::string command = NextCommand();
      const std::string output = harness.Run(command);
      Learn(output);
      history += command + "\n" + output;
      if (output.find("synced") != std::string::npos) ++generations;
      if (!harness.settled()) continue;
      ASSERT_EQ(harness.CompareWithReplay(rough_), "") << history;
    }
    // Everybody gives up; then nobody may be left waiting.
    harness.Run("commit-writes");
    harness.Run("advance ms=1900000");
    ASSERT_EQ(harness.waiting(), 0u) << history;
    ASSERT_EQ(harness.CompareWithReplay(rough_), "") << history;
  }
  EXPECT_GT(generations, 15) << "the commands lead nowhere";
}

}  // namespace
}  // namespace dohle::coordinator
