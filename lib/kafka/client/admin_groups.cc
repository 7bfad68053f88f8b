#include <algorithm>
#include <map>

#include "lib/kafka/client/admin.h"
#include "lib/kafka/client/kafka_status.h"
#include "lib/kafka/messages/describe_groups_request.h"
#include "lib/kafka/messages/describe_groups_response.h"
#include "lib/kafka/messages/list_groups_request.h"
#include "lib/kafka/messages/list_groups_response.h"
#include "lib/kafka/messages/offset_fetch_request.h"
#include "lib/kafka/messages/offset_fetch_response.h"

namespace dohle::kafka::client {
namespace {

constexpr size_t kGroupsOfRequest = 200;
constexpr VersionRange kOffsetFetchVersions{8, 9};  // many groups at once, topics by name

bool IsAboutCoordinator(const Status& status) {
  const std::optional<ErrorCode> error = KafkaError(status);
  return !error || *error == ErrorCode::kNotCoordinator || *error == ErrorCode::kCoordinatorNotAvailable;
}

// Where in the caller's list the groups of one coordinator stand, cut into requests.
struct GroupBatch {
  NodeId coordinator;
  std::vector<size_t> places;
};

std::vector<GroupBatch> BatchByCoordinator(const std::vector<StatusOr<NodeId>>& coordinators) {
  std::map<NodeId, std::vector<size_t>> by_node;
  for (size_t i = 0; i < coordinators.size(); ++i) {
    if (coordinators[i].ok()) by_node[*coordinators[i]].push_back(i);
  }
  std::vector<GroupBatch> batches;
  for (const auto& [node, places] : by_node) {
    for (const Slice slice : CutByCount(places.size(), kGroupsOfRequest)) {
      batches.push_back({node,
                         {places.begin() + static_cast<ptrdiff_t>(slice.begin),
                          places.begin() + static_cast<ptrdiff_t>(slice.end)}});
    }
  }
  return batches;
}

// Gives each group of a batch what it was answered: `Result` by group id.
template <typename Result>
void Settle(ClusterClient& client, const std::vector<std::string>& groups, const GroupBatch& batch,
            const Status& request, StringMap<Result>& found, std::vector<Result>& results) {
  for (const size_t place : batch.places) {
    const auto it = found.find(std::string_view(groups[place]));
    if (it != found.end()) {
      results[place] = std::move(it->second);
    } else if (!request.ok()) {
      results[place] = request;
    }
    if (!results[place].ok() && IsAboutCoordinator(results[place].status())) {
      client.ForgetCoordinator(groups[place]);
    }
  }
}

template <typename Result>
std::vector<Result> Unanswered(const std::vector<StatusOr<NodeId>>& coordinators) {
  std::vector<Result> results;
  for (const StatusOr<NodeId>& coordinator : coordinators) {
    results.push_back(coordinator.ok()
                          ? MakeStatus(StatusCode::kUnavailable, "the answer leaves the group out")
                          : coordinator.status());
  }
  return results;
}

}  // namespace

env::Task<GroupListings> Admin::ListGroups() {
  GroupListings listings;
  StatusOr<ClusterView> view = co_await client_.View();
  if (!view.ok()) {
    listings.status = view.status();
    co_return listings;
  }
  for (const BrokerAddress& broker : view->brokers) {
    ListGroupsRequest request;
    auto answer = co_await client_.Call<ListGroupsResponse>(Route::Broker(broker.id), std::move(request),
                                                            ListGroupsRequest::kVersions);
    const Status status = answer.ok() ? StatusFromKafka(answer->message.error_code) : answer.status();
    if (!status.ok()) {
      if (listings.status.ok()) listings.status = status;
      continue;
    }
    for (const auto& group : answer->message.groups) {
      listings.groups.push_back({std::string(group.group_id), std::string(group.protocol_type),
                                 std::string(group.group_state), std::string(group.group_type), broker.id});
    }
  }
  co_return listings;
}

env::Task<std::vector<StatusOr<GroupDescription>>> Admin::DescribeGroups(std::vector<std::string> groups) {
  using Result = StatusOr<GroupDescription>;
  const std::vector<StatusOr<NodeId>> coordinators = co_await client_.FindCoordinators(groups);
  auto results = Unanswered<Result>(coordinators);
  for (const GroupBatch& batch : BatchByCoordinator(coordinators)) {
    DescribeGroupsRequest request;
    for (const size_t place : batch.places) request.groups.emplace_back(groups[place]);
    auto answer = co_await client_.Call<DescribeGroupsResponse>(
        Route::Broker(batch.coordinator), std::move(request), DescribeGroupsRequest::kVersions);
    StringMap<Result> found;
    if (answer.ok()) {
      for (const auto& group : answer->message.groups) {
        const Status status = StatusFromKafka(
            group.error_code, group.error_message ? group.error_message->view() : std::string_view());
        GroupDescription description{std::string(group.group_id), std::string(group.group_state),
                                     static_cast<int>(group.members.size())};
        found.emplace(std::string(group.group_id), status.ok() ? Result(std::move(description)) : status);
      }
    }
    Settle(client_, groups, batch, answer.status(), found, results);
  }
  co_return results;
}

env::Task<std::vector<StatusOr<std::vector<CommittedOffset>>>> Admin::FetchOffsets(
    std::vector<std::string> groups) {
  using Result = StatusOr<std::vector<CommittedOffset>>;
  const std::vector<StatusOr<NodeId>> coordinators = co_await client_.FindCoordinators(groups);
  auto results = Unanswered<Result>(coordinators);
  for (const GroupBatch& batch : BatchByCoordinator(coordinators)) {
    OffsetFetchRequest request;
    for (const size_t place : batch.places) {
      auto& group = request.groups.emplace_back();
      group.group_id = groups[place];
      group.topics.reset();  // all of them
    }
    auto answer = co_await client_.Call<OffsetFetchResponse>(Route::Broker(batch.coordinator),
                                                             std::move(request), kOffsetFetchVersions);
    StringMap<Result> found;
    if (answer.ok()) {
      for (const auto& group : answer->message.groups) {
        const Status status = StatusFromKafka(group.error_code);
        std::vector<CommittedOffset> offsets;
        for (const auto& topic : group.topics) {
          for (const auto& partition : topic.partitions) {
            if (partition.error_code != 0 || partition.committed_offset < 0) continue;
            offsets.push_back(
                {std::string(topic.name), partition.partition_index, partition.committed_offset});
          }
        }
        found.emplace(std::string(group.group_id), status.ok() ? Result(std::move(offsets)) : status);
      }
    }
    Settle(client_, groups, batch, answer.status(), found, results);
  }
  co_return results;
}

}  // namespace dohle::kafka::client
