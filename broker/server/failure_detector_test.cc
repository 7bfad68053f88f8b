#include "broker/server/failure_detector.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "broker/controller/test_node.h"
#include "broker/server/request_context.h"
#include "lib/env/sleep.h"
#include "lib/kafka/error_code.h"

namespace dohle::server {
namespace {

using controller::testing::TestNode;

constexpr NodeId kOther{2};
constexpr int kPatienceMs = 20'000;

// A controller, and a broker of another node that is registered where a listener of the test stands for it.
class FailureDetectorTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(node_.Format().ok());
    ASSERT_TRUE(node_.Begin().ok());
    const auto keep = [this](std::unique_ptr<env::Connection> stream) {
      accepted_.push_back(std::move(stream));
    };
    auto listener = node_.env().transport.Listen({"127.0.0.1", 0}, {node_.env().executors.data(), 1}, keep);
    ASSERT_TRUE(listener.ok());
    listener_ = std::move(*listener);
    detector_ = std::make_unique<FailureDetector>(NodeId(1), "PLAINTEXT", node_.controller(),
                                                  node_.log().cache(), node_.env());
    Register(Uuid(7, 7), 0);
  }
  void TearDown() override {
    // What was accepted belongs to the executor's thread.
    node_.Await(Drop(&accepted_));
    listener_.reset();
  }
  static env::Task<bool> Drop(std::vector<std::unique_ptr<env::Connection>>* accepted) {
    accepted->clear();
    co_return true;
  }

  kafka::BrokerRegistrationRequest Request(Uuid incarnation) {
    kafka::BrokerRegistrationRequest request;
    request.broker_id = kOther.value();
    request.cluster_id = "4L6g3nShT-eMCtK--X86sw";
    request.incarnation_id = incarnation;
    auto& listener = request.listeners.emplace_back();
    listener.name = "PLAINTEXT";
    listener.host = "127.0.0.1";
    listener.port = listener_->local().port;
    for (const auto& [name, range] : metadata::BrokerSupportedFeatures()) {
      auto& feature = request.features.emplace_back();
      feature.name = name;
      feature.min_supported_version = range.min;
      feature.max_supported_version = range.max;
    }
    request.rack.reset();
    request.log_dirs = {Uuid(5, 5)};
    return request;
  }
  // The answer must be `error`; without one the broker is unfenced, too.
  void Register(Uuid incarnation, int16_t error) {
    const auto request = Request(incarnation);
    auto answer = node_.Await(node_.controller().RegisterBroker(request));
    ASSERT_TRUE(answer.ok());
    ASSERT_EQ(answer->error_code, error);
    if (error != 0) return;
    kafka::BrokerHeartbeatRequest beat;
    beat.broker_id = kOther.value();
    beat.broker_epoch = answer->broker_epoch;
    beat.current_metadata_offset = node_.image().provenance.last_contained_offset.value();
    auto heard = node_.Await(node_.controller().BrokerHeartbeat(beat));
    ASSERT_TRUE(heard.ok());
    ASSERT_FALSE(heard->is_fenced);
  }

  // On the executor's thread, as connections do.
  static env::Task<bool> Hear(FailureDetector* detector, ConnectionInfo* connection) {
    detector->Heard(kOther, *connection);
    co_return true;
  }
  static env::Task<bool> End(ConnectionInfo* connection) {
    std::exchange(connection->on_end, nullptr)();
    co_return true;
  }
  static env::Task<bool> FencedWithin(TestNode* node, int ms) {
    for (int i = 0; i < ms; ++i) {
      const metadata::ImagePtr image = node->log().cache().Current();
      if (image->cluster.Broker(kOther)->fenced) co_return true;
      co_await env::Sleep(absl::Milliseconds(1));
    }
    co_return false;
  }
  bool Fenced(int within_ms) { return node_.Await(FencedWithin(&node_, within_ms)); }

  TestNode node_;
  std::vector<std::unique_ptr<env::Connection>> accepted_;
  std::unique_ptr<env::Listener> listener_;
  std::unique_ptr<FailureDetector> detector_;
};

TEST_F(FailureDetectorTest, WhoseConnectionClosesAndWhoRefusesIsFenced) {
  ConnectionInfo connection;
  node_.Await(Hear(detector_.get(), &connection));
  ASSERT_TRUE(connection.on_end);
  listener_->Stop();
  node_.Await(End(&connection));
  EXPECT_TRUE(Fenced(kPatienceMs));
}

TEST_F(FailureDetectorTest, WhoStillListensIsLeftAlone) {
  ConnectionInfo connection;
  node_.Await(Hear(detector_.get(), &connection));
  node_.Await(End(&connection));
  // Long enough for the look; its session lasts much longer.
  EXPECT_FALSE(Fenced(500));
  // Its session goes on: another process must wait, unless the connection counts.
  Register(Uuid(8, 8), static_cast<int16_t>(kafka::ErrorCode::kDuplicateBrokerRegistration));
  EXPECT_TRUE(node_.Await(detector_->FenceIfLost(kOther)));
  Register(Uuid(8, 8), 0);
}

TEST_F(FailureDetectorTest, AConnectionThatStaysProtectsItsBroker) {
  ConnectionInfo first;
  ConnectionInfo second;
  node_.Await(Hear(detector_.get(), &first));
  node_.Await(Hear(detector_.get(), &second));
  node_.Await(End(&first));
  EXPECT_FALSE(node_.Await(detector_->FenceIfLost(kOther)));
}

env::Task<bool> LookAtAll(FailureDetector* detector) {
  detector->LookAtAll();
  co_return true;
}

TEST_F(FailureDetectorTest, ANewControllerLooksAtEveryBroker) {
  listener_->Stop();
  node_.Await(LookAtAll(detector_.get()));
  EXPECT_TRUE(Fenced(kPatienceMs));
}

}  // namespace
}  // namespace dohle::server
