#include "broker/metadata/test_quorum.h"

#include <array>
#include <utility>

#include "broker/metadata/record.h"
#include "broker/storage/meta_properties.h"
#include "lib/env/sleep.h"
#include "lib/kafka/endian.h"
#include "lib/kafka/messages/add_raft_voter_request.h"
#include "lib/kafka/messages/add_raft_voter_response.h"
#include "lib/kafka/messages/api_versions_request.h"
#include "lib/kafka/messages/api_versions_response.h"
#include "lib/kafka/messages/begin_quorum_epoch_request.h"
#include "lib/kafka/messages/begin_quorum_epoch_response.h"
#include "lib/kafka/messages/begin_transaction_record.h"
#include "lib/kafka/messages/end_quorum_epoch_request.h"
#include "lib/kafka/messages/end_quorum_epoch_response.h"
#include "lib/kafka/messages/fetch_request.h"
#include "lib/kafka/messages/fetch_response.h"
#include "lib/kafka/messages/fetch_snapshot_request.h"
#include "lib/kafka/messages/fetch_snapshot_response.h"
#include "lib/kafka/messages/remove_raft_voter_request.h"
#include "lib/kafka/messages/remove_raft_voter_response.h"
#include "lib/kafka/messages/request_header.h"
#include "lib/kafka/messages/response_header.h"
#include "lib/kafka/messages/update_raft_voter_request.h"
#include "lib/kafka/messages/update_raft_voter_response.h"
#include "lib/kafka/messages/vote_request.h"
#include "lib/kafka/messages/vote_response.h"

namespace dohle::metadata::testing {
namespace {

using kafka::ApiKey;

constexpr std::string_view kClusterId = "4L6g3nShT-eMCtK--X86sw";
const std::string kDirectory = "/data";

template <typename Response>
std::string Encoded(const Response& response, int16_t version) {
  kafka::Writer writer(kafka::EncodedSize(response, version));
  kafka::Encode(response, version, writer);
  return kafka::EncodeWhole(response, version);
}

template <typename Request, typename Response>
env::Task<std::string> Answer(QuorumApi* api, env::Task<Response> (QuorumApi::*serve)(const Request&, int16_t),
                              std::string_view body, int16_t version) {
  Request request;
  const Status decoded = kafka::DecodeWhole(body, version, &request);
  DOHLE_CHECK(decoded.ok());
  const Response response = co_await (api->*serve)(request, version);
  co_return Encoded(response, version);
}

template <typename Request>
void AddVersions(kafka::ApiVersionsResponse* response) {
  auto& api = response->api_keys.emplace_back();
  api.api_key = static_cast<int16_t>(Request::kApiKey);
  api.min_version = Request::kVersions.min;
  api.max_version = Request::kVersions.max;
}

std::string Versions(int16_t version) {
  kafka::ApiVersionsResponse response;
  AddVersions<kafka::FetchRequest>(&response);
  AddVersions<kafka::FetchSnapshotRequest>(&response);
  AddVersions<kafka::VoteRequest>(&response);
  AddVersions<kafka::BeginQuorumEpochRequest>(&response);
  AddVersions<kafka::EndQuorumEpochRequest>(&response);
  AddVersions<kafka::UpdateRaftVoterRequest>(&response);
  auto& feature = response.supported_features.emplace_back();
  feature.name = "kraft.version";
  feature.min_version = 0;
  feature.max_version = 1;
  return Encoded(response, version);
}

env::Task<std::string> Dispatch(QuorumApi* api, ApiKey key, std::string_view body, int16_t version) {
  switch (key) {
    case ApiKey::kApiVersions:
      co_return Versions(version);
    case ApiKey::kVote:
      co_return co_await Answer(api, &QuorumApi::Vote, body, version);
    case ApiKey::kBeginQuorumEpoch:
      co_return co_await Answer(api, &QuorumApi::BeginQuorumEpoch, body, version);
    case ApiKey::kEndQuorumEpoch:
      co_return co_await Answer(api, &QuorumApi::EndQuorumEpoch, body, version);
    case ApiKey::kFetch:
      co_return co_await Answer(api, &QuorumApi::Fetch, body, version);
    case ApiKey::kFetchSnapshot:
      co_return co_await Answer(api, &QuorumApi::FetchSnapshot, body, version);
    case ApiKey::kUpdateRaftVoter:
      co_return co_await Answer(api, &QuorumApi::UpdateRaftVoter, body, version);
    default:
      DOHLE_CHECK(false);
  }
}

}  // namespace

QuorumPort::QuorumPort(env::Env& env, uint16_t port, QuorumApi& api) {
  auto listener = env.transport.Listen(
      {"", port}, env.executors, [api = &api](std::unique_ptr<env::Connection> stream) {
        env::Executor& executor = stream->executor();
        env::Spawn(executor, Serve(api, std::move(stream)));
      });
  DOHLE_CHECK(listener.ok());
  listener_ = std::move(*listener);
}

env::Task<void> QuorumPort::Serve(QuorumApi* api, std::unique_ptr<env::Connection> stream) {
  for (;;) {
    std::array<char, 4> prefix{};
    Status status = co_await env::ReadExactly(*stream, prefix.data(), prefix.size());
    if (!status.ok()) co_return;
    std::string frame(static_cast<size_t>(kafka::LoadBigEndian<int32_t>(prefix.data())), '\0');
    status = co_await env::ReadExactly(*stream, frame.data(), frame.size());
    if (!status.ok()) co_return;
    const auto key = static_cast<ApiKey>(kafka::LoadBigEndian<int16_t>(frame.data()));
    const auto version = kafka::LoadBigEndian<int16_t>(frame.data() + 2);
    kafka::Reader reader(frame);
    kafka::RequestHeader header;
    DOHLE_CHECK(kafka::Decode(reader, kafka::RequestHeaderVersion(key, version), &header).ok());
    const std::string body =
        co_await Dispatch(api, key, std::string_view(frame).substr(reader.position()), version);
    kafka::ResponseHeader response;
    response.correlation_id = header.correlation_id;
    const std::string head = kafka::EncodeWhole(response, kafka::ResponseHeaderVersion(key, version));
    std::string bytes(4, '\0');
    kafka::StoreBigEndian<int32_t>(bytes.data(), static_cast<int32_t>(head.size() + body.size()));
    bytes += head + body;
    status = co_await env::WriteAll(*stream, bytes);
    if (!status.ok()) co_return;
  }
}

// What one node sees in one life.
class TestQuorum::Watch : public MetadataPublisher, public QuorumListener {
 public:
  Watch(TestQuorum& quorum, NodeId id) : quorum_(quorum), id_(id) {}

  std::string_view name() const override { return "watch"; }
  env::Task<void> Publish(const MetadataUpdate& update) override {
    const Offset end = update.after->provenance.end_offset();
    const size_t topics = update.after->topics.by_id.size();
    EXPECT_GT(end, last_end_) << "node " << id_.value();
    // Updates that change nothing aren't told.
    EXPECT_GE(update.before->provenance.end_offset(), last_end_) << "node " << id_.value();
    EXPECT_EQ(update.before->topics.by_id.size(), topics_) << "node " << id_.value();
    EXPECT_GE(topics, topics_) << "node " << id_.value();
    EXPECT_EQ(quorum_.history_.emplace(end, topics).first->second, topics)
        << "node " << id_.value() << " has another history up to offset " << end.value();
    last_end_ = end;
    topics_ = topics;
    co_return;
  }
  env::Task<void> OnLeaderChange(QuorumLeader leader) override {
    EXPECT_TRUE(leader.epoch > last_leader_.epoch || leader != last_leader_);
    EXPECT_GE(leader.epoch, last_leader_.epoch);
    last_leader_ = leader;
    EXPECT_EQ(leader.is_local, leader.id == id_);
    if (leader.id != kNoNode) {
      EXPECT_EQ(quorum_.leaders_.emplace(leader.epoch, leader.id).first->second, leader.id)
          << "epoch " << leader.epoch.value() << " has two leaders";
      EXPECT_FALSE(leader.endpoints.empty());
    }
    co_return;
  }
  const QuorumLeader& last_leader() const { return last_leader_; }

 private:
  TestQuorum& quorum_;
  const NodeId id_;
  Offset last_end_{-1};
  size_t topics_ = 0;
  QuorumLeader last_leader_;
};

TestQuorum::TestQuorum(env::SimWorld& world, TestQuorumOptions options)
    : world_(world), options_(std::move(options)) {
  for (int i = 0; i < options_.voters + options_.observers; ++i) {
    auto member = std::make_unique<Member>();
    member->node = &world.AddNode("node-" + std::to_string(i + 1));
    member->id = NodeId(i + 1);
    member->voter = i < options_.voters;
    member->directory_id = member->node->env().random.NextUuid();
    if (member->voter) {
      const DirectoryId known = options_.static_voters ? DirectoryId() : member->directory_id;
      voters_.voters.push_back(
          {{member->id, known}, {{"CONTROLLER", member->node->name(), kControllerPort}}, 0, 1});
    }
    members_.push_back(std::move(member));
  }
  for (const auto& member : members_) {
    FormatOptions format;
    format.cluster_id = kClusterId;
    format.node_id = member->id;
    format.log_dirs = {kDirectory};
    format.metadata_log_dir = kDirectory;
    if (!options_.static_voters && member->voter) format.initial_controllers = voters_;
    env::Env& env = member->node->env();
    const auto formatted = FormatStorage(env.file_system, env.random, env.clock, format);
    EXPECT_TRUE(formatted.ok()) << formatted.status();
    const auto meta = storage::ReadMetaProperties(env.file_system, kDirectory);
    EXPECT_TRUE(meta.ok()) << meta.status();
    member->directory_id = meta->directory_id;
  }
}

TestQuorum::~TestQuorum() {
  for (size_t i = 0; i < size(); ++i) {
    if (running(i)) Crash(i, Death::kProcess);
  }
}

MetadataLogOptions TestQuorum::OptionsOf(Member& member) {
  env::Env& env = member.node->env();
  MetadataLogOptions options;
  options.file_system = &env.file_system;
  options.clock = &env.clock;
  options.blocking_pool = &env.blocking_pool;
  options.executor = env.executors[0];
  options.transport = &env.transport;
  options.random = &env.random;
  options.log_dir = kDirectory;
  options.node_id = member.id;
  options.directory_id = member.directory_id;
  options.cluster_id = kClusterId;
  options.is_controller = member.voter;
  if (options_.static_voters) options.static_voters = voters_;
  if (!options_.static_voters) {
    for (const raft::Voter& voter : voters_.voters)
      options.bootstrap_servers.push_back({voter.endpoints[0].host, voter.endpoints[0].port});
  }
  if (member.voter || options_.all_controllers)
    options.controller_endpoints = {{"CONTROLLER", member.node->name(), member.controller_port}};
  options.config = options_.config;
  return options;
}

void TestQuorum::Start(size_t i) {
  Member& member = *members_[i];
  DOHLE_CHECK(member.log == nullptr);
  if (!member.node->running()) member.node->Restart();
  auto opened = MetadataLog::Open(OptionsOf(member));
  ASSERT_TRUE(opened.ok()) << name(i) << ": " << opened.status();
  member.log = *std::move(opened);
  member.watch = std::make_unique<Watch>(*this, member.id);
  member.log->AddPublisher(member.watch.get());
  member.log->AddQuorumListener(member.watch.get());
  member.port = std::make_unique<QuorumPort>(member.node->env(), member.controller_port,
                                             *member.log->quorum_api());
  env::Spawn(*member.node->env().executors[0], Live(this, member.log.get()));
  for (int writer = 1; writer < options_.writers; ++writer)
    env::Spawn(*member.node->env().executors[0], WriteTopics(this, member.log.get()));
}

void TestQuorum::StartAll() {
  for (size_t i = 0; i < size(); ++i) {
    if (!running(i)) Start(i);
  }
}

void TestQuorum::Crash(size_t i, Death death) {
  Member& member = *members_[i];
  member.node->Crash(death);
  member.port.reset();
  member.log.reset();
  member.watch.reset();
}

env::Task<void> TestQuorum::Live(TestQuorum* quorum, MetadataLog* log) {
  const Status started = co_await log->Start();
  EXPECT_TRUE(started.ok()) << started;
  const std::set<std::string> acknowledged = quorum->acknowledged_;
  const Status caught_up = co_await log->WaitUntilCaughtUp();
  EXPECT_TRUE(caught_up.ok() || absl::IsCancelled(caught_up)) << caught_up;
  const ImagePtr image = log->cache().Current();
  for (const std::string& topic : acknowledged) {
    // A leader that is cut off doesn't know of the newest ones.
    EXPECT_TRUE(quorum->cut_ || !caught_up.ok() || image->topics.Find(topic) != nullptr) << topic;
  }
  co_await WriteTopics(quorum, log);
}

env::Task<void> TestQuorum::WriteTopics(TestQuorum* quorum, MetadataLog* log) {
  for (;;) {
    if (!quorum->writing_ || !log->leader()->is_local) {
      co_await env::Sleep(absl::Milliseconds(10));
      continue;
    }
    const int number = quorum->next_topic_++;
    const std::string name = "topic-" + std::to_string(number);
    Decide create = [number, name](const WriteContext&) {
      kafka::TopicRecord record;
      record.name = name;
      record.topic_id = TopicId(7, static_cast<uint64_t>(number));
      EncodedRecords records;
      records.push_back(kafka::EncodeMetadataRecord(std::move(record), 0));
      return records;
    };
    const StatusOr<Offset> written = co_await log->Write(std::move(create));
    if (written.ok()) quorum->acknowledged_.insert(name);
    if (quorum->pause_ > absl::ZeroDuration()) co_await env::Sleep(quorum->pause_);
  }
}

namespace {

template <typename T>
env::Task<void> Run(env::Task<T> task, std::shared_ptr<std::optional<T>> outcome) {
  outcome->emplace(co_await std::move(task));
}

template <typename Request, typename Response>
env::Task<int16_t> Ask(QuorumApi* api, env::Task<Response> (QuorumApi::*serve)(const Request&, int16_t),
                       Request request) {
  const Response response = co_await (api->*serve)(request, Request::kVersions.max);
  co_return response.error_code;
}

}  // namespace

template <typename T>
std::optional<T> TestQuorum::Await(size_t i, env::Task<T> task, absl::Duration limit) {
  auto outcome = std::make_shared<std::optional<T>>();
  env::Spawn(*members_[i]->node->env().executors[0], Run<T>(std::move(task), outcome));
  (void)world_.RunUntil([&] { return outcome->has_value(); }, limit);
  return std::move(*outcome);
}

std::optional<Status> TestQuorum::Stop(size_t i, absl::Duration limit) {
  return Await(i, members_[i]->log->Stop(), limit);
}

StatusOr<raft::OffsetAndEpoch> TestQuorum::TakeSnapshot(size_t i) {
  auto taken = Await(i, members_[i]->log->TakeSnapshot());
  if (!taken) return MakeStatus(StatusCode::kDeadlineExceeded, "no snapshot in time");
  return *taken;
}

int16_t TestQuorum::AddVoter(size_t of, size_t i) {
  kafka::AddRaftVoterRequest request;
  request.cluster_id = kClusterId;
  request.timeout_ms = 10'000;
  request.voter_id = members_[i]->id.value();
  request.voter_directory_id = members_[i]->directory_id;
  auto& listener = request.listeners.emplace_back();
  listener.name = "CONTROLLER";
  listener.host = members_[i]->node->name();
  listener.port = members_[i]->controller_port;
  return Await(of, Ask(members_[of]->log->quorum_api(), &QuorumApi::AddRaftVoter, std::move(request)))
      .value_or(int16_t{-1});
}

int16_t TestQuorum::RemoveVoter(size_t of, size_t i) {
  kafka::RemoveRaftVoterRequest request;
  request.cluster_id = kClusterId;
  request.voter_id = members_[i]->id.value();
  request.voter_directory_id = members_[i]->directory_id;
  return Await(of, Ask(members_[of]->log->quorum_api(), &QuorumApi::RemoveRaftVoter, std::move(request)))
      .value_or(int16_t{-1});
}

Status TestQuorum::LeaveTransactionOpen(size_t i, const std::string& topic) {
  Decide begin = [topic](const WriteContext&) {
    kafka::TopicRecord record;
    record.name = topic;
    record.topic_id = TopicId(8, 8);
    EncodedRecords records;
    records.push_back(kafka::EncodeMetadataRecord(kafka::BeginTransactionRecord(), 0));
    records.push_back(kafka::EncodeMetadataRecord(std::move(record), 0));
    return records;
  };
  const auto written = Await(i, members_[i]->log->Write(std::move(begin)));
  return written ? written->status() : MakeStatus(StatusCode::kDeadlineExceeded, "not in time");
}

bool TestQuorum::HasTopic(size_t i, const std::string& topic) const {
  return members_[i]->log->cache().Current()->topics.Find(topic) != nullptr;
}

std::optional<size_t> TestQuorum::Leader() const {
  std::optional<size_t> leader;
  LeaderEpoch epoch(-1);
  for (size_t i = 0; i < size(); ++i) {
    if (!running(i)) continue;
    const auto known = members_[i]->log->leader();
    if (!known->is_local || known->epoch <= epoch) continue;
    leader = i;
    epoch = known->epoch;
  }
  return leader;
}

bool TestQuorum::RunUntilLed(absl::Duration limit) {
  return world_.RunUntil([&] { return Leader().has_value(); }, limit);
}

void TestQuorum::Isolate(size_t i) {
  cut_ = true;
  for (size_t other = 0; other < size(); ++other) {
    if (other != i) world_.network().CutBothWays(name(i), name(other));
  }
}

bool TestQuorum::HasAll(size_t i) const {
  const ImagePtr image = members_[i]->log->cache().Current();
  if (image->topics.by_id.size() < acknowledged_.size()) return false;
  for (const std::string& topic : acknowledged_) {
    if (image->topics.Find(topic) == nullptr) return false;
  }
  return true;
}

bool TestQuorum::RunUntilCaughtUp(absl::Duration limit) {
  const bool writing = std::exchange(writing_, false);
  const bool done = world_.RunUntil(
      [&] {
        if (!Leader()) return false;
        for (size_t i = 0; i < size(); ++i) {
          if (running(i) && !HasAll(i)) return false;
        }
        return true;
      },
      limit);
  writing_ = writing;
  return done;
}

bool TestQuorum::RunUntilAcknowledged(size_t more, absl::Duration limit) {
  const size_t wanted = acknowledged() + more;
  return world_.RunUntil([&] { return acknowledged() >= wanted; }, limit);
}

}  // namespace dohle::metadata::testing
