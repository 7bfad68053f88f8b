#include "broker/server/metrics/server_metrics.h"

#include <fmt/format.h>

namespace dohle::server {
namespace {

constexpr double kMsOfUs = 0.001;
constexpr std::string_view kTopicCounters[] = {"bytesin",
                                               "bytesout",
                                               "messagesin",
                                               "bytesrejected",
                                               "totalproducerequests",
                                               "failedproducerequests",
                                               "totalfetchrequests",
                                               "failedfetchrequests"};

std::string TopicCounter(std::string_view name) {
  return fmt::format("kafka_server_brokertopicmetrics_{}_total", name);
}

metrics::Labels Request(std::string_view request) { return {{"request", std::string(request)}}; }

}  // namespace

ServerMetrics::ServerMetrics(metrics::Registry& r)
    : registry(r),
      invalid_magic_records(AddCounter(r, "kafka_server_brokertopicmetrics_invalidmagicnumberrecords_total")),
      invalid_crc_records(AddCounter(r, "kafka_server_brokertopicmetrics_invalidmessagecrcrecords_total")),
      invalid_offset_or_sequence_records(
          AddCounter(r, "kafka_server_brokertopicmetrics_invalidoffsetorsequencerecords_total")),
      no_key_compacted_records(
          AddCounter(r, "kafka_server_brokertopicmetrics_nokeycompactedtopicrecords_total")),
      replication_bytes_in(AddCounter(r, "kafka_server_brokertopicmetrics_replicationbytesin_total")),
      replication_bytes_out(AddCounter(r, "kafka_server_brokertopicmetrics_replicationbytesout_total")),
      reassignment_bytes_in(AddCounter(r, "kafka_server_brokertopicmetrics_reassignmentbytesin_total")),
      reassignment_bytes_out(AddCounter(r, "kafka_server_brokertopicmetrics_reassignmentbytesout_total")),
      isr_shrinks(AddCounter(r, "kafka_server_replicamanager_isrshrinks_total")),
      isr_expands(AddCounter(r, "kafka_server_replicamanager_isrexpands_total")),
      failed_isr_updates(AddCounter(r, "kafka_server_replicamanager_failedisrupdates_total")),
      unclean_leader_elections(
          AddCounter(r, "kafka_controller_controllerstats_uncleanleaderelections_total")),
      elections_from_eligible_leader_replicas(
          AddCounter(r, "kafka_controller_controllerstats_electionfromeligibleleaderreplicas_total")),
      fetch_session_evictions(
          AddCounter(r, "kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total")),
      expired_consumer_fetches(
          AddCounter(r, "kafka_server_delayedfetchmetrics_expires_total", {{"fetcherType", "consumer"}})),
      expired_follower_fetches(
          AddCounter(r, "kafka_server_delayedfetchmetrics_expires_total", {{"fetcherType", "follower"}})),
      expired_produces(AddCounter(r, "kafka_server_delayedproducemetrics_expires_total")),
      expired_connections_killed(AddCounter(r, "kafka_network_socketserver_expiredconnectionskilledcount")),
      raft_incoming_bytes(AddCounter(r, "kafka_server_raftchannelmetrics_incoming_byte_total")),
      raft_outgoing_bytes(AddCounter(r, "kafka_server_raftchannelmetrics_outgoing_byte_total")),
      raft_requests(AddCounter(r, "kafka_server_raftchannelmetrics_request_total")),
      raft_responses(AddCounter(r, "kafka_server_raftchannelmetrics_response_total")),
      log_flush_time_us(AddQuantiles(r, "kafka_log_logflushstats_logflushrateandtimems", {}, kMsOfUs)),
      controller_queue_time_us(
          AddQuantiles(r, "kafka_controller_controllereventmanager_eventqueuetimems", {}, kMsOfUs)),
      controller_processing_time_us(AddQuantiles(
          r, "kafka_controller_controllereventmanager_eventqueueprocessingtimems", {}, kMsOfUs)) {
  for (const std::string_view name : kTopicCounters) totals_.push_back(AddCounter(r, TopicCounter(name)));
}

TopicMetrics::Pair ServerMetrics::OfTopic(std::string_view name, std::string_view topic) const {
  const std::string full = TopicCounter(name);
  return {AddCounter(registry, full, {{"topic", std::string(topic)}}), AddCounter(registry, full)};
}

TopicMetrics ServerMetrics::ForTopic(std::string_view topic) const {
  TopicMetrics metrics;
  metrics.bytes_in_ = OfTopic("bytesin", topic);
  metrics.bytes_out_ = OfTopic("bytesout", topic);
  metrics.messages_in_ = OfTopic("messagesin", topic);
  metrics.bytes_rejected_ = OfTopic("bytesrejected", topic);
  metrics.produce_requests_ = OfTopic("totalproducerequests", topic);
  metrics.failed_produce_requests_ = OfTopic("failedproducerequests", topic);
  metrics.fetch_requests_ = OfTopic("totalfetchrequests", topic);
  metrics.failed_fetch_requests_ = OfTopic("failedfetchrequests", topic);
  return metrics;
}

RequestMetrics ServerMetrics::ForRequest(std::string_view request) const {
  const auto time = [&](std::string_view what) {
    return AddQuantiles(registry, fmt::format("kafka_network_requestmetrics_{}timems", what),
                        Request(request), kMsOfUs);
  };
  RequestMetrics metrics;
  metrics.total_time_us = time("total");
  metrics.request_queue_time_us = time("requestqueue");
  metrics.local_time_us = time("local");
  metrics.remote_time_us = time("remote");
  metrics.throttle_time_us = time("throttle");
  metrics.response_queue_time_us = time("responsequeue");
  metrics.response_send_time_us = time("responsesend");
  metrics.request_bytes =
      AddQuantiles(registry, "kafka_network_requestmetrics_requestbytes", Request(request), 1);
  return metrics;
}

metrics::Counter ServerMetrics::Requests(std::string_view request, int16_t version) const {
  return AddCounter(registry, "kafka_network_requestmetrics_requests_total",
                    {{"request", std::string(request)}, {"version", std::to_string(version)}});
}

metrics::Counter ServerMetrics::Errors(std::string_view request, std::string_view error) const {
  return AddCounter(registry, "kafka_network_requestmetrics_errors_total",
                    {{"request", std::string(request)}, {"error", std::string(error)}});
}

ListenerMetrics ServerMetrics::ForListener(std::string_view listener, int event_loop) const {
  const auto counter = [&](std::string_view what) {
    return AddCounter(
        registry, fmt::format("kafka_server_socket_server_metrics_{}_total", what),
        {{"listener", std::string(listener)}, {"networkProcessor", std::to_string(event_loop)}});
  };
  return {counter("connection_creation"), counter("connection_close"), counter("incoming_byte"),
          counter("outgoing_byte")};
}

}  // namespace dohle::server
