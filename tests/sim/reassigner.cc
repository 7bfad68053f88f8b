#include "tests/sim/reassigner.h"

#include <algorithm>
#include <utility>

#include "lib/kafka/messages/alter_partition_reassignments_request.h"
#include "lib/kafka/messages/alter_partition_reassignments_response.h"

namespace dohle::sim {

Reassigner::Reassigner(env::Env& env, std::vector<env::Endpoint> brokers, Control& control,
                       ReassignerOptions options)
    : env_(env),
      client_(env, std::move(brokers), "reassigner"),
      control_(control),
      options_(std::move(options)) {}

std::vector<int32_t> Reassigner::DrawReplicas() {
  std::vector<int32_t> left;
  for (int32_t id = 1; id <= options_.brokers; ++id) left.push_back(id);
  const size_t want = std::min<size_t>(left.size(), 2 + env_.random.Below(2));
  std::vector<int32_t> drawn;
  while (drawn.size() < want) {
    const auto one = left.begin() + static_cast<std::ptrdiff_t>(env_.random.Below(left.size()));
    drawn.push_back(*one);
    left.erase(one);
  }
  return drawn;
}

env::Task<void> Reassigner::Run() {
  ++control_.running;
  while (!control_.stopping) {
    co_await env::Sleep(absl::Milliseconds(static_cast<int64_t>(env_.random.Below(6000))));
    if (control_.stopping) break;
    const TopicPartition& which = options_.partitions[env_.random.Below(options_.partitions.size())];
    kafka::AlterPartitionReassignmentsRequest request;
    request.timeout_ms = 5000;
    auto& topic = request.topics.emplace_back();
    topic.name = kafka::Text::Copy(which.topic);
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = which.partition.value();
    // Whether it is done or refused shows in the end: every replica that there is then must be in sync.
    if (env_.random.Below(4) != 0) partition.replicas = DrawReplicas();
    (void)co_await client_.Call<kafka::AlterPartitionReassignmentsResponse>(Whom::Any(), std::move(request),
                                                                            0);
  }
  client_.Disconnect();
  --control_.running;
}

}  // namespace dohle::sim
