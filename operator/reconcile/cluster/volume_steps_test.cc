#include "operator/reconcile/cluster/volume_steps.h"

#include <gtest/gtest.h>

#include "operator/reconcile/cluster/cluster_status.h"
#include "operator/reconcile/cluster/test_objects.h"
#include "operator/reconcile/cluster/test_topology.h"

namespace dohle::reconcile {
namespace {

using k8s::Json;

// 2026-01-01T00:10:00Z.
constexpr int64_t kNow = 1'767'226'200'000;

class VolumeStepsTest : public testing::Test {
 protected:
  // What is planned for a Cluster with that storage, of what is live.
  std::string Plan(const std::string& storage, const Topology* topology = nullptr) {
    const ClusterResource cluster = TestCluster(R"({"storage":)" + storage + "}");
    const Formation formation = FormationOf(cluster, live_, nullptr);
    const VolumeFindings findings = FindVolumes(cluster, formation, live_, topology, kNow);
    std::vector<DesiredObject> desired = DesiredObjects(cluster, live_, {});
    SizeClaims(cluster.spec.storage, findings, &desired);
    steps_ = PlanCluster(cluster.meta.name.name, cluster.meta.uid, desired, live_);
    std::vector<PlannedStep> growth = TakeGrowth(cluster, findings, &steps_);
    PlanRemounts(cluster, findings, live_, &steps_);
    for (PlannedStep& step : growth) steps_.push_back(std::move(step));
    return ToText(steps_);
  }
  // Takes them.
  void Act(const Json& claim_status = Json::object()) {
    for (const PlannedStep& step : steps_) {
      if (step.body == nullptr) continue;
      Json more = Json::object();
      if (step.resource == k8s::kPersistentVolumeClaims) more["status"] = claim_status;
      if (step.resource == k8s::kPods) {
        more["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z";
        more["status"] = {{"phase", "Running"}};
      }
      Store(live_, step.resource, *step.body, more);
    }
  }
  static Json Has(const std::string& size) { return {{"phase", "Bound"}, {"capacity", {{"storage", size}}}}; }

  LiveObjects live_;
  std::vector<PlannedStep> steps_;
};

constexpr char k10[] = R"({"volumes":[{"name":"data","size":"10Gi"}]})";
constexpr char k20[] = R"({"volumes":[{"name":"data","size":"20Gi"}]})";

TEST_F(VolumeStepsTest, GrowsInPlaceAndIsFollowedToTheEnd) {
  Plan(k10);
  Act(Has("10Gi"));
  EXPECT_EQ(Plan(k10), "");
  EXPECT_EQ(Plan(k20),
            "GrowVolume PersistentVolumeClaim/data-quickstart-0: it grows from 10Gi to 20Gi, as is asked\n");
  EXPECT_TRUE(steps_.at(0).background);
  Act(Has("10Gi"));
  EXPECT_EQ(Plan(k20),
            "GrowVolume PersistentVolumeClaim/data-quickstart-0: it grows from 10Gi to 20Gi | blocked: its "
            "storage driver hasn't begun\n");
  EXPECT_TRUE(steps_.at(0).awaited);
  Store(live_, k8s::kPersistentVolumeClaims, *live_["persistentvolumeclaims"].begin()->second->body,
        {{"status", Has("20Gi")}});
  EXPECT_EQ(Plan(k20), "");
}

TEST_F(VolumeStepsTest, RestartsABrokerWhoseFileSystemWaits) {
  Plan(k10);
  Act(Has("10Gi"));
  Plan(k20);
  Json status = Has("10Gi");
  status["conditions"] = {{{"type", "FileSystemResizePending"},
                           {"status", "True"},
                           {"lastTransitionTime", "2026-01-01T00:01:00Z"}}};
  Act(status);
  EXPECT_EQ(
      Plan(k20),
      "RestartBroker Pod/quickstart-broker-0: the file system of volume data grows only when it is mounted "
      "anew\n"
      "GrowVolume PersistentVolumeClaim/data-quickstart-0: it grows from 10Gi to 20Gi | blocked: its file "
      "system grows only when it is mounted anew: its broker is to be restarted\n");
  EXPECT_EQ(steps_.at(0).restarts, NodeId(0));
  EXPECT_EQ(steps_.at(0).uid, "uid-of-quickstart-broker-0");
}

TEST_F(VolumeStepsTest, GrowsAFullVolumeUpToItsLimit) {
  const std::string storage = R"({"volumes":[{"name":"data","size":"10Mi"}],"autoGrow":{"maxSize":"12Mi"}})";
  Plan(storage);
  Act(Has("10Mi"));
  TestTopology topology({0});
  topology.Broker(0).log_dirs = {{.path = "/var/lib/dohle/data/log", .bytes = 9 << 20}};
  EXPECT_EQ(
      Plan(storage, &*topology),
      "GrowVolume PersistentVolumeClaim/data-quickstart-0: it is 90 % full (9437184 of 10485760 bytes), "
      "more than 80 %: it grows from 10Mi to 12Mi, 12Mi at most\n");
  Act(Has("12Mi"));
  topology.Broker(0).log_dirs[0].bytes = 11 << 20;
  EXPECT_EQ(
      Plan(storage, &*topology),
      "GrowVolume PersistentVolumeClaim/data-quickstart-0: it is to grow before it is full | blocked: it is "
      "92 % full (11534336 of 12582912 bytes), more than 80 %, and has reached its limit of 12Mi: raise "
      "autoGrow.maxSize, or keep less\n");
  EXPECT_EQ(steps_.at(0).degraded_as, kReasonVolumeFull);
  EXPECT_EQ(Plan(storage, nullptr), "") << "what was grown stays";
}

TEST_F(VolumeStepsTest, ClaimsOfOlderOperatorsAreToldTheirSize) {
  const ClusterResource cluster = TestCluster();
  live_ = AsAsked(cluster);
  EXPECT_EQ(Plan(k10),
            "ApplyPersistentVolumeClaim PersistentVolumeClaim/data-quickstart-0: "
            "metadata.annotations.dohle.dev/size differs from what is asked\n");
}

TEST_F(VolumeStepsTest, ARefusalOfGrowthSaysWhatToDo) {
  Plan(k10);
  Act(Has("10Gi"));
  Plan(k20);
  const Status refused = MakeStatus(StatusCode::kPermissionDenied, "forbidden");
  EXPECT_EQ(
      Message(ExplainRefusal(steps_.at(0), refused)),
      "forbidden. Storage grows only where its StorageClass has allowVolumeExpansion: true: set it there, "
      "or set the size back");
  EXPECT_EQ(Message(ExplainRefusal(PlannedStep{}, refused)), "forbidden");
}

}  // namespace
}  // namespace dohle::reconcile
