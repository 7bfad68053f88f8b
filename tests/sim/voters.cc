#include "tests/sim/voters.h"

#include <algorithm>
#include <utility>

#include "lib/kafka/messages/add_raft_voter_request.h"
#include "lib/kafka/messages/add_raft_voter_response.h"
#include "lib/kafka/messages/describe_quorum_request.h"
#include "lib/kafka/messages/remove_raft_voter_request.h"
#include "lib/kafka/messages/remove_raft_voter_response.h"

namespace dohle::sim {

QuorumAdmin::QuorumAdmin(env::Env& env, std::vector<env::Endpoint> brokers, Control& control,
                         QuorumAdminOptions options)
    : env_(env),
      client_(env, std::move(brokers), "quorum-admin"),
      control_(control),
      options_(std::move(options)) {}

env::Task<void> QuorumAdmin::Run() {
  ++control_.running;
  while (!control_.stopping) {
    co_await env::Sleep(absl::Milliseconds(500 + static_cast<int64_t>(env_.random.Below(1500))));
    if (env_.random.Below(8) == 0) {
      co_await RemoveAny();
    } else {
      (void)co_await Mend();
    }
  }
  client_.Disconnect();
  --control_.running;
}

env::Task<std::optional<QuorumAdmin::Partition>> QuorumAdmin::Describe() {
  kafka::DescribeQuorumRequest request;
  auto& topic = request.topics.emplace_back();
  topic.topic_name = std::string_view("__cluster_metadata");
  topic.partitions.emplace_back();
  auto answer = co_await client_.Call<kafka::DescribeQuorumResponse>(Whom::Any(), std::move(request), 2);
  if (!answer.ok() || answer->message.error_code != 0) co_return std::nullopt;
  Partition partition = answer->message.topics.at(0).partitions.at(0);
  if (partition.error_code != 0) co_return std::nullopt;
  co_return partition;
}

env::Task<bool> QuorumAdmin::Mend() {
  const std::optional<Partition> quorum = co_await Describe();
  if (!quorum) co_return false;
  for (const Replica& voter : quorum->current_voters) {
    // Who fetches under the same id, and later than the voter, has taken its place.
    for (const Replica& observer : quorum->observers) {
      if (observer.replica_id != voter.replica_id ||
          observer.last_fetch_timestamp <= voter.last_fetch_timestamp) {
        continue;
      }
      co_await Remove(voter);
      co_return false;
    }
  }
  for (int32_t id = 1; id <= static_cast<int32_t>(options_.controllers.size()); ++id) {
    const auto is = [id](const Replica& replica) { return replica.replica_id == id; };
    if (std::ranges::any_of(quorum->current_voters, is)) continue;
    const Replica* latest = nullptr;
    for (const Replica& observer : quorum->observers) {
      if (!is(observer)) continue;
      if (latest == nullptr || observer.last_fetch_timestamp > latest->last_fetch_timestamp)
        latest = &observer;
    }
    if (latest != nullptr) co_await Add(*latest);
    co_return false;
  }
  co_return true;
}

env::Task<void> QuorumAdmin::Add(Replica replica) {
  const env::Endpoint& endpoint = options_.controllers.at(static_cast<size_t>(replica.replica_id - 1));
  kafka::AddRaftVoterRequest request;
  request.cluster_id.reset();
  request.timeout_ms = 3000;
  request.voter_id = replica.replica_id;
  request.voter_directory_id = replica.replica_directory_id;
  auto& listener = request.listeners.emplace_back();
  listener.name = std::string_view("CONTROLLER");
  listener.host = kafka::Text::Copy(endpoint.host);
  listener.port = endpoint.port;
  (void)co_await client_.Call<kafka::AddRaftVoterResponse>(Whom::Any(), std::move(request), 0);
}

env::Task<void> QuorumAdmin::Remove(Replica replica) {
  kafka::RemoveRaftVoterRequest request;
  request.cluster_id.reset();
  request.voter_id = replica.replica_id;
  request.voter_directory_id = replica.replica_directory_id;
  (void)co_await client_.Call<kafka::RemoveRaftVoterResponse>(Whom::Any(), std::move(request), 0);
}

env::Task<void> QuorumAdmin::RemoveAny() {
  const std::optional<Partition> quorum = co_await Describe();
  if (!quorum || quorum->current_voters.size() <= options_.fewest_voters) co_return;
  const Replica voter = quorum->current_voters[env_.random.Below(quorum->current_voters.size())];
  co_await Remove(voter);
}

}  // namespace dohle::sim
