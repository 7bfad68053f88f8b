#include "broker/server/alter_partition_sender.h"

#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "broker/server/controller_channel.h"
#include "broker/server/own_broker_epoch.h"
#include "lib/base/log.h"
#include "lib/kafka/messages/alter_partition_request.h"
#include "lib/kafka/messages/alter_partition_response.h"

namespace dohle::server {
namespace {

using kafka::AlterPartitionRequest;
using kafka::AlterPartitionResponse;
using replica::IsrProposal;
using replica::IsrVerdict;

constexpr absl::Duration kPatience = absl::Minutes(1);
constexpr absl::Duration kPause = absl::Milliseconds(50);
constexpr size_t kMostPartitions = 10'000;  // in one request

using PartitionKey = std::pair<TopicId, PartitionIndex>;

PartitionKey KeyOf(const IsrProposal& proposal) { return {proposal.topic_id, proposal.partition.partition}; }

AlterPartitionRequest::PartitionData ToData(const IsrProposal& proposal) {
  AlterPartitionRequest::PartitionData data;
  data.partition_index = proposal.partition.partition.value();
  data.leader_epoch = proposal.leader_epoch.value();
  data.partition_epoch = proposal.partition_epoch.value();
  data.leader_recovery_state = proposal.recovered ? 0 : 1;
  for (const replica::IsrMember& member : proposal.in_sync_replicas) {
    data.new_isr.push_back(member.id.value());
    data.new_isr_with_epochs.push_back({member.id.value(), member.epoch.value()});
  }
  return data;
}

IsrVerdict ToVerdict(const AlterPartitionResponse::PartitionData& data) {
  IsrVerdict verdict;
  verdict.error = static_cast<kafka::ErrorCode>(data.error_code);
  verdict.leader = NodeId(data.leader_id);
  verdict.leader_epoch = LeaderEpoch(data.leader_epoch);
  verdict.partition_epoch = PartitionEpoch(data.partition_epoch);
  for (const int32_t id : data.isr) verdict.in_sync_replicas.push_back(NodeId(id));
  verdict.recovered = data.leader_recovery_state == 0;
  return verdict;
}

Status Stopped() { return MakeStatus(StatusCode::kCancelled, "this node is stopping"); }

}  // namespace

env::Task<StatusOr<IsrVerdict>> AlterPartitionSender::Propose(IsrProposal proposal) {
  auto verdict = std::make_shared<env::OneShot<StatusOr<IsrVerdict>>>();
  Waiting waiting{std::move(proposal), verdict};
  env::Spawn(*env_.executors.front(), Add(std::move(waiting)));
  std::optional<StatusOr<IsrVerdict>> told = co_await verdict->WaitForever();
  co_return std::move(*told);
}

env::Task<void> AlterPartitionSender::Add(Waiting waiting) {
  if (stopped_) {
    waiting.verdict->Set(Stopped());
    co_return;
  }
  waiting_.push_back(std::move(waiting));
  if (!std::exchange(sending_, true)) co_await SendAll();
}

std::vector<AlterPartitionSender::Waiting> AlterPartitionSender::TakeBatch() {
  std::vector<Waiting> batch;
  std::deque<Waiting> later;
  std::set<PartitionKey> taken;
  for (Waiting& waiting : waiting_) {
    const bool fits = batch.size() < kMostPartitions && taken.insert(KeyOf(waiting.proposal)).second;
    if (fits) {
      batch.push_back(std::move(waiting));
    } else {
      later.push_back(std::move(waiting));
    }
  }
  waiting_ = std::move(later);
  return batch;
}

env::Task<void> AlterPartitionSender::SendAll() {
  while (!waiting_.empty() && !stopped_) {
    std::vector<Waiting> batch = TakeBatch();
    AlterPartitionRequest request;
    request.broker_id = node_id_.value();
    request.broker_epoch = epoch_.Get().value();
    std::map<TopicId, size_t> topics;
    for (const Waiting& waiting : batch) {
      const auto [at, fresh] = topics.emplace(waiting.proposal.topic_id, request.topics.size());
      if (fresh) request.topics.emplace_back().topic_id = waiting.proposal.topic_id;
      request.topics[at->second].partitions.push_back(ToData(waiting.proposal));
    }
    const auto answer = co_await controller_.Call<AlterPartitionResponse>(request, kPatience);
    if (answer.ok() && answer->message.error_code == 0) {
      Tell(std::move(batch), answer->message);
      continue;
    }
    waiting_.insert(waiting_.begin(), std::make_move_iterator(batch.begin()),
                    std::make_move_iterator(batch.end()));
    if (absl::IsCancelled(answer.status())) {
      stopped_ = true;
      break;
    }
    // STALE_BROKER_EPOCH among them: the broker registers anew.
    log::Warning("server", "AlterPartition: {}",
                 answer.ok() ? kafka::Name(static_cast<kafka::ErrorCode>(answer->message.error_code))
                             : Message(answer.status()));
    co_await controller_.WaitForChange(kPause);
  }
  sending_ = false;
  if (stopped_) CancelAll();
}

void AlterPartitionSender::Tell(std::vector<Waiting> batch, const AlterPartitionResponse& response) {
  std::map<PartitionKey, const AlterPartitionResponse::PartitionData*> answers;
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      answers.emplace(PartitionKey(topic.topic_id, PartitionIndex(partition.partition_index)), &partition);
    }
  }
  for (Waiting& waiting : batch) {
    const auto found = answers.find(KeyOf(waiting.proposal));
    if (found == answers.end()) {
      waiting_.push_back(std::move(waiting));
    } else {
      waiting.verdict->Set(ToVerdict(*found->second));
    }
  }
}

void AlterPartitionSender::CancelAll() {
  for (const Waiting& waiting : std::exchange(waiting_, {})) waiting.verdict->Set(Stopped());
}

void AlterPartitionSender::Stop() {
  stopped_ = true;
  CancelAll();
}

}  // namespace dohle::server
