#include "operator/status_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dohle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

api::Condition Condition(const char* type, const char* status, const char* message) {
  api::Condition condition;
  condition.type = type;
  condition.status = status;
  condition.message = message;
  return condition;
}

api::ClusterStatus Cluster() {
  api::ClusterStatus cluster;
  cluster.phase = "Ready";
  cluster.replicas = 1;
  cluster.ready_replicas = 1;
  cluster.brokers.resize(1);
  cluster.brokers[0].leaders = 9;
  cluster.brokers[0].bytes = 1536;
  cluster.listeners.resize(2);
  cluster.listeners[0].bootstrap = "localhost:9092";
  cluster.conditions = {Condition("Ready", "True", "1 of 1 brokers serve")};
  return cluster;
}

api::TopicStatus Topic(double in) {
  api::TopicStatus topic;
  topic.partitions = 3;
  topic.bytes = 2048;
  topic.bytes_in_per_second = in;
  topic.conditions = {Condition("Ready", "True", "The topic is as asked for.")};
  return topic;
}

// In place of the Topic of that name, if there is one.
void Set(TableInput& input, const std::string& name, const api::TopicStatus& status) {
  std::erase_if(input.topics, [&](const TopicRow& row) { return row.name == name; });
  input.topics.push_back(RowOf({"default", name}, status));
}

TEST(HumanBytes, TakesTheUnitThatFits) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(1024.0 * 1024 * 1024), "1.0 GiB");
  EXPECT_EQ(HumanBytes(5e16), "45474.7 TiB");
}

TEST(StatusTable, AlignsItsColumns) {
  TableInput input;
  input.clusters[{"default", "quickstart"}] = Cluster();
  Set(input, "orders", Topic(100));
  api::TopicStatus behind = Topic(0);
  behind.largest_lag = api::TopicLag{"readers", 600, 12.4};
  Set(input, "a", behind);
  EXPECT_EQ(StatusTable(input),
            "CLUSTER     PHASE  BROKERS  LEADERS  BYTES    BOOTSTRAP       \n"
            "quickstart  Ready  1/1      9        1.5 KiB  localhost:9092  \n"
            "\n"
            "TOPIC   READY  PARTITIONS  BYTES    IN       OUT    LARGEST LAG                  \n"
            "orders  yes    3           2.0 KiB  100 B/s  0 B/s  -                            \n"
            "a       yes    3           2.0 KiB  0 B/s    0 B/s  600 records, 12 s (readers)  \n");
}

TEST(StatusTable, TellsWhatIsWrong) {
  TableInput input;
  input.clusters[{"default", "quickstart"}] = Cluster();
  input.clusters[{"default", "quickstart"}].conditions.push_back(
      Condition("Degraded", "True", "a broker is silent"));
  api::TopicStatus broken = Topic(0);
  broken.conditions = {Condition("Ready", "False", "it is in use")};
  Set(input, "orders", broken);
  input.faults = {"a.yaml:3: spec.partitions: too few"};
  const std::string table = StatusTable(input);
  EXPECT_THAT(table, HasSubstr("a broker is silent"));
  EXPECT_THAT(table, HasSubstr("it is in use"));
  EXPECT_THAT(table, HasSubstr("\na.yaml:3: spec.partitions: too few\n"));
}

TEST(StatusTable, ShowsTheBusiestOfManyTopics) {
  TableInput input;
  for (size_t i = 0; i < kMaxTableTopics + 5; ++i) {
    Set(input, "t" + std::to_string(100 + i), Topic(static_cast<double>(i)));
  }
  const std::string table = StatusTable(input);
  EXPECT_THAT(table, Not(HasSubstr("t104")));
  EXPECT_THAT(table, HasSubstr("t105"));
  EXPECT_THAT(table, HasSubstr("... and 5 topics more\n"));
}

TEST(ChangedLines, TellsEachChangeOnce) {
  ChangedLines changed;
  TableInput input;
  input.clusters[{"default", "quickstart"}] = Cluster();
  api::TopicStatus topic = Topic(0);
  Set(input, "orders", topic);
  EXPECT_THAT(changed.Of(input), ElementsAre("cluster quickstart is Ready, clients connect to localhost:9092",
                                             "topic orders is ready with 3 partitions"));
  topic.bytes = 5;
  Set(input, "orders", topic);
  EXPECT_THAT(changed.Of(input), IsEmpty());
  topic.partitions = 5;
  Set(input, "orders", topic);
  input.faults = {"a.yaml:3: no"};
  EXPECT_THAT(changed.Of(input), ElementsAre("a.yaml:3: no", "topic orders is ready with 5 partitions"));
  EXPECT_THAT(changed.Of(input), IsEmpty());
  input.topics.clear();
  input.faults.clear();
  EXPECT_THAT(changed.Of(input), ElementsAre("topic orders is gone"));
  EXPECT_THAT(changed.Of(input), IsEmpty());
}

}  // namespace
}  // namespace dohle
