#include "operator/reconcile/autoscaling/broker_scaler.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "lib/base/log.h"
#include "lib/http/http_client.h"
#include "operator/api/time_text.h"

namespace dohle::reconcile::autoscaling {
namespace {

constexpr absl::Duration kScrapeTimeout = absl::Seconds(3);
constexpr size_t kMostPageBytes = size_t{32} << 20;
constexpr int64_t kDisksMs = 30'000;
// What changes with every look isn't written with every look.
constexpr int64_t kStatusMs = 30'000;
constexpr int64_t kRetryMs = 60'000;
// In a dry run fewer brokers than were advised are a new advice only after so long.
constexpr int64_t kAdviceMs = 600'000;

k8s::Json EncodeScaling(const api::AutoscalingStatus& status) {
  k8s::Json json = {{"wanted", status.wanted},
                    {"reason", status.reason},
                    {"message", status.message},
                    {"since", api::TimeText(status.since_ms)}};
  if (status.scaled_ms != 0) json["lastScaleTime"] = api::TimeText(status.scaled_ms);
  return json;
}

std::optional<double> Cpu(const k8s::Json& list) {
  const auto cpu = list.find("cpu");
  if (cpu == list.end()) return std::nullopt;
  std::string text = cpu->is_string() ? cpu->get<std::string>() : cpu->dump();
  const bool thousandths = text.ends_with('m');
  if (thousandths) text.pop_back();
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || value <= 0) return std::nullopt;
  return thousandths ? value / 1000 : value;
}

}  // namespace

double CoresOf(const api::RawJson& resources) {
  const k8s::Json json = k8s::Json::parse(resources, nullptr, false);
  for (const char* kind : {"limits", "requests"}) {
    if (!json.is_object() || !json.contains(kind) || !json[kind].is_object()) continue;
    if (const auto cores = Cpu(json[kind])) return *cores;
  }
  return 1;
}

std::string WhyNoScaleIn(const ClusterResource& cluster) {
  const api::ClusterStatus& status = cluster.status;
  if (status.observed_generation != cluster.meta.generation) return "the Cluster's spec has just changed";
  if (status.ready_replicas < cluster.spec.brokers) {
    return fmt::format("{} of {} brokers are ready", status.ready_replicas, cluster.spec.brokers);
  }
  if (status.offline_partitions > 0) {
    return fmt::format("{} partitions have no leader", status.offline_partitions);
  }
  if (status.under_replicated_partitions > 0) {
    return fmt::format("{} partitions lack replicas in sync", status.under_replicated_partitions);
  }
  if (status.phase != "Ready") return fmt::format("the Cluster is {}", status.phase);
  return "";
}

env::Task<void> BrokerScaler::Run(env::StopSignal* stop) {
  while (!stop->stopped()) {
    std::vector<Ref> looked_at;
    for (const auto& [name, cluster] : parts_.clusters.all()) looked_at.push_back(cluster);
    std::erase_if(clusters_, [this](const auto& entry) {
      return !entry.second.busy && parts_.clusters.Get(entry.first) == nullptr;
    });
    for (const Ref& cluster : looked_at) {
      const auto known = clusters_.find(cluster->meta.name);
      if (known != clusters_.end() && known->second.busy) continue;
      if (!cluster->spec.autoscaling) {
        const bool told = cluster->autoscaling.has_value() && parts_.may_act();
        if (told) co_await WriteStatus(cluster, std::nullopt);
        clusters_.erase(cluster->meta.name);
      } else if (!cluster->spec.paused && !cluster->meta.deleting() && cluster->faults.empty()) {
        ClusterOf(*cluster).busy = true;
        // One that doesn't answer holds up no other.
        env::Spawn(parts_.executor, Look(cluster));
      }
      if (stop->stopped()) co_return;
    }
    const bool stopped = co_await stop->SleepFor(kBrokerLookInterval);
    if (stopped) break;
  }
}

BrokerScaler::Cluster& BrokerScaler::ClusterOf(const ClusterResource& resource) {
  Cluster& cluster = clusters_[resource.meta.name];
  if (cluster.uid == resource.meta.uid) return cluster;
  cluster = Cluster();
  cluster.uid = resource.meta.uid;
  cluster.status = resource.autoscaling;
  if (cluster.status && cluster.status->scaled_ms != 0) {
    const int64_t ago_ms =
        std::max<int64_t>(parts_.executor.clock().WallTimeMs() - cluster.status->scaled_ms, 0);
    cluster.state.scaled_ms = NowMs() - ago_ms;
    cluster.state.scaled_out = true;  // if it wasn't, the next one waits for no harm
  }
  return cluster;
}

env::Task<void> BrokerScaler::Look(Ref resource) {
  Cluster& cluster = ClusterOf(*resource);
  const BrokerObservation seen = co_await Observe(resource, &cluster);
  if (parts_.may_act() && NowMs() >= cluster.retry_ms) {
    const BrokerLimits limits = LimitsOf(*resource->spec.autoscaling);
    BrokerDecision decision = DecideBrokers(limits, seen, cluster.state);
    co_await Act(resource, &cluster, std::move(decision));
  }
  cluster.busy = false;
}

env::Task<BrokerObservation> BrokerScaler::Observe(Ref resource, Cluster* cluster) {
  BrokerObservation seen;
  const double cores = CoresOf(resource->spec.resources);
  const std::vector<env::Endpoint> pages = parts_.metrics_pages(resource->meta.name);
  std::vector<std::string> brokers;
  for (const env::Endpoint& page : pages) {
    brokers.push_back(ToString(page));
    co_await ReadPage(page, cores, cluster, &seen.readings);
  }
  cluster->rates.KeepOnly(brokers);
  if (!cluster->disks_ms || NowMs() - *cluster->disks_ms >= kDisksMs) {
    co_await LookAtDisks(resource, cluster);
  }
  seen.readings.insert(seen.readings.end(), cluster->disks.begin(), cluster->disks.end());
  seen.time_ms = NowMs();
  seen.most_replicas = cluster->most_replicas;
  // As it is now: what was written meanwhile is known.
  const Ref now = parts_.clusters.Get(resource->meta.name);
  seen.brokers = now == nullptr ? resource->spec.brokers : now->spec.brokers;
  seen.no_scale_in = WhyNoScaleIn(now == nullptr ? *resource : *now);
  co_return seen;
}

env::Task<void> BrokerScaler::ReadPage(env::Endpoint page, double cores, Cluster* cluster,
                                       std::vector<BrokerReading>* readings) {
  BrokerPageReader reader;
  http::HttpGetOptions options;
  options.timeout = kScrapeTimeout;
  options.max_body_bytes = kMostPageBytes;
  options.take_body = [&reader](std::string_view piece) { reader.Take(piece); };
  const StatusOr<http::HttpAnswer> answer =
      co_await http::HttpGet(parts_.env.transport, parts_.executor, page, "/metrics", options);
  if (!answer.ok() || answer->status != 200) co_return;
  const BrokerRates rates = cluster->rates.Add(ToString(page), NowMs(), reader.End());
  BrokerReading reading;
  reading.bytes_per_second = rates.bytes_per_second;
  if (rates.cpu) reading.cpu_share = *rates.cpu / cores;
  readings->push_back(reading);
}

env::Task<void> BrokerScaler::LookAtDisks(Ref resource, Cluster* cluster) {
  const std::optional<std::string> address = parts_.address(resource->meta.name);
  if (!address) co_return;
  const StatusOr<std::shared_ptr<KafkaClient>> kafka = parts_.kafka.Get(*address);
  if (!kafka.ok()) co_return;
  const std::shared_ptr<KafkaClient> client = *kafka;
  const StatusOr<std::vector<kafka::client::TopicDescription>> topics = co_await client->admin.ListTopics();
  if (topics.ok()) {
    size_t most = 1;
    for (const auto& topic : *topics) {
      for (const auto& partition : topic.partitions) most = std::max(most, partition.replicas.size());
    }
    cluster->most_replicas = static_cast<int32_t>(most);
  }
  const kafka::client::LogDirs dirs = co_await client->admin.DescribeLogDirs();
  std::map<NodeId, BrokerReading> brokers;
  for (const auto& dir : dirs.dirs) {
    if (!dir.status.ok() || dir.total_bytes <= 0 || dir.usable_bytes < 0) continue;
    BrokerReading& reading = brokers[dir.broker];
    reading.disk_bytes = reading.disk_bytes.value_or(0) + static_cast<double>(dir.total_bytes);
    reading.disk_used_bytes =
        reading.disk_used_bytes.value_or(0) + static_cast<double>(dir.total_bytes - dir.usable_bytes);
  }
  cluster->disks.clear();
  for (const auto& [id, reading] : brokers) cluster->disks.push_back(reading);
  cluster->disks_ms = NowMs();
}

env::Task<void> BrokerScaler::Act(Ref resource, Cluster* cluster, BrokerDecision decision) {
  const int64_t wall_ms = parts_.executor.clock().WallTimeMs();
  api::AutoscalingStatus status = cluster->status.value_or(api::AutoscalingStatus());
  const bool same = cluster->status && status.reason == decision.reason && status.wanted == decision.wanted;
  const bool dry_run = resource->spec.autoscaling->dry_run;
  if (decision.scale && !dry_run) co_await Scale(resource, cluster, &decision);
  const bool scaled = decision.scale && !dry_run;
  if (same && !scaled) co_return;
  if (!decision.scale && cluster->status && NowMs() - cluster->written_ms < kStatusMs) co_return;
  const bool advised = dry_run && decision.scale && status.reason == decision.reason &&
                       decision.wanted <= status.wanted && NowMs() - cluster->written_ms < kAdviceMs;
  if (advised) co_return;
  if (decision.scale && dry_run) {
    parts_.events.Normal(k8s::kClusters, resource->meta, "ScalingAdvised", "Scale",
                         fmt::format("{} brokers are advised in place of {}: {}", decision.wanted,
                                     resource->spec.brokers, decision.note));
  }
  if (decision.reason == broker_reason::kAtMost) {
    parts_.events.Warning(k8s::kClusters, resource->meta, "AtMaxBrokers", "Scale", decision.note);
  }
  status.wanted = decision.wanted;
  status.reason = decision.reason;
  status.message = decision.note;
  status.since_ms = wall_ms;
  if (scaled) status.scaled_ms = wall_ms;
  cluster->status = status;
  cluster->written_ms = NowMs();
  co_await WriteStatus(resource, std::move(status));
}

// `decision` doesn't scale any more if that was refused.
env::Task<void> BrokerScaler::Scale(Ref resource, Cluster* cluster, BrokerDecision* decision) {
  const k8s::ObjectName name = resource->meta.name;
  k8s::Json patch = k8s::Json::object();
  patch["spec"]["replicas"] = decision->wanted;
  const int32_t before = resource->spec.brokers;
  const StatusOr<k8s::Json> written =
      co_await parts_.client.MergePatch(k8s::kClusters, name, std::move(patch), k8s::Subresource::kScale);
  if (absl::IsNotFound(written.status())) co_return;
  if (!written.ok()) {
    cluster->retry_ms = NowMs() + kRetryMs;
    decision->scale = false;
    decision->note += fmt::format("; the API server refuses it: {}", Message(written.status()));
    parts_.events.Warning(k8s::kClusters, resource->meta, "ScalingFailed", "Scale", decision->note);
    co_return;
  }
  const bool out = decision->wanted > before;
  parts_.events.Normal(k8s::kClusters, resource->meta, out ? "ScaledOut" : "ScaledIn", "Scale",
                       fmt::format("From {} to {} brokers: {}", before, decision->wanted, decision->note));
  log::Info("operator", "cluster {}: autoscaling from {} to {} brokers: {}", ToString(name), before,
            decision->wanted, decision->note);
}

// Nothing: the part of the status that is ours is taken away.
env::Task<void> BrokerScaler::WriteStatus(Ref resource, std::optional<api::AutoscalingStatus> status) {
  k8s::Json object = k8s::NewObject(k8s::kClusters, resource->meta.name);
  object["metadata"]["uid"] = resource->meta.uid;
  object["status"] = k8s::Json::object();
  if (status) object["status"]["autoscaling"] = EncodeScaling(*status);
  k8s::ApplyOptions options;
  options.field_manager = kAutoscalerFieldManager;
  options.subresource = k8s::Subresource::kStatus;
  const StatusOr<k8s::Json> written =
      co_await parts_.client.Apply(k8s::kClusters, std::move(object), std::move(options));
  if (!written.ok() && !absl::IsNotFound(written.status())) {
    log::Warning("operator", "cluster {}: status.autoscaling: {}", ToString(resource->meta.name),
                 Message(written.status()));
  }
}

}  // namespace dohle::reconcile::autoscaling
