#include "broker/controller/features.h"

#include "broker/controller/test_cluster.h"

namespace dohle::controller {
namespace {

using testing::TestCluster;

kafka::UpdateFeaturesRequest Request(std::string_view feature, int16_t level, int8_t type = 1) {
  kafka::UpdateFeaturesRequest request;
  auto& update = request.feature_updates.emplace_back();
  update.feature = std::string(feature);
  update.max_version_level = level;
  update.upgrade_type = type;
  return request;
}

class FeaturesTest : public ::testing::Test {
 protected:
  // "" if it is done.
  std::string Update(const kafka::UpdateFeaturesRequest& request, const std::vector<NodeId>& voters = {}) {
    auto decision = UpdateFeatures(cluster.Context(), request, 1, voters);
    cluster.Replay(decision.records);
    if (decision.response.error_code == 0) return "";
    EXPECT_EQ(decision.response.error_code, kafka::ToCode(ErrorCode::kInvalidUpdateVersion));
    EXPECT_TRUE(decision.records.empty());
    return std::string(decision.response.error_message->view());
  }
  static metadata::BrokerRegistration Broker(int id, int16_t metadata_version) {
    metadata::BrokerRegistration broker;
    broker.id = NodeId(id);
    broker.features = metadata::BrokerSupportedFeatures();
    broker.features[std::string(metadata::kMetadataVersion)].max = metadata_version;
    return broker;
  }
  void RegisterController(int id, int16_t metadata_version) {
    metadata::ControllerRegistration controller;
    controller.id = NodeId(id);
    controller.features = metadata::BrokerSupportedFeatures();
    controller.features[std::string(metadata::kMetadataVersion)].max = metadata_version;
    cluster.Replay(metadata::ToRecord(controller));
  }

  static constexpr std::string_view kFailed =
      "The update failed for all features since the following feature had an error: ";
  TestCluster cluster{25, /*elr=*/false};
};

TEST_F(FeaturesTest, EveryBrokerMustSupportTheLevel) {
  cluster.AddBrokers({1, 2});
  cluster.Set(Broker(3, 28));
  EXPECT_EQ(
      Update(Request(metadata::kMetadataVersion, 29)),
      std::string(kFailed) +
          "Invalid update version 29 for feature metadata.version. Broker 3 only supports versions 7-28");
  EXPECT_EQ(Update(Request(metadata::kMetadataVersion, 28)), "");
  EXPECT_EQ(cluster.image().features.metadata_version(), 28);
}

TEST_F(FeaturesTest, SoMustEveryController) {
  RegisterController(101, 28);
  EXPECT_EQ(Update(Request(metadata::kMetadataVersion, 29)),
            std::string(kFailed) +
                "Invalid update version 29 for feature metadata.version. Controller 101 "
                "only supports versions 7-28");
  EXPECT_EQ(Update(Request(metadata::kMetadataVersion, 28), {NodeId(100), NodeId(101)}), "");
}

TEST_F(FeaturesTest, OfAVoterThatIsntRegisteredNothingIsKnown) {
  EXPECT_EQ(Update(Request(metadata::kMetadataVersion, 28), {NodeId(100), NodeId(101)}),
            std::string(kFailed) +
                "Invalid update version 28 for feature metadata.version. controller 101 has "
                "not registered, and may not support this feature");
  // Below 3.7-IV0 there are no registrations.
  cluster.SetFeature(metadata::kMetadataVersion, 14);
  EXPECT_EQ(Update(Request(metadata::kMetadataVersion, 28), {NodeId(100), NodeId(101)}), "");
}

TEST_F(FeaturesTest, AllOrNothing) {
  auto request = Request(metadata::kMetadataVersion, 28);
  auto& other = request.feature_updates.emplace_back();
  other.feature = "unheard.of";
  other.max_version_level = 3;
  other.upgrade_type = 1;
  EXPECT_NE(Update(request), "");
  EXPECT_EQ(cluster.image().features.metadata_version(), 25);
}

}  // namespace
}  // namespace dohle::controller
