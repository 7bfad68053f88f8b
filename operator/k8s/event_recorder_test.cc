#include "operator/k8s/event_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <vector>

#include "lib/env/sim/sim_world.h"
#include "lib/env/sleep.h"
#include "operator/k8s/object.h"

namespace dohle::k8s {
namespace {

// Takes events, slowly, and fails when told to.
class EventServer : public Client {
 public:
  struct Seen {
    std::string verb;
    std::string name;
    Json body;
  };

  env::Task<StatusOr<Json>> Create(Resource, Json object) override {
    Seen entry{"create", FindString(object, "metadata.name"), object};
    return Take(this, std::move(entry));
  }
  env::Task<StatusOr<Json>> MergePatch(Resource, ObjectName name, Json patch, Subresource) override {
    Seen entry{"patch", name.name, std::move(patch)};
    return Take(this, std::move(entry));
  }
  env::Task<StatusOr<Json>> Get(Resource, ObjectName) override { return No<Json>(); }
  env::Task<StatusOr<ListPage>> List(Resource, ListOptions) override { return No<ListPage>(); }
  env::Task<StatusOr<std::unique_ptr<Watch>>> StartWatch(Resource, WatchOptions) override {
    return No<std::unique_ptr<Watch>>();
  }
  env::Task<StatusOr<Json>> Replace(Resource, Json, Subresource) override { return No<Json>(); }
  env::Task<StatusOr<Json>> Apply(Resource, Json, ApplyOptions) override { return No<Json>(); }
  env::Task<Status> Delete(Resource, ObjectName, DeleteOptions) override { return Never(); }

  std::vector<Seen> seen;
  std::deque<Status> answers;  // OK beyond

 private:
  static env::Task<StatusOr<Json>> Take(EventServer* server, Seen entry) {
    server->seen.push_back(std::move(entry));
    co_await env::Sleep(absl::Milliseconds(10));
    if (server->answers.empty()) co_return Json::object();
    const Status status = server->answers.front();
    server->answers.pop_front();
    if (!status.ok()) co_return status;
    co_return Json::object();
  }
  template <typename T>
  static env::Task<StatusOr<T>> No() {
    co_return MakeStatus(StatusCode::kUnimplemented, "only events");
  }
  static env::Task<Status> Never() { co_return MakeStatus(StatusCode::kUnimplemented, "only events"); }
};

class EventRecorderTest : public ::testing::Test {
 protected:
  void Start(EventRecorder::Options options = {}) {
    options.reporting_instance = "pod-1";
    recorder_ = std::make_unique<EventRecorder>(server_, node_.env(), std::move(options));
    env::Spawn(*node_.env().executors[0], recorder_->Run());
  }
  void Record(const std::string& note, const std::string& name = "c") {
    recorder_->Record({"dohle.dev/v1alpha1", "Cluster", {"n", name}, "uid-1"}, EventType::kWarning,
                      "RollBlocked", "Roll", note);
  }
  void After(absl::Duration duration) { world_.RunFor(duration); }

  env::SimWorld world_{7};
  env::SimNode& node_ = world_.AddNode("operator");
  EventServer server_;
  std::unique_ptr<EventRecorder> recorder_;
};

TEST_F(EventRecorderTest, WritesWhatTheApiAsksFor) {
  Start();
  Record("broker 2 isn't in sync");
  After(absl::Seconds(1));
  ASSERT_EQ(server_.seen.size(), 1u);
  const Json& event = server_.seen[0].body;
  EXPECT_EQ(event["apiVersion"], "events.k8s.io/v1");
  EXPECT_EQ(event["kind"], "Event");
  EXPECT_EQ(event["metadata"]["namespace"], "n");
  EXPECT_EQ(event["metadata"]["name"].get<std::string>().substr(0, 2), "c.");
  EXPECT_EQ(event["reportingController"], "dohle.dev/operator");
  EXPECT_EQ(event["reportingInstance"], "pod-1");
  EXPECT_EQ(event["type"], "Warning");
  EXPECT_EQ(event["reason"], "RollBlocked");
  EXPECT_EQ(event["action"], "Roll");
  EXPECT_EQ(event["note"], "broker 2 isn't in sync");
  EXPECT_TRUE(ParseTime(event["eventTime"].get<std::string>()).ok());
  EXPECT_EQ(event["regarding"]["kind"], "Cluster");
  EXPECT_EQ(event["regarding"]["namespace"], "n");
  EXPECT_EQ(event["regarding"]["uid"], "uid-1");
  EXPECT_FALSE(event.contains("series"));
  EXPECT_EQ(recorder_->counts().written, 1);
}

TEST_F(EventRecorderTest, MakesASeriesOfTheSame) {
  Start();
  Record("same");
  After(absl::Seconds(1));
  Record("same");
  Record("other");
  After(absl::Seconds(1));
  for (int i = 0; i < 5; ++i) Record("same");
  After(absl::Seconds(1));
  ASSERT_EQ(server_.seen.size(), 4u);
  EXPECT_EQ(server_.seen[1].verb, "patch");
  EXPECT_EQ(server_.seen[1].name, server_.seen[0].name);
  EXPECT_EQ(server_.seen[1].body["series"]["count"], 2);
  EXPECT_EQ(server_.seen[2].verb, "create");
  EXPECT_EQ(server_.seen[3].body["series"]["count"], 7) << "five at once are one update";
  // After a while it is an event of its own.
  After(absl::Minutes(11));
  Record("same");
  After(absl::Seconds(1));
  ASSERT_EQ(server_.seen.size(), 5u);
  EXPECT_EQ(server_.seen[4].verb, "create");
  EXPECT_NE(server_.seen[4].name, server_.seen[0].name);
  EXPECT_FALSE(server_.seen[4].body.contains("series"));
}

TEST_F(EventRecorderTest, StartsAnewWhenTheServerHasForgotten) {
  Start();
  Record("same");
  After(absl::Seconds(1));
  server_.answers.push_back(MakeStatus(StatusCode::kNotFound, "gone"));
  Record("same");
  After(absl::Seconds(5));
  ASSERT_EQ(server_.seen.size(), 3u);
  EXPECT_EQ(server_.seen[2].verb, "create");
  EXPECT_EQ(server_.seen[2].body["series"]["count"], 2);
}

TEST_F(EventRecorderTest, RetriesWithTheSameNameAndGivesUp) {
  Start();
  server_.answers = {MakeStatus(StatusCode::kUnavailable, "x"),
                     MakeStatus(StatusCode::kAlreadyExists, "done")};
  Record("a");
  After(absl::Seconds(10));
  ASSERT_EQ(server_.seen.size(), 2u);
  EXPECT_EQ(server_.seen[0].name, server_.seen[1].name);
  EXPECT_EQ(recorder_->counts().written, 1);
  server_.answers.assign(3, MakeStatus(StatusCode::kUnavailable, "x"));
  Record("b");
  After(absl::Seconds(10));
  EXPECT_EQ(server_.seen.size(), 5u);
  EXPECT_EQ(recorder_->counts().dropped, 1);
  server_.answers = {MakeStatus(StatusCode::kPermissionDenied, "the namespace is being deleted")};
  Record("c");
  After(absl::Seconds(10));
  EXPECT_EQ(server_.seen.size(), 6u) << "no use in trying again";
  EXPECT_EQ(recorder_->counts().dropped, 2);
}

TEST_F(EventRecorderTest, BoundsTheQueueAndTheRate) {
  EventRecorder::Options options;
  options.max_queued = 50;
  options.per_second = 2;
  options.burst = 10;
  Start(options);
  // The first is on its way at once, so one more fits.
  for (int i = 0; i < 200; ++i) Record(std::to_string(i));
  EXPECT_GE(recorder_->counts().dropped, 149);
  EXPECT_LE(recorder_->counts().dropped, 150);
  After(absl::Seconds(1));
  EXPECT_GE(server_.seen.size(), 10u);
  EXPECT_LE(server_.seen.size(), 13u);
  After(absl::Seconds(10));
  EXPECT_LE(server_.seen.size(), 34u);
  After(absl::Minutes(1));
  EXPECT_EQ(server_.seen.size() + static_cast<size_t>(recorder_->counts().dropped), 200u);
}

TEST_F(EventRecorderTest, ForgetsWhatWasQuietLongest) {
  EventRecorder::Options options;
  options.max_known = 3;
  Start(options);
  for (const char* note : {"a", "b", "c", "d"}) {
    Record(note);
    After(absl::Seconds(1));
  }
  Record("b");
  Record("a");
  After(absl::Seconds(1));
  ASSERT_EQ(server_.seen.size(), 6u);
  EXPECT_EQ(server_.seen[4].verb, "patch");
  EXPECT_EQ(server_.seen[5].verb, "create");
}

TEST_F(EventRecorderTest, KeepsToTheApisLimits) {
  Start();
  std::string note(1023, 'x');
  note += "\xc3\xa4 and more";
  Record(note, std::string(199, 'a') + "-" + std::string(50, 'b'));
  After(absl::Seconds(1));
  ASSERT_EQ(server_.seen.size(), 1u);
  EXPECT_EQ(server_.seen[0].body["note"], std::string(1023, 'x')) << "no half characters";
  EXPECT_EQ(server_.seen[0].name.substr(0, 200), std::string(199, 'a') + ".");
  EXPECT_LE(server_.seen[0].name.size(), 253u);
  recorder_->Record({"v1", "Node", {"", "node-1"}, ""}, EventType::kNormal, "Seen", "Look", "n");
  After(absl::Seconds(1));
  EXPECT_EQ(server_.seen[1].body["metadata"]["namespace"], "default");
  EXPECT_FALSE(server_.seen[1].body["regarding"].contains("namespace"));
}

TEST_F(EventRecorderTest, Stops) {
  Start();
  After(absl::Seconds(1));
  recorder_->Stop();
  Record("a");
  EXPECT_TRUE(world_.RunUntilIdle());
  EXPECT_TRUE(server_.seen.empty());
}

TEST(RegardingTest, IsReadFromAnObject) {
  const Regarding regarding = RegardingOf({{"apiVersion", "v1"},
                                           {"kind", "Pod"},
                                           {"metadata", {{"name", "p"}, {"namespace", "n"}, {"uid", "u"}}}});
  EXPECT_EQ(regarding.api_version, "v1");
  EXPECT_EQ(regarding.kind, "Pod");
  EXPECT_EQ(regarding.name, (ObjectName{"n", "p"}));
  EXPECT_EQ(regarding.uid, "u");
}

}  // namespace
}  // namespace dohle::k8s
