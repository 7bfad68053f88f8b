#include "operator/local/pod_runner.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/env/sim/sim_process_launcher.h"
#include "lib/http/http_server.h"
#include "operator/k8s/object.h"
#include "operator/local/testing/store_fixture.h"

namespace dohle::local {
namespace {

using env::ProcessSignal;
using k8s::Json;
using k8s::ObjectName;

const ObjectName kName{"default", "p"};
// Where the pod of that name runs: a host of the simulation.
std::string Address() {
  return ChooseLoopbackAddress("/data", kName, [](const std::string&) { return false; });
}

env::Task<http::HttpResponse> Answer(int status) {
  http::HttpResponse response;
  response.status = status;
  co_return response;
}

class PodRunnerTest : public StoreTest {
 protected:
  PodRunnerTest() : host_(world().AddNode(Address())) { NewRunner(); }

  void NewRunner() {
    PodRunner::Options options;
    options.data_directory = "/data";
    options.program_directory = "/bin";
    runner_ = std::make_unique<PodRunner>(node().env(), executor(), store(), launcher_, options);
    env::Spawn(executor(), runner_->Run());
  }

  Json Pod() {
    Json pod = k8s::NewObject(k8s::kPods, kName);
    pod["spec"] = Json::parse(R"({"terminationGracePeriodSeconds": 20, "containers": [
      {"name": "broker", "command": ["/dohle-broker"], "args": ["/mnt/x"],
       "volumeMounts": [{"name": "data", "mountPath": "/mnt"}]}],
      "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "claim"}}]})");
    return pod;
  }
  static Json Claim() {
    Json claim = k8s::NewObject(k8s::kPersistentVolumeClaims, {"default", "claim"});
    claim["spec"] = {{"resources", {{"requests", {{"storage", "1Gi"}}}}}};
    return claim;
  }
  void AddClaim() { ASSERT_TRUE(Do(store().Create(k8s::kPersistentVolumeClaims, Claim())).ok()); }
  void AddPod(const Json& pod) {
    AddClaim();
    ASSERT_TRUE(Do(store().Create(k8s::kPods, pod)).ok());
    ASSERT_TRUE(world().RunUntil([&] { return broker() != nullptr; }, absl::Minutes(1)));
  }
  std::shared_ptr<env::SimProcessState> broker() { return launcher_.Latest("dohle-broker"); }
  Json Stored() { return Do(store().Get(k8s::kPods, kName)).value_or(Json()); }
  bool Ready() {
    const Json pod = Stored();
    const Json* conditions = k8s::Find(pod, "status.conditions");
    if (conditions == nullptr) return false;
    for (const Json& condition : *conditions) {
      if (condition["type"] == "Ready") return condition["status"] == "True";
    }
    return false;
  }
  Json Container() { return Stored()["status"]["containerStatuses"][0]; }
  // The broker answers its probes with this from now on.
  void Serve(int* status) {
    std::vector<http::HttpRoute> routes;
    routes.push_back({"/readyz", [status] { return Answer(*status); }});
    server_ = http::HttpServer::Listen(host_.env(), {"", 9404}, std::move(routes)).value();
  }

  env::SimNode& host_;
  env::SimProcessLauncher launcher_;
  std::unique_ptr<PodRunner> runner_;
  std::unique_ptr<http::HttpServer> server_;
};

TEST_F(PodRunnerTest, RunsAPodOnItsClaim) {
  AddPod(Pod());
  EXPECT_EQ(broker()->spec.argv,
            (std::vector<std::string>{"/bin/dohle-broker", "/data/volumes/default/claim/x"}));
  world().RunFor(absl::Seconds(1));
  EXPECT_TRUE(node().env().file_system.Exists("/data/volumes/default/claim"));
  const Json pod = Stored();
  EXPECT_EQ(k8s::FindString(pod, "status.phase"), "Running");
  EXPECT_EQ(k8s::FindString(pod, "status.podIP"), Address());
  EXPECT_EQ(k8s::FindString(pod, "spec.nodeName"), "local");
  EXPECT_TRUE(Ready());
  EXPECT_TRUE(k8s::Find(Container(), "state.running") != nullptr);
  const Json claim = Do(store().Get(k8s::kPersistentVolumeClaims, {"default", "claim"})).value();
  EXPECT_EQ(k8s::FindString(claim, "status.phase"), "Bound");
  EXPECT_EQ(k8s::FindString(claim, "status.capacity.storage"), "1Gi");
  EXPECT_TRUE(Do(store().Get(k8s::kNodes, {"", "local"})).ok());
}

TEST_F(PodRunnerTest, WaitsForWhatThePodNeeds) {
  ASSERT_TRUE(Do(store().Create(k8s::kPods, Pod())).ok());
  world().RunFor(absl::Seconds(10));
  EXPECT_EQ(broker(), nullptr);
  EXPECT_EQ(k8s::FindString(Stored(), "status.phase"), "Pending");
  EXPECT_EQ(k8s::FindString(Container(), "state.waiting.reason"), "ContainerCreating");
  AddClaim();
  world().RunFor(absl::Seconds(2));
  EXPECT_NE(broker(), nullptr);
}

TEST_F(PodRunnerTest, RestartsAtOnceThenLaterAndLater) {
  AddPod(Pod());
  std::vector<int64_t> waits_s;
  for (int i = 0; i < 8; ++i) {
    const size_t before = launcher_.launched().size();
    broker()->Exit({1, 0});
    const env::MonotonicTime ended = world().now();
    ASSERT_TRUE(world().RunUntil([&] { return launcher_.launched().size() > before; }, absl::Minutes(10)));
    waits_s.push_back(absl::ToInt64Seconds(world().now() - ended));
  }
  EXPECT_EQ(waits_s, (std::vector<int64_t>{0, 10, 20, 40, 80, 160, 300, 300}));
  world().RunFor(absl::Seconds(1));
  EXPECT_EQ(Container()["restartCount"], 8);
  EXPECT_EQ(Container()["lastState"]["terminated"]["exitCode"], 1);
  // Ten good minutes, and all is forgotten.
  world().RunFor(absl::Minutes(11));
  broker()->Exit({0, 9});
  world().RunFor(absl::Milliseconds(500));
  EXPECT_EQ(Container()["restartCount"], 9);
  EXPECT_TRUE(broker()->running);
  EXPECT_EQ(Container()["lastState"]["terminated"]["signal"], 9);
}

TEST_F(PodRunnerTest, IsReadyWhenItsProbeSays) {
  Json pod = Pod();
  pod["spec"]["containers"][0]["readinessProbe"] = Json::parse(
      R"({"httpGet": {"path": "/readyz", "port": 9404}, "periodSeconds": 5, "failureThreshold": 2})");
  AddPod(pod);
  world().RunFor(absl::Seconds(1));
  EXPECT_FALSE(Ready());
  int status = 200;
  Serve(&status);
  world().RunFor(absl::Seconds(6));
  EXPECT_TRUE(Ready());
  status = 503;
  world().RunFor(absl::Seconds(4));
  EXPECT_TRUE(Ready()) << "one failure is none";
  world().RunFor(absl::Seconds(8));
  EXPECT_FALSE(Ready());
  EXPECT_TRUE(broker()->signals.empty());
}

TEST_F(PodRunnerTest, IsRestartedWhenItIsNotAlive) {
  Json pod = Pod();
  pod["spec"]["containers"][0]["livenessProbe"] = Json::parse(
      R"({"httpGet": {"path": "/readyz", "port": 9404}, "periodSeconds": 5, "failureThreshold": 3})");
  int status = 200;
  Serve(&status);
  AddPod(pod);
  world().RunFor(absl::Minutes(1));
  const auto first = broker();
  EXPECT_TRUE(first->running);
  first->on_terminate = [] {};  // it hangs
  status = 500;
  world().RunFor(absl::Seconds(16));
  EXPECT_EQ(first->signals, (std::vector<ProcessSignal>{ProcessSignal::kTerminate}));
  EXPECT_TRUE(first->running);
  world().RunFor(absl::Seconds(20));
  EXPECT_EQ(first->signals, (std::vector<ProcessSignal>{ProcessSignal::kTerminate, ProcessSignal::kKill}));
  status = 200;
  world().RunFor(absl::Seconds(1));
  EXPECT_TRUE(broker() != first && broker()->running);
}

TEST_F(PodRunnerTest, AStartupProbeHoldsTheOthersBack) {
  Json pod = Pod();
  pod["spec"]["containers"][0]["startupProbe"] = Json::parse(
      R"({"httpGet": {"path": "/readyz", "port": 9404}, "periodSeconds": 2, "failureThreshold": 5})");
  pod["spec"]["containers"][0]["livenessProbe"] =
      Json::parse(R"({"tcpSocket": {"port": 9404}, "periodSeconds": 1, "failureThreshold": 1})");
  AddPod(pod);
  world().RunFor(absl::Seconds(6));
  EXPECT_TRUE(broker()->signals.empty());
  EXPECT_EQ(Container()["started"], false);
  int status = 200;
  Serve(&status);
  world().RunFor(absl::Seconds(3));
  EXPECT_EQ(Container()["started"], true);
  EXPECT_TRUE(Ready());
  server_.reset();
  world().RunFor(absl::Seconds(3));
  EXPECT_FALSE(launcher_.launched()[0]->running);
}

TEST_F(PodRunnerTest, EndsWithGraceAndIsGone) {
  Json pod = Pod();
  pod["spec"]["containers"][0]["lifecycle"] = Json::parse(R"({"preStop": {"sleep": {"seconds": 5}}})");
  AddPod(pod);
  const auto process = broker();
  process->on_terminate = [] {};
  ASSERT_TRUE(Do(store().Delete(k8s::kPods, kName, {})).ok());
  world().RunFor(absl::Seconds(4));
  EXPECT_TRUE(process->signals.empty()) << "preStop";
  world().RunFor(absl::Seconds(2));
  EXPECT_EQ(process->signals, (std::vector<ProcessSignal>{ProcessSignal::kTerminate}));
  EXPECT_FALSE(Ready());
  world().RunFor(absl::Seconds(10));
  EXPECT_TRUE(process->running);
  world().RunFor(absl::Seconds(6));
  EXPECT_FALSE(process->running) << "20 s of grace are over";
  EXPECT_EQ(Do(store().Get(k8s::kPods, kName)).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(launcher_.launched().size(), 1u);
  EXPECT_FALSE(node().env().file_system.Exists("/data/pods/default/p"));
  EXPECT_TRUE(node().env().file_system.Exists("/data/volumes/default/claim"));
  ASSERT_TRUE(Do(store().Delete(k8s::kPersistentVolumeClaims, {"default", "claim"}, {})).ok());
  world().RunFor(absl::Seconds(1));
  EXPECT_FALSE(node().env().file_system.Exists("/data/volumes/default/claim"));
}

TEST_F(PodRunnerTest, AClaimInUseKeepsItsData) {
  AddPod(Pod());
  ASSERT_TRUE(Do(store().Delete(k8s::kPersistentVolumeClaims, {"default", "claim"}, {})).ok());
  world().RunFor(absl::Seconds(5));
  EXPECT_TRUE(node().env().file_system.Exists("/data/volumes/default/claim"));
  ASSERT_TRUE(Do(store().Delete(k8s::kPods, kName, {})).ok());
  world().RunFor(absl::Seconds(2));
  EXPECT_FALSE(node().env().file_system.Exists("/data/volumes/default/claim"));
}

TEST_F(PodRunnerTest, AnotherClaimOfTheSameNameIsEmpty) {
  AddPod(Pod());
  const std::string file = "/data/volumes/default/claim/x";
  ASSERT_TRUE(node().env().file_system.WriteWhole(file, "data").ok());
  ASSERT_TRUE(Do(store().Delete(k8s::kPersistentVolumeClaims, {"default", "claim"}, {})).ok());
  EXPECT_EQ(Do(store().Create(k8s::kPersistentVolumeClaims, Claim())).status().code(),
            StatusCode::kAlreadyExists)
      << "it goes when nobody uses it any more";
  ASSERT_TRUE(Do(store().Delete(k8s::kPods, kName, {})).ok());
  world().RunFor(absl::Milliseconds(50));
  // The next Pod comes at once, and waits for the next claim.
  ASSERT_TRUE(Do(store().Create(k8s::kPods, Pod())).ok());
  world().RunFor(absl::Seconds(5));
  EXPECT_FALSE(node().env().file_system.Exists(file));
  EXPECT_EQ(launcher_.launched().size(), 1U);
  AddClaim();
  world().RunFor(absl::Seconds(5));
  EXPECT_EQ(launcher_.launched().size(), 2U);
  EXPECT_TRUE(node().env().file_system.Exists("/data/volumes/default/claim"));
}

TEST_F(PodRunnerTest, APodOfTheSameNameComesAfterTheOther) {
  AddPod(Pod());
  const auto first = broker();
  first->on_terminate = [] {};
  k8s::DeleteOptions force;
  force.grace_period_s = 0;
  ASSERT_TRUE(Do(store().Delete(k8s::kPods, kName, force)).ok());
  ASSERT_TRUE(Do(store().Create(k8s::kPods, Pod())).ok());
  world().RunFor(absl::Seconds(2));
  EXPECT_FALSE(first->running);
  EXPECT_TRUE(broker() != first && broker()->running);
  EXPECT_EQ(k8s::FindString(Stored(), "status.podIP"), Address());
}

TEST_F(PodRunnerTest, AProgramThatIsNotThereIsTold) {
  launcher_ = env::SimProcessLauncher([](const auto&) {
    return MakeStatus(StatusCode::kNotFound, "cannot run /bin/dohle-broker: No such file or directory");
  });
  AddClaim();
  ASSERT_TRUE(Do(store().Create(k8s::kPods, Pod())).ok());
  world().RunFor(absl::Seconds(2));
  EXPECT_EQ(k8s::FindString(Container(), "state.waiting.reason"), "RunContainerError");
}

TEST_F(PodRunnerTest, StopsWithGraceAndGoesOnAfterARestart) {
  AddPod(Pod());
  const auto stop = [](PodRunner* runner) -> env::Task<bool> {
    co_await runner->Stop();
    co_return true;
  };
  EXPECT_TRUE(Do(stop(runner_.get())));
  EXPECT_FALSE(broker()->running);
  EXPECT_EQ(broker()->signals, (std::vector<ProcessSignal>{ProcessSignal::kTerminate}));
  EXPECT_FALSE(Stored().is_null()) << "the pod stays";
  Restart();
  runner_.reset();
  NewRunner();
  world().RunFor(absl::Seconds(2));
  ASSERT_EQ(launcher_.launched().size(), 2u);
  EXPECT_TRUE(Ready());
  EXPECT_EQ(Container()["restartCount"], 1);
}

}  // namespace
}  // namespace dohle::local
