// For tests: a broker that leads partitions and lets followers fetch, in a simulated world. It keeps sessions
// as KIP-227 wants them, reads real logs and does nothing else a broker does; it doesn't wait for records
// either, but answers after TestBroker::delay.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/replica/fetch_plan.h"
#include "broker/storage/log.h"
#include "lib/base/check.h"
#include "lib/kafka/client/test_broker.h"
#include "lib/kafka/messages/fetch_request.h"
#include "lib/kafka/messages/fetch_response.h"
#include "lib/kafka/messages/list_offsets_request.h"
#include "lib/kafka/messages/list_offsets_response.h"

namespace dohle::replica {

struct LedPartition {
  storage::Log* log = nullptr;
  LeaderEpoch leader_epoch{0};
  Offset high_watermark{0};
  kafka::ErrorCode error = kafka::ErrorCode::kNone;  // answered to fetches in place of records
  bool corrupt = false;                              // bytes are changed on their way
  // What the follower asked last.
  Offset fetched_to{-1};
  int asked = 0;  // how often it was looked at for a fetch
};

class FakeLeader {
 public:
  FakeLeader(env::SimNode& node, uint16_t port) : broker(node, port) {
    broker.On<kafka::FetchRequest, kafka::FetchResponse>(
        [this](const kafka::FetchRequest& request, int16_t) { return std::optional(Fetch(request)); });
    broker.On<kafka::ListOffsetsRequest, kafka::ListOffsetsResponse>(
        [this](const kafka::ListOffsetsRequest& request, int16_t) {
          return std::optional(ListOffsets(request));
        });
  }

  kafka::client::TestBroker broker;
  std::map<TopicIdPartition, LedPartition> led;
  kafka::FetchRequest::ReplicaState follower;  // as it names itself
  int full_fetches = 0;
  int fetches = 0;
  int32_t max_wait_ms = 0;   // of the last fetch
  bool has_sessions = true;  // false: its cache is full
  void ForgetSession() { session_id_ = -1; }

 private:
  struct Asked {
    Offset offset;
    LeaderEpoch leader_epoch, last_fetched_epoch;
    uint64_t max_bytes = 0;
    Offset told_high_watermark{-2};
  };

  kafka::FetchResponse Fetch(const kafka::FetchRequest& request) {
    kafka::FetchResponse response;
    ++fetches;
    follower = request.replica_state;
    max_wait_ms = request.max_wait_ms;
    const bool full = request.session_epoch == 0;
    if (full) {
      ++full_fetches;
      session_.clear();
      session_id_ = has_sessions ? ++last_session_id_ : 0;
      session_epoch_ = 0;
    } else if (request.session_id != session_id_ || request.session_epoch != session_epoch_) {
      response.error_code = static_cast<int16_t>(kafka::ErrorCode::kFetchSessionIdNotFound);
      return response;
    }
    ++session_epoch_;
    response.session_id = session_id_;
    NoteAsked(request);
    for (auto& [key, asked] : session_) {
      kafka::FetchResponse::PartitionData data = Look(key, asked);
      const bool news = data.error_code != 0 || data.diverging_epoch.end_offset >= 0 ||
                        (data.records && !data.records->empty()) ||
                        data.high_watermark != asked.told_high_watermark.value();
      asked.told_high_watermark = Offset(data.high_watermark);
      if (!news && !full) continue;
      auto& topic = response.responses.emplace_back();
      topic.topic_id = key.topic_id;
      topic.partitions.push_back(std::move(data));
    }
    return response;
  }

  void NoteAsked(const kafka::FetchRequest& request) {
    for (const auto& topic : request.topics) {
      for (const auto& partition : topic.partitions) {
        Asked& asked = session_[{topic.topic_id, PartitionIndex(partition.partition)}];
        asked.offset = Offset(partition.fetch_offset);
        asked.leader_epoch = LeaderEpoch(partition.current_leader_epoch);
        asked.last_fetched_epoch = LeaderEpoch(partition.last_fetched_epoch);
        asked.max_bytes = static_cast<uint64_t>(partition.partition_max_bytes);
      }
    }
    for (const auto& topic : request.forgotten_topics_data) {
      for (const int32_t partition : topic.partitions)
        session_.erase({topic.topic_id, PartitionIndex(partition)});
    }
  }

  kafka::FetchResponse::PartitionData Look(const TopicIdPartition& key, const Asked& asked) {
    kafka::FetchResponse::PartitionData data;
    data.partition_index = key.partition.value();
    data.high_watermark = -1;
    const auto refuse = [&data](kafka::ErrorCode error) {
      data.error_code = static_cast<int16_t>(error);
      return data;
    };
    const auto found = led.find(key);
    if (found == led.end()) return refuse(kafka::ErrorCode::kUnknownTopicId);
    LedPartition& partition = found->second;
    ++partition.asked;
    if (partition.error != kafka::ErrorCode::kNone) return refuse(partition.error);
    if (asked.leader_epoch < partition.leader_epoch) return refuse(kafka::ErrorCode::kFencedLeaderEpoch);
    if (asked.leader_epoch > partition.leader_epoch) return refuse(kafka::ErrorCode::kUnknownLeaderEpoch);
    storage::Log& log = *partition.log;
    data.log_start_offset = log.log_start_offset().value();
    data.high_watermark = partition.high_watermark.value();
    if (asked.last_fetched_epoch != kNoLeaderEpoch) {
      const storage::EpochEnd end = log.EndOffsetForEpoch(asked.last_fetched_epoch);
      if (end.epoch == kNoLeaderEpoch) return refuse(kafka::ErrorCode::kOffsetOutOfRange);
      if (end.epoch < asked.last_fetched_epoch || end.end_offset < asked.offset) {
        data.diverging_epoch = {end.epoch.value(), end.end_offset.value()};
        return data;
      }
    }
    storage::ReadOptions read;
    read.offset = asked.offset;
    read.max_bytes = asked.max_bytes;
    read.upper_bound = log.log_end_offset();
    auto result = log.Read(read);
    if (!result.ok()) return refuse(kafka::ErrorCode::kOffsetOutOfRange);
    partition.fetched_to = asked.offset;
    std::string bytes(result->records.length, '\0');
    if (!bytes.empty()) {
      auto got = result->records.file->ReadAt(result->records.position, bytes.data(), bytes.size());
      DOHLE_CHECK(got.ok() && *got == bytes.size());
      if (partition.corrupt) bytes.back() = static_cast<char>(~bytes.back());
    }
    data.records = kafka::Records(std::move(bytes));
    return data;
  }

  kafka::ListOffsetsResponse ListOffsets(const kafka::ListOffsetsRequest& request) {
    DOHLE_CHECK(request.replica_id >= 0);
    kafka::ListOffsetsResponse response;
    for (const auto& topic : request.topics) {
      auto& to = response.topics.emplace_back();
      to.name = kafka::Text::Copy(topic.name.view());
      for (const auto& asked : topic.partitions) {
        auto& partition = to.partitions.emplace_back();
        partition.partition_index = asked.partition_index;
        partition.error_code = static_cast<int16_t>(kafka::ErrorCode::kNotLeaderOrFollower);
        for (const auto& [key, one] : led) {
          if (one.log->partition().topic != topic.name.view() ||
              one.log->partition().partition != PartitionIndex(asked.partition_index))
            continue;
          if (asked.current_leader_epoch != one.leader_epoch.value()) break;
          partition.error_code = 0;
          const Offset offset =
              asked.timestamp == -1 ? one.log->log_end_offset() : one.log->log_start_offset();
          partition.offset = offset.value();
        }
      }
    }
    return response;
  }

  std::map<TopicIdPartition, Asked> session_;
  int32_t last_session_id_ = 100;
  int32_t session_id_ = -1;
  int32_t session_epoch_ = 0;
};

}  // namespace dohle::replica
