#include "operator/operator.h"

#include <utility>
#include <vector>

#include "lib/base/log.h"
#include "lib/env/stop_signal.h"
#include "lib/http/http_server.h"
#include "operator/k8s/event_recorder.h"
#include "operator/measurements.h"
#include "operator/reconcile/autoscaling/broker_scaler.h"
#include "operator/reconcile/autoscaling/partition_scaler.h"
#include "operator/reconcile/cluster/cluster_controller.h"
#include "operator/reconcile/kafka/kafka_admin_control.h"
#include "operator/reconcile/kafka/kafka_clients.h"
#include "operator/reconcile/topic_controller.h"
#include "operator/runtime/gated_client.h"
#include "operator/runtime/leader_election.h"
#include "operator/runtime/metrics.h"

namespace dohle {
namespace {

using reconcile::ClusterController;
using reconcile::TopicController;

// Events go to the API server, and are counted.
class RecordedEvents : public reconcile::EventSink {
 public:
  RecordedEvents(k8s::EventRecorder& recorder, runtime::OperatorMetrics& metrics)
      : recorder_(recorder), metrics_(metrics) {}
  void Normal(const k8s::Resource& resource, const k8s::ObjectMeta& regarding, std::string_view reason,
              std::string_view action, std::string note) override {
    Record(resource, regarding, k8s::EventType::kNormal, reason, action, note);
  }
  void Warning(const k8s::Resource& resource, const k8s::ObjectMeta& regarding, std::string_view reason,
               std::string_view action, std::string note) override {
    Record(resource, regarding, k8s::EventType::kWarning, reason, action, note);
  }

 private:
  void Record(const k8s::Resource& resource, const k8s::ObjectMeta& regarding, k8s::EventType type,
              std::string_view reason, std::string_view action, const std::string& note) {
    metrics_.EventRecorded(reason);
    recorder_.Record({resource.ApiVersion(), std::string(resource.kind), regarding.name, regarding.uid}, type,
                     reason, action, note);
  }
  k8s::EventRecorder& recorder_;
  runtime::OperatorMetrics& metrics_;
};

http::HttpResponse Text(int status, std::string body) {
  http::HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

// The conditions of a resource, one sample each: 1 for True, 0 for False, -1 for Unknown.
void CollectConditions(const char* label, const k8s::ObjectName& object,
                       const std::vector<api::Condition>& conditions, runtime::MetricSink& sink) {
  for (const api::Condition& condition : conditions) {
    const double value = condition.status == "True" ? 1 : condition.status == "False" ? 0 : -1;
    sink.Sample({{"namespace", object.ns}, {label, object.name}, {"condition", condition.type}}, value);
  }
}

}  // namespace

struct Operator::Parts {
  Parts(env::Env& environment, k8s::Client& client, Options o)
      : env(environment),
        executor(*environment.executors[0]),
        options(std::move(o)),
        gated(client, metrics, [this] { return Leads(); }),
        recorder(gated, environment, {.reporting_instance = options.identity}),
        events(recorder, metrics),
        kafka(environment.transport, executor),
        control(kafka, environment.clock),
        clusters({gated, control, events, executor, environment.random, options.resources, options.ns,
                  Observer(), reconcile::AskVersionOver(environment.transport, executor)}),
        topics(
            {environment, executor, gated, events, options.ns, [this] { return Leads(); },
             [this](const k8s::ObjectName& name) { return Locate(name); },
             [this](const std::string& key, const std::string& topic) { return measurements.Of(key, topic); },
             Observer(),
             [this](const std::string& key, const std::string& topic) {
               return partition_scaler.Of(key, topic);
             }}),
        measurements({environment, executor, [this](const std::string& key) { return MetricsPages(key); },
                      options.partition_metrics}),
        partition_scaler({environment, executor, [this](const std::string& key) { return MetricsPages(key); },
                          [this](const std::string& key) { return measurements.Lag(key); }}),
        broker_scaler({environment, executor, gated, events, kafka, clusters.clusters(),
                       [this](const k8s::ObjectName& name) { return MetricsPages(ToString(name)); },
                       [this](const k8s::ObjectName& name) { return clusters.BrokerAddress(name); },
                       [this] { return Leads(); }}) {
    if (options.lease) {
      election.emplace(client, environment.clock, environment.random, *options.lease, options.identity,
                       runtime::ElectionLimits(), [this](bool leads) {
                         if (leads) Lead();
                       });
    }
    clusters.clusters().AddHandler([this](const auto& before, const auto& after) {
      topics.ClusterChanged(after != nullptr ? after->meta.name : before->meta.name);
    });
    metrics.AddSource([this](runtime::MetricSink& sink) { Collect(sink); });
  }

  bool Leads() const { return !election || election->Leads(); }
  bool Synced() const { return clusters.synced() && topics.synced(); }
  void Lead() {
    if (!Synced()) return;  // LeadWhenSynced will
    clusters.Act();
    topics.Act();
  }
  runtime::ReconcileObserver Observer() {
    return [this](const std::string& controller, const Status& result, absl::Duration took) {
      metrics.Reconciled(controller, result, took);
    };
  }

  env::Task<void> LeadWhenSynced() {
    while (!Synced()) {
      const bool stopped = co_await stop.SleepFor(absl::Milliseconds(5));
      if (stopped) co_return;
    }
    if (Leads()) Lead();
  }

  reconcile::KafkaCluster Locate(const k8s::ObjectName& name) {
    using State = reconcile::KafkaCluster::State;
    reconcile::KafkaCluster located;
    located.name = "Cluster " + name.name;
    const auto cluster = clusters.clusters().Get(name);
    if (cluster == nullptr) {
      located.state = State::kNotFound;
    } else if (cluster->meta.deleting()) {
      located.state = State::kDeleting;
    } else if (const auto address = clusters.BrokerAddress(name)) {
      located.state = State::kReady;
      located.bootstrap = *address;
    } else {
      located.state = State::kNotReady;
      const api::Condition* ready = api::FindCondition(cluster->status.conditions, "Ready");
      located.message = ready == nullptr ? "it is new" : ready->message;
    }
    return located;
  }

  std::vector<env::Endpoint> MetricsPages(const std::string& key) {
    const size_t slash = key.find('/');
    std::vector<env::Endpoint> pages;
    for (std::string& host : clusters.BrokerHosts({key.substr(0, slash), key.substr(slash + 1)})) {
      pages.push_back({std::move(host), static_cast<uint16_t>(api::kMetricsPort)});
    }
    return pages;
  }

  void Collect(runtime::MetricSink& sink) {
    sink.Gauge("dohle_operator_leader", "1 if this operator leads and acts.");
    sink.Sample({}, Leads() ? 1 : 0);
    sink.Gauge("dohle_operator_queue_depth", "Names that wait to be reconciled.");
    sink.Sample({{"controller", "cluster"}}, static_cast<double>(clusters.queue().depth()));
    sink.Gauge("dohle_operator_events_dropped", "Events that were not written.");
    sink.Sample({}, static_cast<double>(recorder.counts().dropped));
    const auto& statuses = clusters.reconciler().statuses();
    sink.Gauge("dohle_cluster_condition", "Conditions of Clusters: 1 true, 0 false, -1 unknown.");
    for (const auto& [name, status] : statuses) {
      CollectConditions("dohle_cluster", name, status.conditions, sink);
    }
    struct Figure {
      const char* name;
      const char* help;
      double (*value)(const api::ClusterStatus&);
    };
    static constexpr Figure kFigures[] = {
        {"dohle_cluster_offline_partitions", "Partitions without a leader.",
         [](const api::ClusterStatus& s) { return static_cast<double>(s.offline_partitions); }},
        {"dohle_cluster_under_replicated_partitions", "Partitions with fewer in-sync replicas than replicas.",
         [](const api::ClusterStatus& s) { return static_cast<double>(s.under_replicated_partitions); }},
        {"dohle_cluster_plan_steps", "Steps that are still to be taken.",
         [](const api::ClusterStatus& s) { return static_cast<double>(s.plan.size()); }},
        {"dohle_cluster_brokers_ready", "Brokers that are ready.",
         [](const api::ClusterStatus& s) { return static_cast<double>(s.ready_replicas); }},
    };
    for (const Figure& figure : kFigures) {
      sink.Gauge(figure.name, figure.help);
      for (const auto& [name, status] : statuses) {
        sink.Sample({{"namespace", name.ns}, {"dohle_cluster", name.name}}, figure.value(status));
      }
    }
    sink.Gauge("dohle_cluster_canary_seconds",
               "From producing a record to consuming it, the longest of all partitions, in the last roll of "
               "brokers.");
    for (const auto& [name, took] : clusters.reconciler().Canaries()) {
      sink.Sample({{"namespace", name.ns}, {"dohle_cluster", name.name}}, absl::ToDoubleSeconds(took));
    }
    sink.Gauge("dohle_cluster_brokers", "Brokers that are asked for.");
    for (const auto& [name, cluster] : clusters.clusters().all()) {
      sink.Sample({{"namespace", name.ns}, {"dohle_cluster", name.name}}, cluster->spec.brokers);
    }
    sink.Gauge("dohle_topic_condition", "Conditions of Topics: 1 true, 0 false, -1 unknown.");
    for (const auto& [name, topic] : topics.topics().all()) {
      CollectConditions("topic", name, topic->status.conditions, sink);
    }
    measurements.Collect(sink);
  }

  env::Env& env;
  env::Executor& executor;
  const Options options;
  runtime::OperatorMetrics metrics;
  std::optional<runtime::LeaderElection> election;
  runtime::GatedClient gated;
  k8s::EventRecorder recorder;
  RecordedEvents events;
  reconcile::KafkaClients kafka;
  reconcile::KafkaAdminControl control;
  ClusterController clusters;
  TopicController topics;
  Measurements measurements;
  reconcile::autoscaling::PartitionScaler partition_scaler;
  reconcile::autoscaling::BrokerScaler broker_scaler;
  env::StopSignal stop;
  std::unique_ptr<http::HttpServer> http;
};

Operator::Operator(env::Env& env, k8s::Client& client, Options options)
    : parts_(std::make_unique<Parts>(env, client, std::move(options))) {}
Operator::~Operator() = default;

env::Task<Status> Operator::Start() {
  Parts& p = *parts_;
  std::vector<http::HttpRoute> routes = p.options.routes;
  routes.push_back({"/healthz", []() -> env::Task<http::HttpResponse> { co_return Text(200, "alive\n"); }});
  routes.push_back({"/readyz", [this]() -> env::Task<http::HttpResponse> { return Readiness(); }});
  routes.push_back({"/metrics", [this]() -> env::Task<http::HttpResponse> { return Metrics(); }});
  auto http = http::HttpServer::Listen(p.env, p.options.http, std::move(routes));
  if (!http.ok()) co_return http.status();
  p.http = std::move(*http);
  p.clusters.Watch(p.stop);
  p.topics.Watch(p.stop);
  if (p.election) env::Spawn(p.executor, p.election->Run(p.stop));
  env::Spawn(p.executor, p.recorder.Run());
  env::Spawn(p.executor, p.LeadWhenSynced());
  env::Spawn(p.executor, p.measurements.Run(&p.topics, &p.stop));
  env::Spawn(p.executor, p.partition_scaler.Run(&p.topics, &p.stop));
  env::Spawn(p.executor, p.broker_scaler.Run(&p.stop));
  co_return OkStatus();
}

env::Task<http::HttpResponse> Operator::Readiness() {
  co_return synced() ? Text(200, "ready\n") : Text(503, "waiting for the API server\n");
}

env::Task<http::HttpResponse> Operator::Metrics() {
  http::HttpResponse response;
  response.content_type = http::kMetricsContentType;
  response.body = parts_->metrics.Collect();
  co_return response;
}

env::Task<void> Operator::Stop() {
  Parts& p = *parts_;
  p.stop.Stop();
  if (p.http != nullptr) p.http->Stop();
  p.recorder.Stop();
  p.kafka.Close();
  co_await p.clusters.Stop();
  co_await p.topics.Stop();
}

env::Endpoint Operator::http() const { return parts_->http->local(); }
bool Operator::synced() const { return parts_->Synced(); }

std::map<k8s::ObjectName, api::ClusterStatus> Operator::clusters() const {
  return parts_->clusters.reconciler().statuses();
}

uint64_t Operator::topic_changes() const { return parts_->topics.topics().changes(); }

std::vector<TopicRow> Operator::topics() const {
  const auto& topics = parts_->topics.topics().all();
  std::vector<TopicRow> rows;
  rows.reserve(topics.size());
  for (const auto& [name, topic] : topics) {
    TopicRow& row = rows.emplace_back(RowOf(name, topic->status));
    // What was measured since a status was written is newer.
    const auto measured = parts_->measurements.Of(reconcile::KafkaKey(*topic), topic->KafkaName());
    if (!measured) continue;
    row.bytes = measured->bytes;
    row.bytes_in_per_second = measured->bytes_in_per_second;
    row.bytes_out_per_second = measured->bytes_out_per_second;
    row.largest_lag = measured->largest_lag;
  }
  return rows;
}

}  // namespace dohle
