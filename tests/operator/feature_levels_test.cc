// The levels to which the operator raises a cluster are those with which brokers of that version make one.

#include <gtest/gtest.h>

#include "broker/metadata/format.h"
#include "operator/reconcile/upgrading/upgrade_plan.h"

namespace dohle::reconcile {
namespace {

TEST(FeatureLevelsTest, AreThoseOfNewClusters) {
  Features features;
  for (const auto& [name, range] : metadata::BrokerSupportedFeatures()) features[name].max = range.max;
  for (int16_t level = metadata::kMinMetadataVersion; level <= metadata::kLatestMetadataVersion; ++level) {
    features[kMetadataVersion].max = level;
    EXPECT_EQ(LevelsOfNewClusters(features), metadata::DefaultFeatureLevels(level)) << level;
  }
}

}  // namespace
}  // namespace dohle::reconcile
