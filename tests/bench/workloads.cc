#include "tests/bench/workloads.h"

#include <fmt/core.h>

namespace dohle::bench {
namespace {

constexpr int16_t kOffsetOutOfRange = 1;
constexpr int16_t kUnknownTopicOrPartition = 3;
constexpr int16_t kLeaderNotAvailable = 5;
constexpr int16_t kNotLeaderOrFollower = 6;

// What a topic answers in its first moments.
bool Passes(int16_t error) {
  return error == kUnknownTopicOrPartition || error == kLeaderNotAvailable || error == kNotLeaderOrFollower;
}

}  // namespace

ProduceLoad::ProduceLoad(const std::string& topic, int32_t partitions, int16_t acks, const std::string& batch,
                         size_t connections)
    : batch_bytes_(static_cast<int64_t>(batch.size())), partitions_(partitions), acks_(acks) {
  for (size_t i = 0; i < connections; ++i) {
    requests_.push_back(ProduceRequest(topic, static_cast<int32_t>(i) % partitions, acks, batch));
  }
}

std::string& ProduceLoad::Next(size_t connection) {
  Request& request = requests_[connection];
  if (spread_) {
    PutI32(request.bytes, request.partition_at, next_);
    next_ = (next_ + 1) % partitions_;
  }
  return request.bytes;
}

int64_t ProduceLoad::OnAnswer(size_t, std::string_view frame) {
  if (acks_ == 0) return batch_bytes_;
  const int16_t error = ProduceError(frame);
  if (error == 0) return batch_bytes_;
  if (!Passes(error)) Die(fmt::format("Produce is answered with error {}", error));
  return -1;
}

FetchLoad::FetchLoad(const std::string& topic, int32_t partitions, int32_t max_bytes, size_t connections) {
  for (size_t i = 0; i < connections; ++i) {
    requests_.push_back(FetchRequest(topic, static_cast<int32_t>(i) % partitions, 0, max_bytes));
  }
}

int64_t FetchLoad::OnAnswer(size_t connection, std::string_view frame) {
  const FetchAnswer answer = ParseFetch(frame);
  Request& request = requests_[connection];
  if (answer.error == kOffsetOutOfRange) {
    PutI64(request.bytes, request.offset_at, 0);
    return 0;
  }
  if (Passes(answer.error)) return -1;
  if (answer.error != 0) Die(fmt::format("Fetch is answered with error {}", answer.error));
  PutI64(request.bytes, request.offset_at, answer.next_offset < 0 ? 0 : answer.next_offset);
  return static_cast<int64_t>(answer.records.size());
}

std::string& CreateTopicsLoad::Next(size_t) {
  request_ = CreateTopicRequest(fmt::format("{}-{}", prefix_, next_++), partitions_).bytes;
  return request_;
}

int64_t CreateTopicsLoad::OnAnswer(size_t, std::string_view frame) {
  const int16_t error = CreateTopicError(frame);
  if (error != 0) Die(fmt::format("CreateTopics is answered with error {}", error));
  return 1;
}

}  // namespace dohle::bench
