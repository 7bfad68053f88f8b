// What the broker counts while it works. Made once; handles are copied to whoever counts. Any thread.
//
//   topic.metrics = server_metrics.ForTopic("orders");      // kept by the topic or partition
//   topic.metrics.BytesIn(n);                               // counts for the topic and for all
//   auto& fetch = server_metrics.ForRequest("Fetch");       // kept by the dispatcher
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/server/metrics/catalogue.h"

namespace dohle::server {

// Kafka's BrokerTopicMetrics: each number for one topic and, in the series without a topic, for all.
class TopicMetrics {
 public:
  TopicMetrics() = default;  // counts into nothing

  void BytesIn(uint64_t n) const { Count(bytes_in_, n); }
  void BytesOut(uint64_t n) const { Count(bytes_out_, n); }
  void MessagesIn(uint64_t n) const { Count(messages_in_, n); }
  void BytesRejected(uint64_t n) const { Count(bytes_rejected_, n); }
  void ProduceRequest() const { Count(produce_requests_, 1); }
  void FailedProduceRequest() const { Count(failed_produce_requests_, 1); }
  void FetchRequest() const { Count(fetch_requests_, 1); }
  void FailedFetchRequest() const { Count(failed_fetch_requests_, 1); }

 private:
  friend struct ServerMetrics;
  struct Pair {
    metrics::Counter topic;
    metrics::Counter all;
  };
  static void Count(const Pair& pair, uint64_t n) {
    pair.topic.Increment(n);
    pair.all.Increment(n);
  }
  Pair bytes_in_, bytes_out_, messages_in_, bytes_rejected_;
  Pair produce_requests_, failed_produce_requests_, fetch_requests_, failed_fetch_requests_;
};

// Kafka's RequestMetrics of one API. Times are recorded in microseconds.
struct RequestMetrics {
  metrics::Histogram total_time_us;
  metrics::Histogram request_queue_time_us;
  metrics::Histogram local_time_us;
  metrics::Histogram remote_time_us;
  metrics::Histogram throttle_time_us;
  metrics::Histogram response_queue_time_us;
  metrics::Histogram response_send_time_us;
  metrics::Histogram request_bytes;
};

// Of one listener on one event loop.
struct ListenerMetrics {
  metrics::Counter connections_created;
  metrics::Counter connections_closed;
  metrics::Counter incoming_bytes;
  metrics::Counter outgoing_bytes;
};

struct ServerMetrics {
  // `registry` outlives this.
  explicit ServerMetrics(metrics::Registry& registry);

  TopicMetrics ForTopic(std::string_view topic) const;
  // `request` as Kafka names it: the API's name, and for fetches "Fetch", "FetchConsumer", "FetchFollower".
  RequestMetrics ForRequest(std::string_view request) const;
  metrics::Counter Requests(std::string_view request, int16_t version) const;
  metrics::Counter Errors(std::string_view request, std::string_view error) const;  // "NONE", …
  ListenerMetrics ForListener(std::string_view listener, int event_loop) const;

  metrics::Registry& registry;

  metrics::Counter invalid_magic_records;
  metrics::Counter invalid_crc_records;
  metrics::Counter invalid_offset_or_sequence_records;
  metrics::Counter no_key_compacted_records;
  metrics::Counter replication_bytes_in;
  metrics::Counter replication_bytes_out;
  metrics::Counter reassignment_bytes_in;
  metrics::Counter reassignment_bytes_out;
  metrics::Counter isr_shrinks;
  metrics::Counter isr_expands;
  metrics::Counter failed_isr_updates;
  metrics::Counter unclean_leader_elections;
  metrics::Counter elections_from_eligible_leader_replicas;
  metrics::Counter fetch_session_evictions;
  metrics::Counter expired_consumer_fetches;
  metrics::Counter expired_follower_fetches;
  metrics::Counter expired_produces;
  metrics::Counter expired_connections_killed;
  metrics::Counter raft_incoming_bytes;
  metrics::Counter raft_outgoing_bytes;
  metrics::Counter raft_requests;
  metrics::Counter raft_responses;
  metrics::Histogram log_flush_time_us;
  metrics::Histogram controller_queue_time_us;
  metrics::Histogram controller_processing_time_us;

 private:
  TopicMetrics::Pair OfTopic(std::string_view name, std::string_view topic) const;

  std::vector<metrics::Counter> totals_;  // keeps the series without a topic, whatever topics come and go
};

}  // namespace dohle::server
