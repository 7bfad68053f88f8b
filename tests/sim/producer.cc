#include "tests/sim/producer.h"

#include <fmt/format.h>

#include <utility>

#include "lib/base/check.h"
#include "lib/kafka/messages/init_producer_id_request.h"
#include "lib/kafka/messages/init_producer_id_response.h"
#include "lib/kafka/messages/produce_response.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::sim {
namespace {

using kafka::ErrorCode;

constexpr int16_t kProduceVersion = 12;
constexpr int16_t kInitProducerIdVersion = 4;
constexpr size_t kMostUnderWay = 3;

// The id is of no use any more: a new one is needed, and what was under way may or may not be there.
bool EndsIncarnation(int16_t error) {
  const ErrorCode code = kafka::ErrorFromCode(error);
  return code == ErrorCode::kOutOfOrderSequenceNumber || code == ErrorCode::kInvalidProducerEpoch ||
         code == ErrorCode::kUnknownProducerId || code == ErrorCode::kInvalidProducerIdMapping ||
         code == ErrorCode::kDuplicateSequenceNumber;
}

}  // namespace

kafka::ProduceRequest ProduceRequestOf(const SentBatch& batch, int64_t producer_id, int16_t producer_epoch,
                                       int32_t base_sequence, int64_t now_ms) {
  kafka::BatchOptions options;
  options.producer_id = ProducerId(producer_id);
  options.producer_epoch = ProducerEpoch(producer_epoch);
  options.base_sequence = base_sequence;
  kafka::RecordBatchBuilder builder(options);
  for (int32_t i = 0; i < batch.count; ++i) {
    const std::string value = RecordValue(batch, i);
    builder.Append(now_ms, std::nullopt, std::string_view(value));
  }
  auto bytes = builder.Build();
  DOHLE_CHECK(bytes.ok());
  kafka::ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 5000;
  auto& topic = request.topic_data.emplace_back();
  topic.name = kafka::Text::Copy(batch.partition.topic);
  auto& partition = topic.partition_data.emplace_back();
  partition.index = batch.partition.partition.value();
  partition.records.emplace(std::move(*bytes));
  return request;
}

Producer::Producer(env::Env& env, std::vector<env::Endpoint> brokers, History& history, Control& control,
                   ProducerOptions options)
    : env_(env),
      client_(env, std::move(brokers), fmt::format("producer-{}", options.number)),
      history_(history),
      control_(control),
      options_(std::move(options)) {}

env::Task<void> Producer::Run() {
  ++control_.running;
  incarnation_began_ = client_.now();
  while (!control_.stopping) {
    co_await env::Sleep(
        absl::Milliseconds(static_cast<int64_t>(env_.random.Below(control_.pause_at_most_ms))));
    if (options_.idempotent) {
      co_await Round();
    } else {
      co_await SendPlain();
    }
  }
  client_.Disconnect();
  --control_.running;
}

env::Task<bool> Producer::HaveId() {
  if (producer_id_ >= 0) co_return true;
  kafka::InitProducerIdRequest request;
  request.transactional_id.reset();
  auto answer = co_await client_.Call<kafka::InitProducerIdResponse>(Whom::Any(), std::move(request),
                                                                     kInitProducerIdVersion);
  if (!answer.ok() || answer->message.error_code != 0) co_return false;
  producer_id_ = answer->message.producer_id;
  producer_epoch_ = answer->message.producer_epoch;
  next_sequence_ = 0;
  incarnation_began_ = client_.now();
  co_return true;
}

void Producer::NewBatch() {
  SentBatch batch;
  batch.producer = options_.number;
  batch.incarnation = incarnation_;
  batch.idempotent = options_.idempotent;
  batch.partition = options_.partition;
  batch.first = next_number_;
  batch.count = static_cast<int32_t>(1 + env_.random.Below(3));
  next_number_ += batch.count;
  const int32_t count = batch.count;
  pending_.push_back({history_.Sent(std::move(batch)), next_sequence_});
  next_sequence_ = kafka::AddToSequence(next_sequence_, count);
}

void Producer::FillWindow() {
  const size_t want = 1 + env_.random.Below(kMostUnderWay);
  while (pending_.size() < want) NewBatch();
}

env::Task<void> Producer::Send(Client::ConnectionPtr connection, kafka::ProduceRequest request,
                               std::shared_ptr<Window> window, size_t index) {
  auto answer = co_await connection->Call<kafka::ProduceResponse>(std::move(request), kProduceVersion);
  Outcome& outcome = window->outcomes[index];
  if (!answer.ok()) {
    outcome.error = answer.status();
  } else {
    const auto& partition = answer->message.responses.at(0).partition_responses.at(0);
    outcome.error = partition.error_code;
    outcome.base_offset = partition.base_offset;
  }
  if (--window->left == 0) window->done->Set(true);
}

env::Task<void> Producer::Round() {
  const bool ready = co_await HaveId();
  if (!ready) co_return;
  FillWindow();
  const Whom leader = Whom::LeaderOf(options_.partition);
  auto connected = co_await client_.Connect(leader);
  if (!connected.ok()) co_return;
  const Client::ConnectionPtr connection = *connected;
  auto window = std::make_shared<Window>();
  window->outcomes.resize(pending_.size());
  window->left = pending_.size();
  window->sent_at = client_.now();
  window->done = std::make_shared<env::OneShot<bool>>();
  for (size_t i = 0; i < pending_.size(); ++i) {
    kafka::ProduceRequest request =
        ProduceRequestOf(history_.batches()[pending_[i].batch], producer_id_, producer_epoch_,
                         pending_[i].sequence, client_.wall_ms());
    env::Spawn(client_.executor(), Send(connection, std::move(request), window, i));
  }
  co_await window->done->WaitForever();
  if (Settle(*window)) co_return;
  client_.Forget(leader);
  co_await env::Sleep(absl::Milliseconds(100));
}

bool Producer::Settle(const Window& window) {
  std::deque<Pending> left;
  std::optional<int16_t> first_error;
  bool failed = false;
  for (size_t i = 0; i < pending_.size(); ++i) {
    const Outcome& outcome = window.outcomes[i];
    if (outcome.error.ok() && *outcome.error == 0) {
      history_.Acknowledged(pending_[i].batch, outcome.base_offset, window.sent_at);
      continue;
    }
    // What follows a failure may be refused because of it.
    if (!std::exchange(failed, true) && outcome.error.ok()) first_error = *outcome.error;
    left.push_back(pending_[i]);
  }
  pending_ = std::move(left);
  if (first_error && EndsIncarnation(*first_error)) OnRejected(*first_error);
  return !failed;
}

void Producer::OnRejected(int16_t error) {
  if (history_.Promised(options_.partition.topic, incarnation_began_)) {
    history_.Violation(fmt::format("{}: producer {}.{} (id {}), all in order, is refused with {}",
                                   ToString(options_.partition), options_.number, incarnation_, producer_id_,
                                   kafka::Name(kafka::ErrorFromCode(error))));
  }
  pending_.clear();
  producer_id_ = -1;
  ++incarnation_;
}

env::Task<void> Producer::SendPlain() {
  const Whom leader = Whom::LeaderOf(options_.partition);
  auto connected = co_await client_.Connect(leader);
  if (!connected.ok()) co_return;
  const MonotonicTime sent_at = client_.now();
  NewBatch();
  const size_t batch = std::exchange(pending_, {}).front().batch;
  kafka::ProduceRequest request =
      ProduceRequestOf(history_.batches()[batch], -1, -1, kafka::kNoSequence, client_.wall_ms());
  auto answer = co_await client_.Call<kafka::ProduceResponse>(leader, std::move(request), kProduceVersion);
  if (!answer.ok()) co_return;
  const auto& partition = answer->message.responses.at(0).partition_responses.at(0);
  if (partition.error_code == 0) {
    history_.Acknowledged(batch, partition.base_offset, sent_at);
  } else {
    client_.Forget(leader);
  }
}

}  // namespace dohle::sim
