#include "operator/reconcile/upgrading/broker_image.h"

#include <gtest/gtest.h>

namespace dohle::reconcile {
namespace {

RunningBroker Broker(const std::string& image, bool ready = true) { return {0, image, "", ready}; }

TEST(BrokerImageTest, WhatIsAskedForIsRun) {
  EXPECT_EQ(ImageToRun({"asked", false, "proven", "operators"}, {Broker("running")}), "asked");
  EXPECT_EQ(ImageToRun({"asked", true, "proven", "operators"}, {}), "asked");
}

TEST(BrokerImageTest, ANewClusterGetsTheOperatorsImage) {
  EXPECT_EQ(ImageToRun({"", false, "", "operators"}, {}), "operators");
  EXPECT_EQ(ImageToRun({"", false, "", "operators"}, {Broker("broken", false)}), "operators");
}

TEST(BrokerImageTest, AnotherOperatorChangesNothingUnlessItIsFollowed) {
  EXPECT_EQ(ImageToRun({"", false, "proven", "operators"}, {Broker("proven")}), "proven");
  EXPECT_EQ(ImageToRun({"", false, "proven", "operators"}, {}), "proven") << "hibernated";
  EXPECT_EQ(ImageToRun({"", true, "proven", "operators"}, {Broker("proven")}), "operators");
}

TEST(BrokerImageTest, AClusterOfAnOperatorThatDidNotTellKeepsWhatServes) {
  EXPECT_EQ(ImageToRun({"", false, "", "operators"}, {Broker("", false), Broker("running")}), "running");
}

TEST(BrokerImageTest, AnImageIsProvenOnceAllRunIt) {
  EXPECT_EQ(ProvenImage({}), "");
  EXPECT_EQ(ProvenImage({Broker("a"), Broker("a")}), "a");
  EXPECT_EQ(ProvenImage({Broker("a"), Broker("b")}), "");
  EXPECT_EQ(ProvenImage({Broker("a"), Broker("a", false)}), "");
  EXPECT_EQ(ProvenImage({Broker("a"), Broker("", false)}), "");
}

}  // namespace
}  // namespace dohle::reconcile
