// Runs the cases in testdata/topic_plan.txt: a name, what is asked for and what is seen, then `----`, then
// what is decided, then a blank line. Lines before it:
//   topic NAME k=v…      the resource; cfg.KEY=VALUE, policy=, adoption=, generation=, deleted_ago_ms=,
//   finalizer status k=v…          as stored: ready=, reason=, generation=, id=, partitions= seen k=v… the
//   topic in Kafka: id=, partitions=, replicas=, cfg.KEY=VALUE, internal cluster STATE        NotFound,
//   Deleting, NotReady; none: Ready unreachable MS       nobody has answered for so long terminating,
//   unclear, rival NAME fails CODE WORDS     Kafka answers the actions so; `lost`: it doesn't answer
//   replication BROKERS FEWEST MOST PARTITIONS REPLICAS...   what is seen of it
//   autoscaling MAX [WANTED REASON]   the resource has it, its status tells so
//   wants PARTITIONS REASON NOTE      it asks for so many; `holds`: it would, but something forbids it
// DOHLE_REWRITE_TESTDATA=1 writes what was decided into the file instead: look at the difference.
#include "operator/reconcile/topic/topic_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "lib/base/check.h"
#include "lib/kafka/client/kafka_status.h"

namespace dohle::reconcile {
namespace {

constexpr int64_t kNowMs = 1'000'000'000;

// "a b=c" to {a: "", b: "c"}; what has no value among the first is the name, under "".
using Words = std::map<std::string, std::string>;
Words Split(std::istringstream& in) {
  Words words;
  std::string word;
  while (in >> word) {
    const size_t equals = word.find('=');
    words[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  return words;
}
int64_t Number(const Words& words, const std::string& key, int64_t fallback) {
  const auto it = words.find(key);
  return it == words.end() ? fallback : std::stoll(it->second);
}
std::string Word(const Words& words, const std::string& key) {
  const auto it = words.find(key);
  return it == words.end() ? "" : it->second;
}
Uuid Id(int64_t number) { return {0, static_cast<uint64_t>(number)}; }

// One case.
struct Scene {
  TopicResource resource;
  TopicResource rival;
  ObservedTopic topic;
  kafka::client::TopicConfigs configs;
  bool seen = false, looked = false, has_rival = false, terminating = false, unclear = false;
  TopicWorld world;
  std::optional<Status> failure;
  std::optional<TopicScaling> scaling;
  std::optional<ReplicationSight> replication;

  Scene() {
    world.now_ms = kNowMs;
    world.cluster.name = "Cluster demo";
    resource.meta.name = {"default", "orders"};
    resource.meta.generation = 1;
  }

  void ReadTopic(std::istringstream& in) {
    std::string name;
    in >> name;
    resource.meta.name.name = name;
    const Words words = Split(in);
    resource.spec.partitions = static_cast<int32_t>(Number(words, "partitions", 1));
    resource.spec.replicas = static_cast<int32_t>(Number(words, "replicas", 1));
    resource.meta.generation = Number(words, "generation", 1);
    if (Word(words, "policy") == "Retain") resource.spec.deletion_policy = api::DeletionPolicy::kRetain;
    if (Word(words, "adoption") == "Refuse") resource.spec.adoption_policy = api::AdoptionPolicy::kRefuse;
    if (words.contains("finalizer")) resource.meta.finalizers.emplace_back(kTopicFinalizer);
    if (words.contains("fault")) resource.faults = "spec." + Word(words, "fault") + " is wrong";
    if (words.contains("deleted_ago_ms")) {
      resource.meta.deletion_time_ms = kNowMs - Number(words, "deleted_ago_ms", 0);
    }
    for (const auto& [key, value] : words) {
      if (key.starts_with("cfg.")) resource.spec.config.emplace_back(key.substr(4), value);
    }
  }
  void ReadStatus(std::istringstream& in) {
    const Words words = Split(in);
    api::TopicStatus& status = resource.status;
    status.topic_name = resource.KafkaName();
    status.observed_generation = Number(words, "generation", 1);
    status.partitions = static_cast<int32_t>(Number(words, "partitions", 0));
    if (words.contains("id")) {
      status.topic_id = ToString(Id(Number(words, "id", 0)));
      status.replicas = static_cast<int32_t>(Number(words, "replicas", 1));
    }
    api::Condition ready;
    ready.type = "Ready";
    ready.status = Word(words, "ready");
    ready.reason = Word(words, "reason").empty() ? "Ready" : Word(words, "reason");
    status.conditions.push_back(ready);
  }
  void ReadSeen(std::istringstream& in) {
    const Words words = Split(in);
    seen = true;
    topic.id = Id(Number(words, "id", 100));
    topic.partitions = static_cast<int32_t>(Number(words, "partitions", 1));
    topic.replicas = static_cast<int32_t>(Number(words, "replicas", 1));
    topic.internal = words.contains("internal");
    looked = !words.contains("unlooked");
    for (const auto& [key, value] : words) {
      if (key.starts_with("cfg.")) configs[key.substr(4)] = value;
    }
  }
  void ReadReplication(std::istringstream& in) {
    replication.emplace();
    in >> replication->brokers >> replication->fewest >> replication->most >> replication->partitions;
    for (int32_t replicas = 0; in >> replicas;) replication->ends_with.push_back(replicas);
  }
  void ReadAutoscaling(std::istringstream& in) {
    api::TopicAutoscaling autoscaling;
    in >> autoscaling.max_partitions;
    if (autoscaling.max_partitions > 0) resource.spec.autoscaling = autoscaling;
    api::AutoscalingStatus status;
    if (in >> status.wanted >> status.reason) resource.status.autoscaling = status;
  }
  void ReadWish(std::istringstream& in, bool grow) {
    scaling.emplace();
    scaling->decision.grow = grow;
    in >> scaling->decision.wanted >> scaling->decision.reason;
    if (grow) scaling->partitions = scaling->decision.wanted;
    std::getline(in >> std::ws, scaling->decision.note);
  }
  void ReadLine(const std::string& line) {
    std::istringstream in(line);
    std::string verb, word;
    in >> verb;
    if (verb == "topic") return ReadTopic(in);
    if (verb == "status") return ReadStatus(in);
    if (verb == "seen") return ReadSeen(in);
    if (verb == "autoscaling") return ReadAutoscaling(in);
    if (verb == "wants" || verb == "holds") return ReadWish(in, verb == "wants");
    if (verb == "terminating") terminating = true;
    if (verb == "unclear") unclear = true;
    if (verb == "replication") ReadReplication(in);
    if (verb == "lost") failure = MakeStatus(StatusCode::kUnavailable, "connection to a:1 is gone");
    if (verb == "rival") {
      in >> rival.meta.name.name;
      rival.meta.name.ns = "default";
      has_rival = true;
    } else if (verb == "cluster") {
      in >> word;
      using State = KafkaCluster::State;
      world.cluster.state = word == "NotFound"   ? State::kNotFound
                            : word == "Deleting" ? State::kDeleting
                                                 : State::kNotReady;
    } else if (verb == "unreachable") {
      in >> world.unreachable_for_ms;
      world.reached = MakeStatus(StatusCode::kUnavailable, "connection to a:1 is gone");
    } else if (verb == "fails") {
      int code = 0;
      in >> code;
      std::getline(in >> std::ws, word);
      failure = kafka::client::StatusFromKafka(static_cast<int16_t>(code), word);
    }
  }
  TopicInput Input() const {
    TopicInput input;
    input.resource = &resource;
    input.status = &resource.status;
    input.finalizer = resource.meta.HasFinalizer(kTopicFinalizer);
    input.namespace_terminating = terminating;
    input.rival = has_rival ? &rival : nullptr;
    input.topic = seen ? &topic : nullptr;
    input.configs = looked ? &configs : nullptr;
    input.creation_unclear = unclear;
    input.scaling = scaling;
    input.replication = replication ? &*replication : nullptr;
    return input;
  }
};

std::string Show(const TopicDecision& decision, const api::TopicStatus& before) {
  std::string text;
  const auto line = [&text](std::string added) { text += added + "\n"; };
  if (decision.finalizer == TopicDecision::Finalizer::kAdd) line("finalizer added");
  if (decision.create) {
    std::string configs;
    for (const auto& [key, value] : decision.create->configs) configs += fmt::format(" {}={}", key, value);
    line(fmt::format("create {} partitions={} replicas={}{}", decision.create->name,
                     decision.create->partitions, decision.create->replication_factor, configs));
  }
  if (decision.grow) line(fmt::format("grow {} to {}", decision.grow->name, decision.grow->partitions));
  if (decision.alter) {
    for (const auto& [key, value] : decision.alter->changes) {
      line(value ? fmt::format("set {}={}", key, *value) : fmt::format("unset {}", key));
    }
  }
  if (decision.remove) line(fmt::format("delete {}", ToString(*decision.remove)));
  if (decision.finalizer == TopicDecision::Finalizer::kRemove) line("finalizer removed");
  for (const TopicEvent& event : decision.events) {
    line(fmt::format("{} {}: {}", event.warning ? "warning" : "event", event.reason, event.note));
  }
  if (decision.again) line(fmt::format("again in {} ms", absl::ToInt64Milliseconds(*decision.again)));
  if (SameStatus(decision.status, before)) {
    line("status unchanged");
    return text;
  }
  const api::TopicStatus& status = decision.status;
  line(fmt::format("status generation={} id={} partitions={} replicas={}", status.observed_generation,
                   status.topic_id.empty() ? "none" : status.topic_id, status.partitions, status.replicas));
  for (const api::Condition& condition : status.conditions) {
    line(fmt::format("{}={} {}: {}", condition.type, condition.status, condition.reason, condition.message));
  }
  if (status.autoscaling) {
    line(fmt::format("autoscaling wanted={} {}: {}", status.autoscaling->wanted, status.autoscaling->reason,
                     status.autoscaling->message));
  }
  return text;
}

std::string Play(const std::vector<std::string>& lines) {
  Scene scene;
  for (const std::string& line : lines) scene.ReadLine(line);
  const TopicInput input = scene.Input();
  TopicDecision decision = DecideTopic(input, scene.world);
  if (scene.failure) {
    Fail(decision, input, scene.world, *scene.failure);
  } else {
    Complete(decision, input, scene.world, Id(7));
  }
  return Show(decision, scene.resource.status);
}

TEST(TopicPlanTest, Cases) {
  const std::string path = std::string(DOHLE_TESTDATA) + "/topic_plan.txt";
  std::ifstream in(path);
  ASSERT_TRUE(in.good()) << path;
  std::string line, name, expected, rewritten;
  std::vector<std::string> lines;
  bool after = false;
  int cases = 0;
  const auto finish = [&] {
    if (name.empty()) return;
    ++cases;
    const std::string decided = Play(lines);
    EXPECT_EQ(decided, expected) << name;
    rewritten += name + "\n";
    for (const std::string& command : lines) rewritten += command + "\n";
    rewritten += "----\n" + decided + "\n";
    name.clear();
    expected.clear();
    lines.clear();
    after = false;
  };
  while (std::getline(in, line)) {
    if (line.empty()) {
      finish();
    } else if (name.empty()) {
      name = line;
    } else if (line == "----") {
      after = true;
    } else if (after) {
      expected += line + "\n";
    } else {
      lines.push_back(line);
    }
  }
  finish();
  EXPECT_GT(cases, 30);
  if (std::getenv("DOHLE_REWRITE_TESTDATA") != nullptr) std::ofstream(path) << rewritten;
}

TopicRef Resource(const std::string& name, int64_t created_ms, bool deleting = false) {
  auto resource = std::make_shared<TopicResource>();
  resource->meta.name = {"default", name};
  resource->meta.creation_time_ms = created_ms;
  resource->spec.topic_name = "orders";
  if (deleting) resource->meta.deletion_time_ms = kNowMs;
  return resource;
}

TEST(TopicPlanTest, TheOldestHasTheTopicThenTheFirstByName) {
  const std::vector<TopicRef> topics = {Resource("c", 2), Resource("b", 1), Resource("a", 1)};
  const auto rivals = FindRivals(topics);
  ASSERT_NE(rivals[0], nullptr);
  EXPECT_EQ(rivals[0]->meta.name.name, "a");
  EXPECT_EQ(rivals[1]->meta.name.name, "a");
  EXPECT_EQ(rivals[2], nullptr);
}

TEST(TopicPlanTest, WhoStaysComesBeforeWhoGoes) {
  const std::vector<TopicRef> topics = {Resource("old", 1, true), Resource("new", 9)};
  const auto rivals = FindRivals(topics);
  ASSERT_NE(rivals[0], nullptr);
  EXPECT_EQ(rivals[0]->meta.name.name, "new");
  EXPECT_EQ(rivals[1], nullptr);
}

TEST(TopicPlanTest, ValuesAreComparedByWhatTheyMean) {
  EXPECT_TRUE(SameConfigValue("compact,delete", "compact, delete"));
  EXPECT_TRUE(SameConfigValue("0.50", "0.5"));
  EXPECT_TRUE(SameConfigValue("TRUE", "true"));
  EXPECT_TRUE(SameConfigValue(" 100 ", "100"));
  EXPECT_FALSE(SameConfigValue("100", "1000"));
  EXPECT_FALSE(SameConfigValue("9223372036854775807", "9223372036854775806"));
  EXPECT_FALSE(SameConfigValue("compact,delete", "delete"));
}

TEST(TopicPlanTest, SmallChangesOfMeasuresAreNoChange) {
  api::TopicStatus a, b;
  a.bytes = 1000;
  b.bytes = 1050;
  EXPECT_TRUE(SameStatus(a, b));
  b.bytes = 1200;
  EXPECT_FALSE(SameStatus(a, b));
  b.bytes = 1000;
  b.largest_lag = {"g", 5, 1.0};
  EXPECT_FALSE(SameStatus(a, b));
}

}  // namespace
}  // namespace dohle::reconcile
