#include "operator/k8s/lease.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/k8s/object.h"

namespace dohle::k8s {
namespace {

TEST(LeaseTest, ReadsWhatItWrites) {
  Lease lease;
  lease.name = {"n", "dohle-operator"};
  lease.holder = "pod-1";
  lease.duration_s = 15;
  lease.acquire_time_ms = 1795262400123;
  lease.renew_time_ms = 1795262405000;
  lease.transitions = 3;
  const Json written = WriteLease(lease, Json());
  EXPECT_EQ(written["apiVersion"], "coordination.k8s.io/v1");
  EXPECT_EQ(written["spec"]["renewTime"], "2026-11-21T12:00:05.000000Z");
  const StatusOr<Lease> read = ReadLease(written);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, lease);
}

TEST(LeaseTest, LeavesTheRestAndDropsWhatIsUnset) {
  const StatusOr<Json> stored = ParseJson(R"({"kind": "Lease", "metadata": {"name": "l", "namespace": "n",
    "resourceVersion": "9", "labels": {"a": "b"}}, "spec": {"holderIdentity": "x", "strategy": "other",
    "leaseDurationSeconds": 15, "acquireTime": null, "renewTime": "2026-11-21T12:00:05.123456Z"}})");
  ASSERT_TRUE(stored.ok()) << stored.status();
  StatusOr<Lease> lease = ReadLease(*stored);
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ(lease->resource_version, "9");
  EXPECT_EQ(lease->renew_time_ms, 1795262405123);
  EXPECT_EQ(lease->acquire_time_ms, std::nullopt);
  lease->holder.clear();
  const Json written = WriteLease(*lease, *stored);
  EXPECT_FALSE(written["spec"].contains("holderIdentity"));
  EXPECT_FALSE(written["spec"].contains("acquireTime"));
  EXPECT_EQ(written["spec"]["strategy"], "other");
  EXPECT_EQ(written["metadata"]["labels"]["a"], "b");
  EXPECT_EQ(written["metadata"]["resourceVersion"], "9");
}

TEST(LeaseTest, RefusesOtherTypes) {
  EXPECT_TRUE(ReadLease({{"metadata", {{"name", "l"}}}}).ok());
  for (const char* spec : {R"(5)", R"({"holderIdentity": 5})", R"({"leaseDurationSeconds": "15"})",
                           R"({"leaseDurationSeconds": -1})", R"({"leaseTransitions": 1.5})",
                           R"({"renewTime": "soon"})", R"({"acquireTime": 5})"}) {
    const Json object = {{"metadata", {{"name", "l"}}}, {"spec", Json::parse(spec)}};
    EXPECT_EQ(ReadLease(object).status().code(), StatusCode::kInvalidArgument) << spec;
  }
}

}  // namespace
}  // namespace dohle::k8s
