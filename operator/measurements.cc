#include "operator/measurements.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/http/http_client.h"
#include "operator/reconcile/look_interval.h"

namespace dohle {
namespace {

constexpr size_t kMaxPageBytes = size_t{32} << 20;
constexpr absl::Duration kScrapeTimeout = absl::Seconds(3);

// The labels that say which cluster, as service discovery names them on the brokers' own series.
runtime::MetricLabels Place(std::string_view key) {
  const size_t slash = key.find('/');
  std::string_view cluster = key.substr(slash + 1);
  if (cluster.starts_with('=')) cluster.remove_prefix(1);
  return {{"namespace", key.substr(0, slash)}, {"dohle_cluster", cluster}};
}

runtime::MetricLabels PlaceOfTopic(std::string_view key, std::string_view topic) {
  runtime::MetricLabels labels = Place(key);
  labels.emplace_back("topic", topic);
  return labels;
}

}  // namespace

env::Task<void> Measurements::Run(reconcile::TopicController* topics, env::StopSignal* stop) {
  while (!stop->stopped()) {
    std::vector<std::string> keys;
    for (const auto& [key, group] : topics->groups()) keys.push_back(key);
    for (const std::string& key : keys) {
      // Nobody asks about it any more: its figures would stay as they were.
      if (topics->topics().Under(key).empty()) {
        clusters_.erase(key);
        continue;
      }
      const auto group = topics->groups().find(key);
      if (group == topics->groups().end()) continue;
      std::shared_ptr<kafka::client::Admin> admin = group->second->reconciler->admin();
      if (admin != nullptr) co_await Look(key, std::move(admin));
      if (stop->stopped()) co_return;
    }
    const size_t kept = topics->topics().all().size();
    const bool stopped = co_await stop->SleepFor(reconcile::LookInterval(kMeasureInterval, kept));
    if (stopped) break;
  }
}

env::Task<void> Measurements::Look(std::string key, std::shared_ptr<kafka::client::Admin> admin) {
  Cluster& cluster = clusters_[key];
  if (cluster.collector == nullptr) cluster.collector = std::make_unique<reconcile::LagCollector>(key, *this);
  const Status looked = co_await cluster.collector->CollectOnce(admin.get(), options_.env.clock.WallTimeMs());
  if (!looked.ok()) log::Debug("operator", "lag of {}: {}", key, Message(looked));
  const kafka::client::LogDirs dirs = co_await admin->DescribeLogDirs();
  if (dirs.status.ok()) {
    cluster.bytes.clear();
    for (const auto& dir : dirs.dirs) {
      for (const auto& replica : dir.replicas) cluster.bytes[replica.topic] += replica.bytes;
    }
  }
  const std::vector<env::Endpoint> pages = options_.metrics_pages(key);
  std::vector<std::string> brokers;
  for (const env::Endpoint& page : pages) brokers.push_back(ToString(page));
  clusters_[key].rates.KeepOnly(brokers);
  for (const env::Endpoint& page : pages) co_await Scrape(key, page);
}

env::Task<void> Measurements::Scrape(std::string key, env::Endpoint endpoint) {
  http::HttpGetOptions options;
  options.timeout = kScrapeTimeout;
  options.max_body_bytes = kMaxPageBytes;
  StringMap<reconcile::TopicBytes> totals;
  reconcile::TopicBytesReader reader(&totals);
  // The page of a broker with thousands of topics has megabytes, of which little is looked at.
  options.take_body = [&reader](std::string_view piece) { reader.Take(piece); };
  const StatusOr<http::HttpAnswer> page =
      co_await http::HttpGet(options_.env.transport, options_.executor, endpoint, "/metrics", options);
  if (!page.ok() || page->status != 200) co_return;
  reader.End();
  clusters_[key].rates.Add(ToString(endpoint), options_.env.clock.WallTimeMs(), std::move(totals));
}

void Measurements::Publish(const std::string& cluster,
                           std::shared_ptr<const reconcile::LagSnapshot> snapshot) {
  clusters_[cluster].lag = std::move(snapshot);
}

std::optional<reconcile::TopicMeasures> Measurements::Of(const std::string& key,
                                                         const std::string& topic) const {
  const auto found = clusters_.find(key);
  if (found == clusters_.end() || found->second.lag == nullptr) return std::nullopt;
  const Cluster& cluster = found->second;
  reconcile::TopicMeasures measures;
  if (const auto bytes = cluster.bytes.find(topic); bytes != cluster.bytes.end()) {
    measures.bytes = bytes->second;
  }
  const reconcile::TopicBytes rates = cluster.rates.Of(topic);
  measures.bytes_in_per_second = rates.in;
  measures.bytes_out_per_second = rates.out;
  const auto& records = cluster.lag->records_in_per_second;
  if (const auto rate = records.find(topic); rate != records.end())
    measures.records_in_per_second = rate->second;
  const auto& largest = cluster.lag->largest;
  if (const auto lag = largest.find(topic); lag != largest.end()) measures.largest_lag = lag->second;
  return measures;
}

void Measurements::Collect(runtime::MetricSink& sink) const {
  if (options_.partition_metrics) CollectLags(sink);
  CollectLargestLags(sink);
  CollectRates(sink);
}

void Measurements::CollectLags(runtime::MetricSink& sink) const {
  struct Family {
    const char* name;
    const char* help;
    double (*value)(const reconcile::PartitionLag&);
  };
  static constexpr Family kFamilies[] = {
      {"kafka_consumergroup_lag", "Records behind the end that a group hasn't committed.",
       [](const reconcile::PartitionLag& lag) { return static_cast<double>(lag.records); }},
      {"kafka_consumergroup_lag_seconds", "Age of the first record that a group hasn't committed.",
       [](const reconcile::PartitionLag& lag) { return lag.seconds; }},
      {"kafka_consumergroup_current_offset", "The offset that a group has committed.",
       [](const reconcile::PartitionLag& lag) { return static_cast<double>(lag.committed); }},
      {"kafka_consumergroup_end_offset", "The end of the partition, as seen with the group's lag.",
       [](const reconcile::PartitionLag& lag) { return static_cast<double>(lag.end); }},
  };
  for (const Family& family : kFamilies) {
    sink.Gauge(family.name, family.help);
    for (const auto& [key, cluster] : clusters_) {
      if (cluster.lag == nullptr) continue;
      for (const reconcile::PartitionLag& lag : cluster.lag->lags) {
        const std::string partition = std::to_string(lag.partition);
        runtime::MetricLabels labels = PlaceOfTopic(key, lag.topic);
        labels.emplace_back("consumergroup", lag.group);
        labels.emplace_back("partition", partition);
        sink.Sample(labels, family.value(lag));
      }
    }
  }
}

void Measurements::CollectLargestLags(runtime::MetricSink& sink) const {
  for (const bool seconds : {false, true}) {
    sink.Gauge(seconds ? "dohle_topic_largest_lag_seconds" : "dohle_topic_largest_lag_records",
               seconds ? "The seconds of the group that is behind most." : "Its records.");
    for (const auto& [key, cluster] : clusters_) {
      if (cluster.lag == nullptr) continue;
      for (const auto& [topic, lag] : cluster.lag->largest) {
        sink.Sample(PlaceOfTopic(key, topic), seconds ? lag.seconds : static_cast<double>(lag.records));
      }
    }
  }
  sink.Gauge("dohle_cluster_lags_left_out", "Lags beyond the bound, which no metric of a partition shows.");
  for (const auto& [key, cluster] : clusters_) {
    if (cluster.lag != nullptr) sink.Sample(Place(key), static_cast<double>(cluster.lag->left_out));
  }
}

void Measurements::CollectRates(runtime::MetricSink& sink) const {
  sink.Gauge("dohle_topic_records_in_per_second", "Records that come into a topic, by its partitions' ends.");
  for (const auto& [key, cluster] : clusters_) {
    if (cluster.lag == nullptr) continue;
    for (const auto& [topic, rate] : cluster.lag->records_in_per_second) {
      sink.Sample(PlaceOfTopic(key, topic), rate);
    }
  }
  for (const bool in : {true, false}) {
    sink.Gauge(in ? "dohle_topic_bytes_in_per_second" : "dohle_topic_bytes_out_per_second",
               in ? "Bytes that producers bring a topic." : "Bytes that consumers take from a topic.");
    for (const auto& [key, cluster] : clusters_) {
      for (const auto& [topic, bytes] : cluster.bytes) {
        const reconcile::TopicBytes rates = cluster.rates.Of(topic);
        sink.Sample(PlaceOfTopic(key, topic), in ? rates.in : rates.out);
      }
    }
  }
}

}  // namespace dohle
