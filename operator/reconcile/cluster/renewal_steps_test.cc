#include "operator/reconcile/cluster/renewal_steps.h"

#include <gtest/gtest.h>

#include "operator/reconcile/cluster/cluster_status.h"
#include "operator/reconcile/cluster/scale_steps.h"
#include "operator/reconcile/cluster/test_objects.h"
#include "operator/reconcile/cluster/test_topology.h"

namespace dohle::reconcile {
namespace {

using k8s::Json;

constexpr int64_t kNow = 1'767'226'200'000;

std::string Spec(const std::string& storage_class, const std::string& size = "10Gi") {
  return R"({"brokers":3,"storage":{"volumes":[{"name":"data","size":")" + size +
         R"(","storageClassName":")" + storage_class + R"("}]}})";
}

class RenewalStepsTest : public testing::Test {
 protected:
  RenewalStepsTest() : topology_({0, 1, 2}) {
    Turn(Spec("slow", "20Gi"));
    Turn(Spec("slow", "20Gi"));
  }

  // Plans, and takes all steps that nothing blocks; what is asked of the cluster itself is only told.
  std::string Turn(const std::string& spec) {
    const ClusterResource cluster = TestCluster(spec);
    const Formation formation = FormationOf(cluster, live_, &*topology_);
    const VolumeFindings findings = FindVolumes(cluster, formation, live_, &*topology_, kNow);
    std::vector<DesiredObject> desired = DesiredObjects(cluster, formation, live_, {});
    SizeClaims(cluster.spec.storage, findings, &desired);
    std::vector<PlannedStep> steps = PlanCluster(cluster.meta.name.name, cluster.meta.uid, desired, live_);
    Explain(cluster, formation, &steps);
    PermitStop(cluster, formation, &*topology_, kNow, &steps);
    for (PlannedStep& step : PlanScale(cluster, formation, BrokerPods(cluster, formation, live_), &*topology_,
                                       resources::Addressing::kDns))
      steps.push_back(std::move(step));
    for (PlannedStep& step : PlanRenewal(cluster, formation, live_, &*topology_))
      steps.push_back(std::move(step));
    for (const PlannedStep& step : steps) {
      if (step.blocked() || step.awaited) continue;
      if (step.body != nullptr) Store(live_, step.resource, *step.body);
      if (step.kind == PlannedStep::Kind::kDelete) live_[step.resource.plural].erase(step.name);
    }
    return ToText(steps);
  }

  LiveObjects live_;
  TestTopology topology_;
};

TEST_F(RenewalStepsTest, ABrokerIsEmptiedStoppedAndComesBackOnAnotherVolume) {
  topology_.Topic("single", {{1}}).Topic("spread", {{0, 1, 2}});
  EXPECT_EQ(
      Turn(Spec("fast")),
      R"(ApplyPersistentVolumeClaim PersistentVolumeClaim/data-quickstart-1: its broker gets volumes anew, and is emptied first
Cordon Broker/1: its volumes are made anew: it gets no new replicas
RenewVolumes Broker/1: volume data is of storage class slow and shall be of fast | blocked: it is to be closed to new replicas
RenewVolumes Broker/2: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
RenewVolumes Broker/0: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
)");
  topology_.Cordon(1);
  EXPECT_EQ(
      Turn(Spec("fast")),
      R"(MoveReplicas Broker/1: volume data is of storage class slow and shall be of fast: 1 of 2 replicas move to other brokers
RenewVolumes Broker/2: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
RenewVolumes Broker/0: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
)");
  topology_->partitions[0].replicas = topology_->partitions[0].in_sync = {NodeId(2)};
  EXPECT_EQ(
      Turn(Spec("fast")),
      R"(ApplyPersistentVolumeClaim PersistentVolumeClaim/data-quickstart-1: nobody misses its broker, and it is stopped to get volumes anew
StopBroker Pod/quickstart-broker-1: volume data is of storage class slow and shall be of fast, and nobody misses it meanwhile
RenewVolumes Broker/1: volume data is of storage class slow and shall be of fast | blocked: it is to be stopped
RenewVolumes Broker/2: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
RenewVolumes Broker/0: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
)");
  EXPECT_EQ(
      Turn(Spec("fast")),
      R"(RenewVolumes Broker/1: volume data is of storage class slow and shall be of fast | blocked: its broker serves still
RenewVolumes Broker/2: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
RenewVolumes Broker/0: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
)") << "its Pod is gone, which nobody else has noticed";
  topology_.Fence(1);
  topology_->partitions[1].in_sync = {NodeId(0), NodeId(2)};
  EXPECT_EQ(
      Turn(Spec("fast")),
      R"(DeleteClaim PersistentVolumeClaim/data-quickstart-1: volume data is of storage class slow and shall be of fast; nobody needs what is on it
RenewVolumes Broker/2: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
RenewVolumes Broker/0: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
)");
  EXPECT_EQ(Turn(Spec("fast")),
            R"(ApplyPersistentVolumeClaim PersistentVolumeClaim/data-quickstart-1: it doesn't exist yet
ApplyPod Pod/quickstart-broker-1: it doesn't exist yet
RenewVolumes Broker/2: volume data is of storage class slow and shall be of fast | blocked: broker 1 doesn't serve
RenewVolumes Broker/0: volume data is of storage class slow and shall be of fast | blocked: broker 1 doesn't serve
)") << "made anew";
  topology_.Broker(1).fenced = false;
  EXPECT_EQ(Turn(Spec("fast")), R"(Uncordon Broker/1: it stays, and takes replicas
RenewVolumes Broker/2: volume data is of storage class slow and shall be of fast | blocked: broker 1 takes no replicas yet
RenewVolumes Broker/0: volume data is of storage class slow and shall be of fast | blocked: broker 1 takes no replicas yet
)") << "opened again, and the next one waits until it is filled";
}

TEST_F(RenewalStepsTest, IsTakenBackHalfWay) {
  topology_.Topic("spread", {{0, 1, 2}});
  Turn(Spec("fast"));
  topology_.Cordon(1);
  EXPECT_EQ(Turn(Spec("slow", "20Gi")), R"(Uncordon Broker/1: it stays, and takes replicas
)");
}

TEST_F(RenewalStepsTest, ARaisedSizeIsLeftToTheNewVolume) {
  EXPECT_EQ(
      Turn(Spec("fast", "40Gi")),
      R"(ApplyPersistentVolumeClaim PersistentVolumeClaim/data-quickstart-1: its broker gets volumes anew, and is emptied first
Cordon Broker/1: its volumes are made anew: it gets no new replicas
RenewVolumes Broker/1: volume data is of storage class slow and shall be of fast | blocked: it is to be closed to new replicas
RenewVolumes Broker/2: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
RenewVolumes Broker/0: volume data is of storage class slow and shall be of fast | blocked: broker 1 is first
)");
}

}  // namespace
}  // namespace dohle::reconcile
