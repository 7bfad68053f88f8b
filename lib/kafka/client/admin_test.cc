#include "lib/kafka/client/admin.h"

#include <gtest/gtest.h>

#include "lib/env/sim/sim_world.h"
#include "lib/kafka/client/kafka_status.h"
#include "lib/kafka/client/test_broker.h"
#include "lib/kafka/messages/create_topics_request.h"
#include "lib/kafka/messages/create_topics_response.h"
#include "lib/kafka/messages/describe_configs_request.h"
#include "lib/kafka/messages/describe_configs_response.h"
#include "lib/kafka/messages/metadata_request.h"
#include "lib/kafka/messages/metadata_response.h"

namespace dohle::kafka::client {
namespace {

TEST(CutTest, ByCost) {
  EXPECT_EQ(CutByCost({}, 3, 10), std::vector<Slice>{});
  EXPECT_EQ(CutByCost({1, 1, 1, 1}, 3, 10), (std::vector<Slice>{{0, 3}, {3, 4}}));
  EXPECT_EQ(CutByCost({5, 5, 1, 20, 1}, 3, 10), (std::vector<Slice>{{0, 2}, {2, 3}, {3, 4}, {4, 5}}));
  EXPECT_EQ(CutByCount(5, 2), (std::vector<Slice>{{0, 2}, {2, 4}, {4, 5}}));
}

class AdminTest : public testing::Test {
 protected:
  AdminTest() {
    world_.network().set_pieces(false);
    broker_ = std::make_unique<TestBroker>(server_, 9092);
    broker_->On<MetadataRequest, MetadataResponse>([](const MetadataRequest&, int16_t) {
      MetadataResponse response;
      auto& broker = response.brokers.emplace_back();
      broker.host = "server";
      broker.port = 9092;
      response.controller_id = 0;
      return std::optional(response);
    });
    ClusterClientOptions options;
    options.connection.request_timeout = absl::Seconds(5);
    client_ = std::make_unique<ClusterClient>(node_.env().transport, executor(),
                                              *ParseBootstrapServers("server:9092"), options);
    admin_ = std::make_unique<Admin>(*client_);
  }
  ~AdminTest() override { node_.Crash(env::SimNode::Death::kProcess); }
  env::Executor& executor() { return *node_.env().executors.front(); }

  template <typename T>
  static env::Task<void> Await(env::Task<T> task, std::optional<T>* result) {
    result->emplace(co_await std::move(task));
  }
  template <typename T>
  T Run(env::Task<T> task) {
    std::optional<T> result;
    env::Spawn(executor(), Await(std::move(task), &result));
    EXPECT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Seconds(60)));
    return std::move(*result);
  }

  env::SimWorld world_{5};
  env::SimNode& server_ = world_.AddNode("server");
  env::SimNode& node_ = world_.AddNode("client");
  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<ClusterClient> client_;
  std::unique_ptr<Admin> admin_;
};

TEST_F(AdminTest, CreatesInBatchesThatAControllerTakes) {
  std::vector<size_t> sizes;
  broker_->On<CreateTopicsRequest, CreateTopicsResponse>([&](const CreateTopicsRequest& request, int16_t) {
    sizes.push_back(request.topics.size());
    CreateTopicsResponse response;
    for (const auto& topic : request.topics) {
      auto& result = response.topics.emplace_back();
      result.name = Text::Copy(topic.name);
      result.topic_id = Uuid(0, 1000);
      if (topic.name.view() == "t7") {
        result.error_code = 36;
        result.error_message = Text("Topic 't7' already exists.");
      }
    }
    // An answer that leaves one out.
    if (sizes.size() == 1) response.topics.pop_back();
    return std::optional(response);
  });
  std::vector<NewTopic> topics;
  for (int i = 0; i < 2500; ++i)
    topics.push_back({"t" + std::to_string(i), i < 2000 ? 9 : 1, 1, {{"a", "b"}}});
  const auto results = Run(admin_->CreateTopics(std::move(topics)));
  EXPECT_EQ(sizes, (std::vector<size_t>{727, 727, 1000, 46}));
  ASSERT_EQ(results.size(), 2500u);
  for (size_t i = 0; i < results.size(); ++i) EXPECT_EQ(results[i].ok(), i != 7 && i != 726) << i;
  EXPECT_EQ(Message(results[7].status()), "TOPIC_ALREADY_EXISTS: Topic 't7' already exists.");
  EXPECT_EQ(KafkaError(results[7].status()), ErrorCode::kTopicAlreadyExists);
  EXPECT_EQ(results[726].status().code(), StatusCode::kUnavailable);
}

TEST_F(AdminTest, AFailedRequestFailsAllBehindIt) {
  int requests = 0;
  broker_->On<CreateTopicsRequest, CreateTopicsResponse>(
      [&](const CreateTopicsRequest& request, int16_t) -> std::optional<CreateTopicsResponse> {
        if (++requests == 2) return std::nullopt;
        CreateTopicsResponse response;
        for (const auto& topic : request.topics) response.topics.emplace_back().name = Text::Copy(topic.name);
        return response;
      });
  std::vector<NewTopic> topics(3000);
  for (size_t i = 0; i < topics.size(); ++i) topics[i].name = std::to_string(i);
  const auto results = Run(admin_->CreateTopics(std::move(topics)));
  EXPECT_EQ(requests, 2);
  EXPECT_TRUE(results[0].ok());
  EXPECT_TRUE(results[999].ok());
  EXPECT_EQ(results[1000].status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(results[2999].status().code(), StatusCode::kDeadlineExceeded);
}

TEST_F(AdminTest, OnlyWhatWasSetForTheTopicItselfIsItsConfig) {
  broker_->On<DescribeConfigsRequest, DescribeConfigsResponse>([](const DescribeConfigsRequest& request,
                                                                  int16_t) {
    DescribeConfigsResponse response;
    for (const auto& resource : request.resources) {
      auto& result = response.results.emplace_back();
      result.resource_name = Text::Copy(resource.resource_name);
      for (const auto& [name, source] :
           {std::pair("retention.ms", 1), std::pair("segment.ms", 5), std::pair("max.message.bytes", 4)}) {
        auto& config = result.configs.emplace_back();
        config.name = name;
        config.value = Text("12");
        config.config_source = static_cast<int8_t>(source);
      }
    }
    return std::optional(response);
  });
  std::vector<std::string> names = {"a"};
  const auto results = Run(admin_->DescribeTopicConfigs(std::move(names)));
  ASSERT_TRUE(results.at(0).ok()) << results[0].status();
  EXPECT_EQ(*results[0], (TopicConfigs{{"retention.ms", "12"}}));
}

TEST_F(AdminTest, NobodyThereFailsEachItem) {
  server_.Crash(env::SimNode::Death::kProcess);
  std::vector<std::string> names = {"a", "b"};
  for (const auto& result : Run(admin_->DescribeTopics(names))) {
    EXPECT_EQ(result.status().code(), StatusCode::kUnavailable);
  }
  for (const auto& result : Run(admin_->FetchOffsets(names))) {
    EXPECT_EQ(result.status().code(), StatusCode::kUnavailable);
  }
  EXPECT_EQ(Run(admin_->ListGroups()).status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(Run(admin_->DescribeLogDirs()).status.code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace dohle::kafka::client
