#include "tests/sim/scenario.h"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "lib/kafka/messages/describe_quorum_request.h"
#include "lib/kafka/messages/describe_quorum_response.h"
#include "lib/kafka/messages/metadata_request.h"
#include "lib/kafka/messages/metadata_response.h"
#include "lib/kafka/messages/produce_response.h"
#include "lib/kafka/record_batch.h"
#include "tests/sim/admin.h"
#include "tests/sim/checkers.h"
#include "tests/sim/cluster.h"
#include "tests/sim/consumer.h"
#include "tests/sim/faults.h"
#include "tests/sim/producer.h"
#include "tests/sim/quorum.h"
#include "tests/sim/reassigner.h"
#include "tests/sim/replicas.h"
#include "tests/sim/voters.h"

namespace dohle::sim {
namespace {

// After the last fault everything is served again within this time. Sessions of members that are gone,
// time-outs of requests that were cut off and a restart are in it.
const absl::Duration kServedAgainWithin = absl::Seconds(60);
// A clean stop is bounded, whether a controller answers or not.
const absl::Duration kStoppedWithin = absl::Seconds(60);
constexpr int kPartitionsOfTopic = 2;
constexpr int kProbe = 1000;  // the producer's number of those that ask whether it works again

// "orders" has flush.messages=1; "pairs" has two replicas, of which min.insync.replicas needs both.
constexpr std::array<const char*, 3> kTopics{"orders", "plain", "pairs"};

const TopicPartition kMetadataPartition{"__cluster_metadata", PartitionIndex(0)};

// The first replica that isn't in sync, in a sentence; empty: there is none.
std::string LackingReplica(const kafka::MetadataResponse& metadata) {
  for (const auto& topic : metadata.topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.leader_id >= 0 && partition.isr_nodes.size() == partition.replica_nodes.size()) continue;
      return fmt::format("{}-{} is led by {}, {} of {} replicas are in sync", topic.name->view(),
                         partition.partition_index, partition.leader_id, partition.isr_nodes.size(),
                         partition.replica_nodes.size());
    }
  }
  return "";
}

class Run {
 public:
  Run(uint64_t seed, ClusterOptions options)
      : world_(seed),
        power_cuts_(world_.random().Chance(0.5)),
        flush_every_message_(world_.random().Chance(0.4)),
        cluster_(world_, Drawn(options)),
        client_nodes_{&world_.AddNode("client-1"), &world_.AddNode("client-2")} {
    cluster_.SetWatch([this] { leaders_.Look(cluster_); });
    history_.SetDurable("orders", true);
    history_.SetDurable("plain", flush_every_message_);
    history_.SetDurable("__consumer_offsets", flush_every_message_);
    history_.SetDurable("pairs", flush_every_message_);
    for (const char* topic : kTopics) {
      for (int i = 0; i < kPartitionsOfTopic; ++i) partitions_.push_back({topic, PartitionIndex(i)});
    }
  }
  ~Run() {
    // The coroutines of the clients look at what is destroyed here.
    for (env::SimNode* node : client_nodes_) node->Crash(env::SimNode::Death::kPower);
  }

  RunResult Execute();

 private:
  ClusterOptions Drawn(ClusterOptions options);
  env::Env& client(size_t i) { return client_nodes_[i % client_nodes_.size()]->env(); }
  bool RunUntil(const std::function<bool()>& done, absl::Duration limit);
  void StartWorkload();
  void ChangeTempo();
  env::Task<void> SetUp();
  env::Task<void> LookAtEverything();
  env::Task<void> Probe(TopicPartition partition);
  env::Task<void> ReadAll(TopicPartition partition);
  env::Task<void> ReadCommitted(TopicPartition partition);
  env::Task<void> AwaitFullIsr();
  env::Task<void> AwaitVoters();
  env::Task<void> AskForQuorum();
  bool ReplicasHaveAll();
  bool MetadataIsEverywhere();
  void AwaitReplicas(const std::function<bool()>& complete);
  void CompareReplicas();
  void CompareMetadata();
  RunResult Result(const Faults& faults);

  env::SimWorld world_;
  const bool power_cuts_;
  const bool flush_every_message_;
  Cluster cluster_;
  const std::vector<env::SimNode*> client_nodes_;
  History history_;
  ClusterModel model_;
  Control control_;
  std::vector<TopicPartition> partitions_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::vector<std::unique_ptr<Consumer>> consumers_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Reassigner> reassigner_;  // null: nothing moves in this run
  std::unique_ptr<QuorumAdmin> quorum_admin_;
  std::unique_ptr<Client> looker_;
  LeadersSeen leaders_;
  int64_t metadata_high_watermark_ = -1;
  bool set_up_ = false;
  std::string step_ = "nothing";
  bool looked_ = false;
};

// A cluster's shape is a matter of the seed, too.
ClusterOptions Run::Drawn(ClusterOptions options) {
  options.flush_every_message = flush_every_message_;
  if (options.nodes < 2) return options;
  options.dynamic_quorum = world_.random().Chance(0.5);
  options.small_fetches = world_.random().Chance(0.3);
  options.patient = world_.random().Chance(0.5);
  if (options.nodes > 3 && world_.random().Chance(0.5)) options.controllers = 3;
  return options;
}

bool Run::RunUntil(const std::function<bool()>& done, absl::Duration limit) {
  const env::MonotonicTime end = world_.now() + limit;
  while (!done() && world_.now() < end) {
    const env::MonotonicTime slice = world_.now() + absl::Milliseconds(200);
    // It leaves the time where the last event was.
    if (!world_.RunUntil(done, slice - world_.now())) world_.RunFor(slice - world_.now());
    cluster_.Tend();
  }
  return done();
}

env::Task<void> Run::SetUp() {
  for (const char* name : kTopics) {
    NewTopic topic;
    topic.name = name;
    topic.partitions = kPartitionsOfTopic;
    if (topic.name == "orders") topic.configs["flush.messages"] = "1";
    if (topic.name == "pairs" && cluster_.size() > 1) topic.replication_factor = 2;
    for (;;) {
      auto created = co_await CreateTopic(looker_.get(), topic);
      if (created.ok()) {
        TopicModel& model = model_[topic.name];
        model.state = TopicModel::State::kPresent;
        model.partitions = kPartitionsOfTopic;
        model.id = *created;
        break;
      }
      co_await env::Sleep(absl::Milliseconds(100));
    }
  }
  set_up_ = true;
}

// A crowd finds some bugs, quiet others; real clusters have both.
void Run::ChangeTempo() {
  constexpr std::array<uint64_t, 4> kPausesMs{100, 600, 3000, 6000};
  control_.pause_at_most_ms = kPausesMs[world_.random().Below(kPausesMs.size())];
  world_.After(absl::Milliseconds(world_.random().Between(500, 8000)), [this] { ChangeTempo(); });
}

void Run::StartWorkload() {
  const std::vector<env::Endpoint> brokers = cluster_.endpoints();
  ChangeTempo();
  int number = 0;
  for (const TopicPartition& partition : partitions_) {
    for (const bool idempotent : {true, true, false}) {
      env::Env& env = client(static_cast<size_t>(number));
      ProducerOptions options{number, partition, idempotent};
      producers_.push_back(std::make_unique<Producer>(env, brokers, history_, control_, options));
      env::Spawn(*env.executors.front(), producers_.back()->Run());
      ++number;
    }
  }
  for (int i = 0; i < 3; ++i) {
    env::Env& env = client(static_cast<size_t>(i));
    ConsumerOptions options{i, "readers", partitions_};
    consumers_.push_back(std::make_unique<Consumer>(env, brokers, history_, control_, options));
    env::Spawn(*env.executors.front(), consumers_.back()->Run());
  }
  admin_ = std::make_unique<Admin>(client(0), brokers, control_, model_);
  env::Spawn(*client(0).executors.front(), admin_->Run());
  if (cluster_.size() > 1 && world_.random().Chance(0.5)) {
    ReassignerOptions options{partitions_, static_cast<int32_t>(cluster_.size())};
    reassigner_ = std::make_unique<Reassigner>(client(1), brokers, control_, options);
    env::Spawn(*client(1).executors.front(), reassigner_->Run());
  }
  if (cluster_.options().dynamic_quorum) {
    QuorumAdminOptions options;
    // Whoever else is gone, the others must do without the one that loses its disk.
    if (power_cuts_) options.fewest_voters = 4;
    for (size_t i = 0; i < cluster_.controllers(); ++i)
      options.controllers.push_back({cluster_.host(i), 9093});
    quorum_admin_ = std::make_unique<QuorumAdmin>(client(1), brokers, control_, options);
    env::Spawn(*client(1).executors.front(), quorum_admin_->Run());  // who mends it in the end, too
  }
}

env::Task<void> Run::Probe(TopicPartition partition) {
  for (int64_t attempt = 0;; ++attempt) {
    SentBatch batch;
    batch.producer = kProbe;
    batch.partition = partition;
    batch.first = attempt;
    batch.count = 1;
    kafka::ProduceRequest request = ProduceRequestOf(batch, -1, -1, kafka::kNoSequence, looker_->wall_ms());
    const size_t sent = history_.Sent(batch);
    auto answer =
        co_await looker_->Call<kafka::ProduceResponse>(Whom::LeaderOf(partition), std::move(request), 12);
    if (answer.ok()) {
      const auto& result = answer->message.responses.at(0).partition_responses.at(0);
      looker_->Forget(Whom::LeaderOf(partition));
      step_ = fmt::format("probing {}: {}", ToString(partition),
                          kafka::Name(kafka::ErrorFromCode(result.error_code)));
      if (result.error_code == 0) {
        history_.Acknowledged(sent, result.base_offset, looker_->now());
        co_return;
      }
    } else {
      step_ = fmt::format("probing {}: {}", ToString(partition), Message(answer.status()));
    }
    co_await env::Sleep(absl::Milliseconds(200));
  }
}

env::Task<void> Run::ReadAll(TopicPartition partition) {
  FinalLog log;
  int64_t next = 0;
  for (;;) {
    auto fetched = co_await FetchFrom(looker_.get(), partition, next, 0);
    if (fetched.ok() && fetched->error == 0) {
      log.log_start_offset = fetched->log_start_offset;
      log.high_watermark = fetched->high_watermark;
      for (ReadRecord& record : fetched->records) {
        next = record.offset + 1;
        log.records.push_back(std::move(record));
      }
      if (next >= log.high_watermark || fetched->records.empty()) break;
      continue;
    }
    step_ = fmt::format("reading {} at {}: {}", ToString(partition), next,
                        fetched.ok() ? std::string(kafka::Name(kafka::ErrorFromCode(fetched->error)))
                                     : fetched.status().ToString());
    co_await env::Sleep(absl::Milliseconds(200));
  }
  history_.Final(partition, std::move(log));
}

env::Task<void> Run::ReadCommitted(TopicPartition partition) {
  for (;;) {
    const bool found = co_await FindCoordinator(looker_.get(), "readers");
    if (!found) {
      step_ = "looking for the coordinator";
      co_await env::Sleep(absl::Milliseconds(200));
      continue;
    }
    const MonotonicTime asked_at = looker_->now();
    auto committed = co_await FetchCommitted(looker_.get(), "readers", partition);
    if (committed.ok()) {
      history_.SawCommitted({"readers", partition}, *committed, asked_at, looker_->now());
      co_return;
    }
    step_ = fmt::format("asking for the committed offset of {}: {}", ToString(partition),
                        Message(committed.status()));
    co_await env::Sleep(absl::Milliseconds(200));
  }
}

env::Task<void> Run::LookAtEverything() {
  const std::vector<TopicPartition> all = partitions_;
  for (const TopicPartition& partition : all) co_await Probe(partition);
  for (const TopicPartition& partition : all) co_await ReadAll(partition);
  for (const TopicPartition& partition : all) co_await ReadCommitted(partition);
  for (;;) {
    auto differences = co_await CompareWithModel(looker_.get(), &model_);
    if (differences.ok()) {
      for (std::string& difference : *differences) history_.Violation(std::move(difference));
      break;
    }
    step_ = fmt::format("asking for metadata: {}", Message(differences.status()));
    co_await env::Sleep(absl::Milliseconds(200));
  }
  co_await AwaitVoters();
  co_await AwaitFullIsr();
  co_await AskForQuorum();
  looked_ = true;
}

// Every controller votes again.
env::Task<void> Run::AwaitVoters() {
  if (quorum_admin_ == nullptr) co_return;
  for (;;) {
    const bool complete = co_await quorum_admin_->Mend();
    if (complete) co_return;
    step_ = "waiting for all controllers to be voters";
    co_await env::Sleep(absl::Milliseconds(500));
  }
}

// Every replica of every partition is in sync again.
env::Task<void> Run::AwaitFullIsr() {
  for (;;) {
    kafka::MetadataRequest request;
    request.topics.reset();
    auto answer = co_await looker_->Call<kafka::MetadataResponse>(Whom::Any(), std::move(request), 12);
    const std::string lacking =
        answer.ok() ? LackingReplica(answer->message) : std::string(Message(answer.status()));
    if (lacking.empty()) co_return;
    step_ = fmt::format("waiting for full ISRs: {}", lacking);
    co_await env::Sleep(absl::Milliseconds(200));
  }
}

env::Task<void> Run::AskForQuorum() {
  for (;;) {
    kafka::DescribeQuorumRequest request;
    auto& topic = request.topics.emplace_back();
    topic.topic_name = std::string_view("__cluster_metadata");
    topic.partitions.emplace_back();
    auto answer = co_await looker_->Call<kafka::DescribeQuorumResponse>(Whom::Any(), std::move(request), 1);
    if (answer.ok() && answer->message.error_code == 0) {
      const auto& partition = answer->message.topics.at(0).partitions.at(0);
      metadata_high_watermark_ = partition.high_watermark;
      if (partition.error_code == 0 && metadata_high_watermark_ > 0) co_return;
    }
    step_ = "asking for the quorum";
    co_await env::Sleep(absl::Milliseconds(200));
  }
}

// Whether every replica has what its partition's final log has.
bool Run::ReplicasHaveAll() {
  for (const auto& [partition, log] : history_.final_logs()) {
    const std::vector<ReplicaLog> replicas = ReadReplicas(cluster_, partition);
    if (AllReach(replicas, log.high_watermark)) continue;
    step_ = fmt::format("waiting for the replicas of {} to have all below {}", ToString(partition),
                        log.high_watermark);
    return false;
  }
  return true;
}

bool Run::MetadataIsEverywhere() {
  step_ = fmt::format("waiting for the metadata to be everywhere below {}", metadata_high_watermark_);
  const std::vector<ReplicaLog> logs = ReadReplicas(cluster_, kMetadataPartition);
  return logs.size() == cluster_.size() && AllReach(logs, metadata_high_watermark_);
}

// Looked at now and then only: it reads all that there is.
void Run::AwaitReplicas(const std::function<bool()>& complete) {
  const env::MonotonicTime end = world_.now() + kServedAgainWithin;
  while (!complete()) {
    if (world_.now() >= end) return history_.Violation("not everything is replicated again: " + step_);
    world_.RunFor(absl::Milliseconds(200));
    cluster_.Tend();
  }
}

void Run::CompareReplicas() {
  AwaitReplicas([this] { return ReplicasHaveAll(); });
  for (const auto& [partition, log] : history_.final_logs()) {
    const std::string difference = Difference(ReadReplicas(cluster_, partition), log.high_watermark);
    if (!difference.empty())
      history_.Violation(fmt::format("replicas of {} differ: {}", ToString(partition), difference));
  }
}

void Run::CompareMetadata() {
  AwaitReplicas([this] { return MetadataIsEverywhere(); });
  for (const std::string& difference :
       {Difference(ReadReplicas(cluster_, kMetadataPartition), metadata_high_watermark_),
        Difference(ReadSnapshots(cluster_))}) {
    if (!difference.empty()) history_.Violation("metadata differs: " + difference);
  }
  for (const std::string& violation : leaders_.violations()) history_.Violation(violation);
}

uint64_t Fingerprint(uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

RunResult Run::Result(const Faults& faults) {
  RunResult result;
  result.violations = Check(history_);
  result.faults = faults.log();
  result.trace = world_.trace();
  result.simulated = world_.now() - env::MonotonicTime();
  size_t acknowledged = 0;
  for (const SentBatch& batch : history_.batches()) acknowledged += batch.base_offset ? 1 : 0;
  size_t read = 0;
  for (const auto& [partition, reads] : history_.reads()) read += reads.size();
  size_t committed = 0;
  for (const auto& [where, commits] : history_.commits()) committed += commits.size();
  for (const auto& [partition, log] : history_.final_logs()) {
    for (const ReadRecord& record : log.records) result.trace = Fingerprint(result.trace, record.value);
  }
  result.summary = fmt::format(
      "{} batches sent, {} acknowledged; {} records read, {} offsets committed; {} topics asked for; {} "
      "power cuts{}{}{}{}{}",
      history_.batches().size(), acknowledged, read, committed, model_.size(), history_.power_cuts().size(),
      flush_every_message_ ? "; every message flushed" : "", reassigner_ ? "; reassignments" : "",
      cluster_.options().dynamic_quorum ? "; voters change" : "",
      cluster_.options().small_fetches ? "; small fetches" : "", power_cuts_ ? "; power is lost" : "");
  return result;
}

RunResult Run::Execute() {
  FaultOptions options;
  options.power_cuts = power_cuts_;
  options.power_victim = world_.random().Below(cluster_.size());
  options.replacement = power_cuts_ && cluster_.replaceable(options.power_victim);
  Faults faults(world_, cluster_, history_, {"client-1", "client-2"}, options);
  looker_ = std::make_unique<Client>(client(1), cluster_.endpoints(), "looker");
  for (size_t i = 0; i < cluster_.size(); ++i) cluster_.Start(i);
  env::Spawn(*client(1).executors.front(), SetUp());
  if (!RunUntil([this] { return set_up_; }, kServedAgainWithin)) {
    history_.Violation("a fresh cluster doesn't serve");
    return Result(faults);
  }
  StartWorkload();
  faults.Run();
  world_.RunFor(absl::Seconds(1));
  control_.stopping = true;
  // Whatever was acknowledged meets one more death.
  for (size_t i = 0; i < cluster_.size(); ++i) {
    if (!cluster_.running(i)) continue;
    const bool power = power_cuts_ && i == options.power_victim;
    if (power_cuts_ && !power) continue;
    if (power && cluster_.size() == 1) history_.PowerCut(world_.now());
    cluster_.Crash(i, power ? env::SimNode::Death::kPower : env::SimNode::Death::kProcess);
  }
  for (size_t i = 0; i < cluster_.size(); ++i) {
    if (!cluster_.running(i)) cluster_.Start(i);
  }
  if (!RunUntil([this] { return control_.running == 0; }, kServedAgainWithin))
    history_.Violation(fmt::format("{} clients don't come to their end", control_.running));
  env::Spawn(*client(1).executors.front(), LookAtEverything());
  if (!RunUntil([this] { return looked_; }, kServedAgainWithin))
    history_.Violation(fmt::format("not everything is served again: {}", step_));
  CompareReplicas();
  CompareMetadata();
  if (cluster_.longest_stop() > kStoppedWithin) {
    history_.Violation(
        fmt::format("a broker that was asked to end took {}", absl::FormatDuration(cluster_.longest_stop())));
  }
  return Result(faults);
}

}  // namespace

RunResult RunSeed(uint64_t seed, ClusterOptions options) { return Run(seed, options).Execute(); }

}  // namespace dohle::sim
