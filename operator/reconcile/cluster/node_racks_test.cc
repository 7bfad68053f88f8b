#include "operator/reconcile/cluster/node_racks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using k8s::Json;
using ::testing::HasSubstr;

DesiredObject DesiredPod() {
  DesiredObject pod{k8s::kPods, k8s::NewObject(k8s::kPods, {"ns", "demo-broker-0"}), ""};
  pod.body["metadata"]["annotations"][std::string(resources::kRevisionAnnotation)] = "r";
  return pod;
}

LiveObjects LivePod(const std::string& uid) {
  Json body = k8s::NewObject(k8s::kPods, {"ns", "demo-broker-0"});
  body["metadata"]["uid"] = uid;
  LiveObjects live;
  auto pod = std::make_shared<OwnedObject>(ReadOwnedObject(body).value());
  live[k8s::kPods.plural].emplace(pod->meta.name, pod);
  return live;
}

Json Metadata(const RackFinding& finding, const LiveObjects& live) {
  std::vector<DesiredObject> desired{DesiredPod()};
  AddRacks({{"demo-broker-0", finding}}, live, &desired);
  return desired[0].body["metadata"];
}

TEST(AddRacksTest, ThePodThatWasLookedAtIsTold) {
  const Json metadata = Metadata({"u", "n1", "zone-a", false, ""}, LivePod("u"));
  EXPECT_EQ(metadata["uid"], "u");
  EXPECT_EQ(metadata["annotations"],
            Json({{"dohle.dev/rack", "zone-a"}, {"dohle.dev/rack-node", "n1"}, {"dohle.dev/revision", "r"}}));
}

TEST(AddRacksTest, AnotherPodIsNot) {
  EXPECT_EQ(Metadata({"u", "n1", "zone-a", false, ""}, LivePod("another")), DesiredPod().body["metadata"]);
  EXPECT_EQ(Metadata({"u", "n1", "zone-a", false, ""}, {}), DesiredPod().body["metadata"]);
}

TEST(AddRacksTest, ABrokerThatStartedWithoutARackIsRestartedOnceThereIsOne) {
  EXPECT_EQ(Metadata({"u", "n1", "", true, "none"}, LivePod("u"))["annotations"]["dohle.dev/revision"], "r");
  EXPECT_EQ(Metadata({"u", "n1", "zone-a", true, ""}, LivePod("u"))["annotations"]["dohle.dev/revision"],
            "r-rack");
}

TEST(RackProblemTest, IsTheFirstOne) {
  EXPECT_EQ(RackProblem({{"a", {"u", "n1", "zone-a", false, ""}}}), "");
  EXPECT_EQ(RackProblem({{"a", {"u", "n1", "zone-a", false, ""}}, {"b", {"v", "n2", "", false, "why"}}}),
            "why");
}

}  // namespace
}  // namespace dohle::reconcile
