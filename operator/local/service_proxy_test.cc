#include "operator/local/service_proxy.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/env/sleep.h"
#include "operator/k8s/object.h"
#include "operator/local/testing/store_fixture.h"

namespace dohle::local {
namespace {

using k8s::Json;

// Says its name, then gives back what it gets.
env::Task<void> Echo(std::unique_ptr<env::Connection> connection, std::string name) {
  Status status = co_await env::WriteAll(*connection, name);
  std::string buffer(1000, '\0');
  while (status.ok()) {
    const StatusOr<size_t> got = co_await env::ReadSome(*connection, buffer.data(), buffer.size());
    if (!got.ok() || *got == 0) co_return;
    const std::string_view data(buffer.data(), *got);
    status = co_await env::WriteAll(*connection, data);
  }
}

class ServiceProxyTest : public StoreTest {
 protected:
  ServiceProxyTest()
      : client_(world().AddNode("client")),
        proxy_(std::make_unique<ServiceProxy>(node().env(), executor(), store())) {
    env::Spawn(executor(), proxy_->Run());
  }

  void AddPod(const std::string& name, const std::string& ip, bool ready) {
    env::SimNode& host = world().AddNode(ip);
    listeners_.push_back(host.env()
                             .transport
                             .Listen({"", 9092}, host.env().executors,
                                     [name](std::unique_ptr<env::Connection> connection) {
                                       env::Executor& executor = connection->executor();
                                       env::Spawn(executor, Echo(std::move(connection), name));
                                     })
                             .value());
    Json pod = k8s::NewObject(k8s::kPods, {"default", name});
    pod["metadata"]["labels"] = {{"app", "x"}};
    pod["spec"]["containers"] =
        Json::parse(R"([{"name": "b", "ports": [{"name": "kafka", "containerPort": 9092}]}])");
    ASSERT_TRUE(Do(store().Create(k8s::kPods, pod)).ok());
    SetReady(name, ip, ready);
  }
  void SetReady(const std::string& name, const std::string& ip, bool ready) {
    const Json patch = {
        {"status",
         {{"podIP", ip}, {"conditions", {{{"type", "Ready"}, {"status", ready ? "True" : "False"}}}}}}};
    ASSERT_TRUE(Do(store().MergePatch(k8s::kPods, {"default", name}, patch, k8s::Subresource::kStatus)).ok());
    world().RunFor(absl::Milliseconds(100));
  }
  void AddService(int node_port) {
    Json service = k8s::NewObject(k8s::kServices, {"default", "s"});
    service["metadata"]["annotations"][kLocalPortAnnotation] = "9092";
    service["spec"] = {{"selector", {{"app", "x"}}},
                       {"ports", {{{"port", 1}, {"targetPort", "kafka"}, {"nodePort", node_port}}}}};
    ASSERT_TRUE(Do(store().Apply(k8s::kServices, service, {"test"})).ok());
    world().RunFor(absl::Milliseconds(100));
  }

  static env::Task<void> AskTask(env::Env* env, uint16_t port, std::string data,
                                 std::optional<std::string>* out) {
    const env::Endpoint endpoint{"operator", port};
    auto connection = co_await env->transport.Connect(*env->executors[0], endpoint, absl::Seconds(5));
    std::string answer;
    if (connection.ok()) {
      Status status = co_await env::WriteAll(**connection, data);
      std::string buffer(100'000, '\0');
      while (status.ok() && answer.size() < 2 + data.size()) {
        const StatusOr<size_t> got = co_await env::ReadSome(**connection, buffer.data(), buffer.size());
        if (!got.ok() || *got == 0) break;
        answer.append(buffer, 0, *got);
      }
    }
    out->emplace(std::move(answer));
  }
  std::string Ask(uint16_t port, std::string data = "hello") {
    std::optional<std::string> answer;
    env::Spawn(*client_.env().executors[0], AskTask(&client_.env(), port, std::move(data), &answer));
    EXPECT_TRUE(world().RunUntil([&] { return answer.has_value(); }, absl::Minutes(5)));
    return answer.value_or("");
  }

  env::SimNode& client_;
  std::vector<std::unique_ptr<env::Listener>> listeners_;
  std::unique_ptr<ServiceProxy> proxy_;
};

TEST_F(ServiceProxyTest, LeadsToReadyPodsInTurn) {
  AddService(30092);
  EXPECT_EQ(Ask(30092), "") << "no pod yet";
  AddPod("p0", "127.0.1.1", true);
  AddPod("p1", "127.0.1.2", false);
  EXPECT_EQ(Ask(30092), "p0hello");
  EXPECT_EQ(Ask(9092), "p0hello");
  SetReady("p1", "127.0.1.2", true);
  const std::string one = Ask(30092).substr(0, 2);
  const std::string two = Ask(30092).substr(0, 2);
  EXPECT_NE(one, two);
  SetReady("p0", "127.0.1.1", false);
  EXPECT_EQ(Ask(30092), "p1hello");
  const std::string large(300'000, 'x');
  EXPECT_EQ(Ask(30092, large), "p1" + large);
}

TEST_F(ServiceProxyTest, FollowsTheService) {
  AddPod("p0", "127.0.1.1", true);
  AddService(30092);
  AddService(30093);
  EXPECT_EQ(Ask(30092), "");
  EXPECT_EQ(Ask(30093), "p0hello");
  ASSERT_TRUE(Do(store().Delete(k8s::kServices, {"default", "s"}, {})).ok());
  world().RunFor(absl::Milliseconds(100));
  EXPECT_EQ(Ask(30093), "");
}

TEST_F(ServiceProxyTest, StopEndsWhatItCarries) {
  AddPod("p0", "127.0.1.1", true);
  AddService(30092);
  std::optional<std::string> answer;
  // Waits for more than comes.
  env::Spawn(*client_.env().executors[0], AskTask(&client_.env(), 30092, "", &answer));
  world().RunFor(absl::Seconds(1));
  world().RunFor(absl::Seconds(1));
  EXPECT_EQ(answer, "p0");
  proxy_->Stop();
  EXPECT_EQ(Ask(30092), "");
}

}  // namespace
}  // namespace dohle::local
