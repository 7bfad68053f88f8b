#include "operator/plugin/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/k8s/object.h"
#include "operator/local/testing/store_fixture.h"

namespace dohle::plugin {
namespace {

using k8s::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const k8s::ObjectName kName{"kafka", "main"};

class PluginTest : public local::StoreTest {
 protected:
  PluginTest() {
    Create(k8s::kClusters, kName, {{"spec", {{"brokers", 3}}}});
    Create(k8s::kTopics, {"kafka", "orders"}, {{"spec", {{"cluster", "main"}, {"partitions", 1}}}});
    Create(k8s::kTopics, {"kafka", "other"}, {{"spec", {{"cluster", "another"}, {"partitions", 1}}}});
    Create(k8s::kConfigMaps, {"kafka", "main-config"},
           {{"metadata", {{"labels", {{"dohle.dev/cluster", "main"}}}}}});
    Create(k8s::kConfigMaps, {"kafka", "foreign"}, Json::object());
  }
  void Create(const k8s::Resource& resource, const k8s::ObjectName& name, const Json& more) {
    Json object = k8s::NewObject(resource, name);
    object.merge_patch(more);
    const StatusOr<Json> created = Do(store().Create(resource, object));
    ASSERT_TRUE(created.ok()) << created.status();
  }
  std::string Run(std::vector<const char*> arguments) {
    const auto command = ParsePluginCommand(arguments);
    if (!command.ok()) return std::string(Message(command.status()));
    const StatusOr<std::string> told = Do(RunPlugin(&store(), *command, "kafka", 1'800'000'000'000));
    return told.ok() ? *told : std::string(Message(told.status()));
  }
  std::string Annotation(const std::string& key) {
    const StatusOr<Json> cluster = Do(store().Get(k8s::kClusters, kName));
    return std::string(k8s::ReadMeta(*cluster)->Annotation(key));
  }
};

TEST_F(PluginTest, FencesAndUnfences) {
  EXPECT_EQ(Run({"fence", "main", "2", "0"}), "kafka/main: fenced brokers: 0,2\n");
  EXPECT_EQ(Annotation("dohle.dev/fence"), "0,2");
  EXPECT_EQ(Run({"unfence", "main", "0"}), "kafka/main: fenced brokers: 2\n");
  EXPECT_EQ(Run({"fence", "main", "all"}), "kafka/main: fenced brokers: *\n");
  EXPECT_THAT(Run({"unfence", "main", "1"}), HasSubstr("unfence all"));
  EXPECT_EQ(Run({"unfence", "main", "all"}), "kafka/main: fenced brokers: none\n");
  EXPECT_EQ(Annotation("dohle.dev/fence"), "");
}

TEST_F(PluginTest, TellsTheOperator) {
  Run({"roll", "main"});
  EXPECT_EQ(Annotation("dohle.dev/roll"), "2027-01-15T08:00:00Z");
  Run({"approve", "main", "3f"});
  EXPECT_EQ(Annotation("dohle.dev/approve"), "3f");
  EXPECT_THAT(Run({"status", "main"}), HasSubstr("kafka/main"));
  EXPECT_THAT(Run({"plan", "nobody"}), HasSubstr("there is no Cluster nobody in the namespace kafka"));
}

TEST_F(PluginTest, ReportsWhatBelongsToIt) {
  const std::string report = Run({"report", "main"});
  EXPECT_THAT(report, HasSubstr("orders"));
  EXPECT_THAT(report, HasSubstr("main-config"));
  EXPECT_THAT(report, Not(HasSubstr("\"other\"")));
  EXPECT_THAT(report, Not(HasSubstr("foreign")));
}

TEST(PluginLogsTest, AreKubectls) {
  const auto all = ParsePluginCommand(std::vector<const char*>{"logs", "main", "-f", "--context", "c"});
  EXPECT_THAT(
      LogsArguments(*all, "ns"),
      ElementsAre("logs", "--namespace", "ns", "--container", "broker", "--context", "c", "--follow",
                  "--prefix", "--tail=-1", "--max-log-requests=100", "--selector", "dohle.dev/cluster=main"));
  const auto one = ParsePluginCommand(std::vector<const char*>{"logs", "main", "1"});
  EXPECT_THAT(LogsArguments(*one, "ns"),
              ElementsAre("logs", "--namespace", "ns", "--container", "broker", "main-broker-1"));
}

}  // namespace
}  // namespace dohle::plugin
