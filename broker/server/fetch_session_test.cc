#include "broker/server/fetch_session.h"

#include <gtest/gtest.h>

namespace dohle::server {
namespace {

FetchPartitionRequest Ask(const std::string& topic, int32_t partition, int64_t offset = 0) {
  FetchPartitionRequest request;
  request.key = {topic, TopicId(), PartitionIndex(partition)};
  request.fetch_offset = Offset(offset);
  return request;
}

std::string Order(const FetchSession& session) {
  std::string order;
  for (const auto& one : session.Partitions()) {
    order += one.key.topic + std::to_string(one.key.partition.value()) + "@" +
             std::to_string(one.fetch_offset.value()) + " ";
  }
  return order;
}

FetchPartitionAnswer Said(int64_t high_watermark, bool records = false) {
  FetchPartitionAnswer answer;
  answer.high_watermark = Offset(high_watermark);
  answer.log_start_offset = Offset(0);
  answer.has_records = records;
  return answer;
}

TEST(FetchSessionTest, RemembersChangesAndForgets) {
  FetchSession session(1, false);
  session.Update({Ask("a", 0), Ask("b", 1)});
  EXPECT_EQ(Order(session), "a0@0 b1@0 ");
  session.Update({Ask("a", 0, 5), Ask("c", 2)});
  EXPECT_EQ(Order(session), "a0@5 b1@0 c2@0 ");
  session.Forget(Ask("b", 1).key);
  session.Forget(Ask("never", 1).key);
  EXPECT_EQ(Order(session), "a0@5 c2@0 ");
}

TEST(FetchSessionTest, OnlyNewsIsAnswered) {
  FetchSession session(1, false);
  session.Update({Ask("a", 0)});
  const FetchPartitionKey key = Ask("a", 0).key;
  EXPECT_TRUE(session.NoteAnswer(key, Said(10)));
  EXPECT_FALSE(session.NoteAnswer(key, Said(10)));
  EXPECT_TRUE(session.NoteAnswer(key, Said(11)));
  EXPECT_TRUE(session.NoteAnswer(key, Said(11, true)));
  FetchPartitionAnswer error;
  error.has_error = true;
  EXPECT_TRUE(session.NoteAnswer(key, error));
  EXPECT_TRUE(session.NoteAnswer(key, Said(11)));
}

TEST(FetchSessionTest, WhoGotRecordsGoesToTheEnd) {
  FetchSession session(1, false);
  session.Update({Ask("a", 0), Ask("b", 0), Ask("c", 0)});
  session.NoteAnswer(Ask("a", 0).key, Said(1, true));
  EXPECT_EQ(Order(session), "b0@0 c0@0 a0@0 ");
}

TEST(FetchSessionTest, TheEpochWrapsToOne) {
  FetchSession session(1, false);
  EXPECT_EQ(session.epoch(), 1);
  session.AdvanceEpoch();
  EXPECT_EQ(session.epoch(), 2);
}

}  // namespace
}  // namespace dohle::server
