#include <fmt/format.h>

#include <array>

#include "operator/api/fields.h"
#include "operator/api/forms.h"
#include "operator/api/healing_fields.h"
#include "operator/api/owned_config.h"
#include "operator/api/storage_fields.h"

namespace dohle::api {
namespace {

constexpr std::array<std::string_view, 3> kPullPolicies = {"Always", "IfNotPresent", "Never"};
constexpr std::array<std::string_view, 3> kBalanceModes = {"Auto", "Approve", "Off"};
constexpr std::array<std::string_view, 2> kFeatureModes = {"Auto", "Manual"};
constexpr std::array<std::string_view, 2> kDefaultImages = {"Keep", "Follow"};
constexpr std::array<std::string_view, 9> kPhases = {
    "Pending", "Creating", "Ready", "Updating", "Degraded", "Paused", "Hibernated", "Deleting", "Invalid"};

std::span<const CelRule> ControllersRules() {
  static const CelRule kRules[] = {
      {"self % 2 == 1", "an even number of voters survives no more than one voter less: take an odd one"}};
  return kRules;
}

std::span<const CelRule> ListenersRules() {
  static const CelRule kRules[] = {
      {"self.all(l, self.exists_one(m, m.name == l.name))",
       "two listeners have the same name: give each one of its own"},
      {"self.all(l, self.exists_one(m, m.port == l.port))",
       "two listeners have the same port: give each one of its own"},
      {"self.exists(l, l.type == 'internal')",
       "add a listener of type internal: the brokers and the operator reach each other through it"}};
  return kRules;
}

std::span<const CelRule> PortRules() {
  static const CelRule kRules[] = {
      {fmt::format("self != {} && self != {}", kMetricsPort, kControllerPort),
       fmt::format("port {} is for metrics and {} for the controller: choose another one", kMetricsPort,
                   kControllerPort)}};
  return kRules;
}

std::span<const CelRule> ListenerNameRules() {
  static const CelRule kRules[] = {
      {"self != 'controller' && self != 'metrics'",
       "the names controller and metrics are kept for what every broker serves: choose another one"}};
  return kRules;
}

std::span<const CelRule> ListenerRules() {
  static const CelRule kRules[] = {
      {"!has(self.nodePort) || self.type == 'nodePort'",
       "nodePort is for listeners of type nodePort: remove it or set type to nodePort"}};
  return kRules;
}

std::span<const CelRule> ConfigRules() {
  static const std::vector<CelRule> kRules = [] {
    std::vector<CelRule> rules;
    for (const OwnedConfig& owned : OwnedBrokerConfig()) {
      rules.push_back({fmt::format("['{}'].all(k, !(k in self))", fmt::join(owned.keys, "', '")),
                       fmt::format("{} can't be set here: {}", fmt::join(owned.keys, ", "), owned.instead)});
    }
    return rules;
  }();
  return kRules;
}

std::span<const CelRule> LabelsRules() {
  static const CelRule kRules[] = {
      {"self.all(k, !k.startsWith('dohle.dev/') && !k.startsWith('app.kubernetes.io/'))",
       "labels that begin with dohle.dev/ or app.kubernetes.io/ are the operator's: choose another prefix"}};
  return kRules;
}

void DescribeListener(FieldVisitor& v, Listener& listener) {
  v.PlainText({.name = "name",
               .doc = "Its name; for Kafka's clients and tools the same in capitals.",
               .required = true,
               .max_length = 12,
               .form = &kListenerNameForm,
               .rules = ListenerNameRules()},
              listener.name);
  v.Integer32({.name = "port",
               .doc = "The port of the broker and of the bootstrap Service.",
               .minimum = 1,
               .maximum = 65535,
               .rules = PortRules()},
              listener.port);
  v.EnumChoice(
      {.name = "type",
       .doc = "Who reaches it: `internal` clients in the Kubernetes cluster, `nodePort` also those that "
              "reach its nodes, `loadBalancer` those that reach the load balancers it asks for."},
      ListenerTypeNames(), listener.type);
  v.OptionalText(
      {.name = "advertisedHost",
       .doc =
           "The host that clients are told to connect to; what fits the type if not set (the pod's DNS name, "
           "the node's address, the load balancer's). `{id}`, `{pod}`, `{podIP}`, `{nodeIP}`, `{cluster}` "
           "and `{namespace}` in it are replaced.",
       .min_length = 1,
       .max_length = 253},
      listener.advertised_host);
  v.OptionalText(
      {.name = "advertisedPort",
       .doc = "The port that clients are told to connect to, a number or `{nodePort}`; what fits the "
              "type if not set.",
       .max_length = 32,
       .form = &kAdvertisedPortForm},
      listener.advertised_port);
  v.OptionalInteger32(
      {.name = "nodePort",
       .doc = "The node port of the bootstrap Service, for type `nodePort`; Kubernetes chooses "
              "one if not set.",
       .minimum = 1,
       .maximum = 65535},
      listener.node_port);
}

void DescribeProbe(FieldVisitor& v, Probe& probe) {
  v.Integer32({.name = "periodSeconds", .doc = "How often it is asked.", .minimum = 1, .maximum = 3600},
              probe.period_seconds);
  v.Integer32(
      {.name = "timeoutSeconds", .doc = "How long an answer may take.", .minimum = 1, .maximum = 3600},
      probe.timeout_seconds);
  v.Integer32(
      {.name = "failureThreshold", .doc = "How many failures in a row count.", .minimum = 1, .maximum = 1000},
      probe.failure_threshold);
}

std::span<const CelRule> AutoscalingRules() {
  static const CelRule kRules[] = {
      {"self.minBrokers <= self.maxBrokers",
       "minBrokers is more than maxBrokers: lower it, or raise maxBrokers"},
      {"has(self.targetBytesPerSecondPerBroker) || has(self.targetCpuPercent) || has(self.targetDiskPercent)",
       "set targetBytesPerSecondPerBroker, targetCpuPercent or targetDiskPercent: without a target nothing "
       "is "
       "scaled"}};
  return kRules;
}

void DescribeTargets(FieldVisitor& v, ClusterAutoscaling& a) {
  v.OptionalText(
      {.name = "targetBytesPerSecondPerBroker",
       .doc = "What clients may write to and read from each broker in a second, together, as a Kubernetes "
              "quantity (`50Mi`).",
       .max_length = 32,
       .form = &kSizeForm},
      a.target_bytes_per_second);
  v.OptionalInteger32(
      {.name = "targetCpuPercent",
       .doc = "How much of its CPU each broker may take, on average: of its limit, else of its request.",
       .minimum = 1,
       .maximum = 1000},
      a.target_cpu_percent);
  v.OptionalInteger32({.name = "targetDiskPercent",
                       .doc = "How full the volumes of each broker may be, on average.",
                       .minimum = 1,
                       .maximum = 95},
                      a.target_disk_percent);
}

void DescribeSpecAutoscaling(FieldVisitor& v, ClusterAutoscaling& a) {
  v.Integer32(
      {.name = "minBrokers", .doc = "How many brokers at least.", .minimum = 1, .maximum = kMaxBrokers},
      a.min_brokers);
  v.Integer32({.name = "maxBrokers",
               .doc = "How many brokers at most.",
               .required = true,
               .minimum = 1,
               .maximum = kMaxBrokers},
              a.max_brokers);
  DescribeTargets(v, a);
  v.Integer32({.name = "scaleOutStabilizationSeconds",
               .doc = "For how long more brokers must have been called for before any are added.",
               .minimum = 0,
               .maximum = 3600},
              a.out_stabilization_seconds);
  v.Integer32({.name = "scaleInStabilizationSeconds",
               .doc = "For how long fewer brokers must have been enough before any are taken away.",
               .minimum = 0,
               .maximum = 604800},
              a.in_stabilization_seconds);
  v.Integer32({.name = "cooldownSeconds",
               .doc = "For how long after brokers were added or taken away none are taken away, and for how "
                      "long after some were added no more are. Brokers are added at once after some were "
                      "taken away.",
               .minimum = 0,
               .maximum = 86400},
              a.cooldown_seconds);
  v.Boolean({.name = "dryRun", .doc = "Whether to say what would be done, and not do it."}, a.dry_run);
}

void DescribeAnnotationsAndLabels(FieldVisitor& v, StringPairs& labels, StringPairs& annotations) {
  v.Pairs({.name = "labels", .doc = "Labels to add.", .max_items = 64, .rules = LabelsRules()}, labels);
  v.Pairs({.name = "annotations", .doc = "Annotations to add.", .max_items = 64}, annotations);
}

void DescribeScheduling(FieldVisitor& v, ClusterSpec& s) {
  v.Group({.name = "rack", .doc = "Where brokers stand."}, [&](FieldVisitor& w) {
    w.OptionalText({.name = "topologyKey",
                    .doc = "The node label whose value is a broker's rack (`broker.rack`), as "
                           "`topology.kubernetes.io/zone`.",
                    .min_length = 1,
                    .max_length = 317},
                   s.rack_topology_key);
  });
  v.Raw({.name = "affinity",
         .doc =
             "The pods' affinity (core/v1 Affinity); if not set, brokers prefer nodes without another broker "
             "of the cluster."},
        s.affinity);
  v.Raw({.name = "tolerations",
         .doc = "The pods' tolerations (core/v1 Toleration).",
         .max_items = 64,
         .raw_list = true},
        s.tolerations);
  v.Raw({.name = "topologySpreadConstraints",
         .doc = "How the pods are spread (core/v1 TopologySpreadConstraint).",
         .max_items = 16,
         .raw_list = true},
        s.topology_spread_constraints);
  v.Pairs({.name = "nodeSelector", .doc = "Labels that a broker's node must have.", .max_items = 64},
          s.node_selector);
  v.PlainText({.name = "priorityClassName", .doc = "The pods' PriorityClass.", .max_length = 253},
              s.priority_class_name);
  v.Group({.name = "podMetadata", .doc = "What the pods carry besides the operator's own."},
          [&](FieldVisitor& w) { DescribeAnnotationsAndLabels(w, s.pod_labels, s.pod_annotations); });
  v.Group({.name = "serviceMetadata", .doc = "What the Services carry besides the operator's own."},
          [&](FieldVisitor& w) { DescribeAnnotationsAndLabels(w, s.service_labels, s.service_annotations); });
}

void DescribeBalance(FieldVisitor& v, Balance& b) {
  v.EnumChoice(
      {.name = "mode",
       .doc = "What happens when loads are uneven, as with new brokers: with `Auto` replicas are moved; with "
              "`Approve` a plan is shown in `status.plan`, which goes when the annotation "
              "`dohle.dev/approve` has its id; with `Off` nothing. What has to be moved for another "
              "reason is moved in any case: replicas of brokers that are taken away, replication factors, "
              "racks, full disks."},
      kBalanceModes, b.mode);
  v.Integer32({.name = "tolerancePercent",
               .doc = "By how much a broker's replicas, bytes, traffic and leaders may differ from the mean.",
               .minimum = 1,
               .maximum = 100},
              b.tolerance_percent);
  v.Integer32({.name = "maxMovesInFlight",
               .doc = "How many partitions are copied at once.",
               .minimum = 1,
               .maximum = 10000},
              b.max_moves_in_flight);
  v.OptionalText(
      {.name = "throttle",
       .doc = "How many bytes a second each broker sends, and gets, at most for replicas that are being "
              "copied, as \"50M\"; `Auto`: four fifths of networkBytesPerSecond. Not throttled if not set. "
              "It is set before replicas are moved and removed afterwards; a throttle that others have set "
              "for all brokers is left alone.",
       .max_length = 32,
       .form = &kThrottleForm},
      b.throttle);
  v.PlainText({.name = "networkBytesPerSecond",
               .doc = "What a broker's network takes, each way, for `throttle: Auto`.",
               .max_length = 32,
               .form = &kSizeForm},
              b.network_bytes_per_second);
}

void DescribeRoll(FieldVisitor& v, Roll& roll) {
  v.PlainText(
      {.name = "maxUnavailable",
       .doc = "How many brokers are restarted at once at most, as \"33%\" of all (rounded up) or as "
              "\"2\". Fewer are where a partition or the quorum needs it; \"1\" is one after the other.",
       .max_length = 8,
       .form = &kShareForm},
      roll.max_unavailable);
  v.Boolean(
      {.name = "canary",
       .doc =
           "Whether the operator sends records through a topic of its own, `__dohle_canary`, while brokers "
           "are restarted, and halts when they don't come back."},
      roll.canary);
  v.Integer32({.name = "readyTimeoutSeconds",
               .doc = "How long a restarted broker may take until it is ready; after that the roll halts.",
               .minimum = 10,
               .maximum = 86400},
              roll.ready_timeout_seconds);
}

void DescribeUpgrade(FieldVisitor& v, Upgrade& upgrade) {
  v.EnumChoice(
      {.name = "defaultImage",
       .doc =
           "What happens to a Cluster that names no `image` when the operator comes with another one: with "
           "`Keep` it runs what it ran, with `Follow` its brokers are restarted with the new one."},
      kDefaultImages, upgrade.default_image);
  v.Integer32(
      {.name = "soakSeconds",
       .doc = "How long all brokers run a version, with nothing wrong, before the cluster's feature "
              "levels (`metadata.version` and others) are raised to it. Until then `image` can be set "
              "back to the version before; 0 raises them at once.",
       .minimum = 0,
       .maximum = 31536000},
      upgrade.soak_seconds);
  v.EnumChoice({.name = "features",
                .doc = "`Auto` raises the feature levels after the soak, `Manual` when the annotation "
                       "`dohle.dev/approve` has the id in `status.upgrade.plan`."},
               kFeatureModes, upgrade.features);
}

void DescribeSpec(FieldVisitor& v, ClusterSpec& s) {
  v.Integer32(
      {.name = "brokers",
       .doc =
           "How many brokers. New ones get their share of the replicas. When it gets smaller, those with the "
           "highest ids go, or those that the annotation `dohle.dev/remove-brokers` names (`1,4`): each is "
           "emptied first, which is refused while a topic has more replicas than brokers would be left, "
           "and may be taken back at any time.",
       .minimum = 1,
       .maximum = kMaxBrokers},
      s.brokers);
  v.OptionalInteger32(
      {.name = "controllers",
       .doc = "How many of the brokers vote in the metadata quorum; if not set, 1 of 1 and 2, 3 "
              "of 3 to 6, 5 of 7 and more. They are chosen by the operator.",
       .minimum = 1,
       .maximum = 9,
       .rules = ControllersRules()},
      s.controllers);
  v.PlainText(
      {.name = "image",
       .doc =
           "The broker's image. If not set, the one that the brokers run (`status.upgrade.image`), at first "
           "the operator's default.",
       .max_length = 512},
      s.image);
  v.TextChoice({.name = "imagePullPolicy", .doc = "When the image is pulled."}, kPullPolicies,
               s.image_pull_policy);
  v.Group({.name = "storage", .doc = "Where the brokers keep their data."},
          [&](FieldVisitor& w) { DescribeStorage(w, s.storage); });
  // Not told apart by name: server-side apply would add to the default listener in place of replacing it.
  v.ListOf({.name = "listeners",
            .doc = "What clients connect to. One of them is of type `internal`.",
            .min_items = 1,
            .max_items = 8,
            .rules = ListenersRules(),
            .item_rules = ListenerRules()},
           s.listeners, DescribeListener);
  v.Pairs(
      {.name = "config",
       .doc = "Kafka's broker properties, as in `server.properties`; `true`, `false` and decimals stand in "
              "quotes. Those that the operator sets itself are refused.",
       .max_items = 256,
       .integers_too = true,
       .rules = ConfigRules()},
      s.config);
  v.Raw(
      {.name = "resources", .doc = "What a broker asks for and gets at most (core/v1 ResourceRequirements)."},
      s.resources);
  v.Group({.name = "livenessProbe", .doc = "When a broker that doesn't answer is restarted."},
          [&](FieldVisitor& w) { DescribeProbe(w, s.liveness); });
  v.Group({.name = "readinessProbe", .doc = "When a broker is taken out of the Services."},
          [&](FieldVisitor& w) { DescribeProbe(w, s.readiness); });
  DescribeScheduling(v, s);
  v.Integer32({.name = "terminationGracePeriodSeconds",
               .doc = "How long a broker may take to stop before it is killed.",
               .minimum = 1,
               .maximum = 3600},
              s.termination_grace_period_seconds);
  v.Group({.name = "balance", .doc = "How replicas are moved between brokers."},
          [&](FieldVisitor& w) { DescribeBalance(w, s.balance); });
  v.OptionalObject(
      {.name = "autoscaling",
       .doc = "Lets the operator change `brokers` as the load asks for, through the scale subresource. Leave "
              "`brokers` out of what you apply, as it would be set back.",
       .rules = AutoscalingRules()},
      s.autoscaling, DescribeSpecAutoscaling);
  v.Group({.name = "roll", .doc = "How brokers are restarted when what they run with has changed."},
          [&](FieldVisitor& w) { DescribeRoll(w, s.roll); });
  v.Group({.name = "healing", .doc = "What becomes of brokers that don't come back by themselves."},
          [&](FieldVisitor& w) { DescribeHealing(w, s.healing); });
  v.Group({.name = "upgrade", .doc = "How the brokers come to another version."},
          [&](FieldVisitor& w) { DescribeUpgrade(w, s.upgrade); });
  v.Boolean(
      {.name = "paused",
       .doc = "Whether the operator leaves the cluster alone: it goes on reporting and changes nothing."},
      s.paused);
  v.Boolean(
      {.name = "hibernated",
       .doc = "Whether all brokers are stopped. Their volumes are kept, and the cluster comes back whole."},
      s.hibernated);
}

void DescribeBroker(FieldVisitor& v, BrokerStatus& b) {
  v.Integer32({.name = "id", .doc = "Its number (`node.id`).", .required = true}, b.id);
  v.PlainText({.name = "pod", .doc = "Its Pod."}, b.pod);
  v.PlainText({.name = "node", .doc = "The Node that it runs on."}, b.node);
  v.PlainText({.name = "version", .doc = "The version of the broker."}, b.version);
  v.Boolean({.name = "ready", .doc = "Whether it serves clients."}, b.ready);
  v.Integer64({.name = "leaders", .doc = "Partitions that it leads."}, b.leaders);
  v.Integer64({.name = "replicas", .doc = "Partitions that it holds."}, b.replicas);
  v.Integer64({.name = "bytes", .doc = "Bytes that they take on its volumes."}, b.bytes);
}

void DescribeListenerStatus(FieldVisitor& v, ListenerStatus& l) {
  v.PlainText({.name = "name", .doc = "The listener of the spec.", .required = true}, l.name);
  v.PlainText({.name = "type", .doc = "Its type."}, l.type);
  v.PlainText({.name = "bootstrap", .doc = "What clients take as `bootstrap.servers`."}, l.bootstrap);
}

void DescribePlanStep(FieldVisitor& v, PlanStep& step) {
  v.PlainText({.name = "action", .doc = "What is done, in one word."}, step.action);
  v.PlainText({.name = "object", .doc = "To what, as `Pod/NAME`."}, step.object);
  v.PlainText({.name = "reason", .doc = "Why."}, step.reason);
  v.PlainText({.name = "blockedBy", .doc = "What it waits for, if it does."}, step.blocked_by);
}

void DescribeImageRecord(FieldVisitor& v, ImageRecord& record) {
  v.PlainText({.name = "image", .doc = "The image.", .required = true}, record.image);
  v.PlainText({.name = "version", .doc = "The version of its broker."}, record.version);
  v.Pairs({.name = "levels", .doc = "The highest levels that it serves, by feature."}, record.levels);
}

void DescribeUpgradeStatus(FieldVisitor& v, UpgradeStatus& u) {
  v.PlainText({.name = "image", .doc = "The last image that all brokers ran and were ready with."}, u.image);
  v.PlainText({.name = "version", .doc = "The version that it is."}, u.version);
  v.Time({.name = "since", .doc = "Since when all brokers run it."}, u.since_ms);
  v.PlainText(
      {.name = "availableImage",
       .doc = "The image that the operator came with, if the brokers run another one and `spec.image` "
              "isn't set."},
      u.available);
  v.Pairs({.name = "levels", .doc = "The feature levels that are in force."}, u.levels);
  v.PlainText(
      {.name = "levelsOf", .doc = "The version whose levels they are: brokers can't go back before it."},
      u.levels_of);
  v.PlainText({.name = "plan", .doc = "The id of the levels that wait to be raised."}, u.plan);
  v.ListOf({.name = "images", .doc = "The last images that all brokers ran, the present one last."}, u.images,
           DescribeImageRecord);
}

void DescribeStatus(FieldVisitor& v, ClusterStatus& s) {
  v.Integer64({.name = "observedGeneration", .doc = "The generation of the spec that this is about."},
              s.observed_generation);
  v.TextChoice({.name = "phase", .doc = "All of it in one word."}, kPhases, s.phase);
  DescribeConditions(v, s.conditions);
  v.Integer32({.name = "replicas", .doc = "Brokers that have a pod."}, s.replicas);
  v.Integer32({.name = "readyReplicas", .doc = "Brokers that serve clients."}, s.ready_replicas);
  v.PlainText({.name = "selector", .doc = "The labels of the pods, for the scale subresource."}, s.selector);
  v.PlainText({.name = "clusterId", .doc = "Kafka's id of the cluster."}, s.cluster_id);
  v.ListOf({.name = "brokers", .doc = "Every broker.", .list_key = "id"}, s.brokers, DescribeBroker);
  v.ListOf({.name = "listeners", .doc = "Where clients connect.", .list_key = "name"}, s.listeners,
           DescribeListenerStatus);
  v.Integer64({.name = "offlinePartitions", .doc = "Partitions that have no leader."}, s.offline_partitions);
  v.Integer64({.name = "underReplicatedPartitions", .doc = "Partitions that lack replicas in sync."},
              s.under_replicated_partitions);
  v.ListOf({.name = "plan", .doc = "What the operator will do next, in this order, and why."}, s.plan,
           DescribePlanStep);
  v.Group({.name = "balance", .doc = "Plans that even out loads, by id."}, [&](FieldVisitor& w) {
    w.PlainText({.name = "plan", .doc = "The plan that waits for approval or is being carried out."},
                s.balance.plan);
    w.PlainText({.name = "finished", .doc = "The last plan that was approved and carried out."},
                s.balance.finished);
  });
  v.Group({.name = "upgrade", .doc = "What the brokers run."},
          [&](FieldVisitor& w) { DescribeUpgradeStatus(w, s.upgrade); });
  DescribeAutoscaling(v, s.autoscaling);
}

}  // namespace

void Describe(FieldVisitor& visitor, ClusterSpec& spec) {
  visitor.Group({.name = "spec", .doc = "What is asked for."},
                [&](FieldVisitor& v) { DescribeSpec(v, spec); });
}

void Describe(FieldVisitor& visitor, ClusterStatus& status) {
  visitor.Group({.name = "status", .doc = "What is there. Written by the operator."},
                [&](FieldVisitor& v) { DescribeStatus(v, status); });
}

std::span<const CelRule> ClusterRules() {
  static const CelRule kRules[] = {
      {"self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 40",
       "a Cluster's name is at most 40 lower case letters, digits and dashes, and begins with a letter, as "
       "Services are named after it: choose another name"}};
  return kRules;
}

}  // namespace dohle::api
