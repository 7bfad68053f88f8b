// The Cluster resource: what its user asks for and what the operator answers. Plain data.
//
// The fields are described once, in cluster_fields.cc: from there come the CRD (crd.h), decoding with
// defaults (decode.h) and the reference in docs/. A struct as made is what an empty spec means. What CEL
// rules in the CRD hold is held by decoding a second time, for objects stored under an older CRD.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "operator/api/condition.h"

namespace dohle::api {

using StringPairs = std::vector<std::pair<std::string, std::string>>;  // sorted by key

// A piece of a Kubernetes type that the operator hands on as it came (an affinity, a list of tolerations):
// its JSON, or "" if it isn't set.
using RawJson = std::string;

enum class DeletionPolicy { kDelete, kRetain };

struct StorageVolume {
  std::string name = "data";                      // the claim is called data-CLUSTER-ID
  std::string size = "10Gi";                      // a Kubernetes quantity; grows only
  std::optional<std::string> storage_class_name;  // unset: the default class; immutable
};

struct Storage {
  std::vector<StorageVolume> volumes = {StorageVolume{}};      // log.dirs, one directory each; at least one
  DeletionPolicy deletion_policy = DeletionPolicy::kRetain;    // of the claims, when the Cluster is deleted
  DeletionPolicy scale_down_policy = DeletionPolicy::kRetain;  // of those of a broker that is taken away
};

enum class ListenerType { kInternal, kNodePort, kLoadBalancer };

struct Listener {
  std::string name = "internal";  // Kafka's listener name is the same in capitals
  int32_t port = 9092;            // inside the pod and of the bootstrap Service
  ListenerType type = ListenerType::kInternal;
  // What clients are told to connect to; kAdvertisedPlaceholders in validate.h may stand in it. Unset: what
  // fits the type (the pod's DNS name; the node's address; the load balancer's).
  std::optional<std::string> advertised_host;
  std::optional<std::string> advertised_port;
  std::optional<int32_t> node_port;  // of the bootstrap Service; unset: Kubernetes chooses
};

struct Probe {
  int32_t period_seconds = 5;
  int32_t timeout_seconds = 3;
  int32_t failure_threshold = 6;
};

// What the operator changes by itself, of a Cluster or a Topic, and why.
struct AutoscalingStatus {
  int32_t wanted = 0;     // brokers, or partitions
  std::string reason;     // CamelCase
  std::string message;    // a sentence with the figures that led to it, as they were then
  int64_t since_ms = 0;   // that wanted and reason are these
  int64_t scaled_ms = 0;  // the last change that was made; 0 = none yet
};

inline constexpr int32_t kMaxBrokers = 100;
inline constexpr int32_t kMetricsPort = 9404;     // /metrics, /healthz, /readyz of every broker
inline constexpr int32_t kControllerPort = 9093;  // of the quorum

enum class BalanceMode { kAuto, kApprove, kOff };

inline constexpr const char* kAutoThrottle = "Auto";  // what the network has to spare

// How replicas are moved between brokers.
struct Balance {
  BalanceMode mode = BalanceMode::kAuto;  // of what is moved to even out loads
  int32_t tolerance_percent = 10;
  int32_t max_moves_in_flight = 50;
  // Of what is copied, for each broker, a second: a quantity, or kAutoThrottle; unset: none.
  std::optional<std::string> throttle;
  std::string network_bytes_per_second = "125M";  // a quantity; of a broker, each way
};

// Of brokers. At least one target is set.
struct ClusterAutoscaling {
  int32_t min_brokers = 1;
  int32_t max_brokers = 0;
  std::optional<std::string> target_bytes_per_second;  // a quantity; in and out, of clients, of each broker
  std::optional<int32_t> target_cpu_percent, target_disk_percent;
  int32_t out_stabilization_seconds = 60, in_stabilization_seconds = 1800;
  int32_t cooldown_seconds = 300;
  bool dry_run = false;
};

// How brokers are restarted when what they run with has changed.
struct Roll {
  std::string max_unavailable = "33%";  // at once, in percent of the brokers (rounded up) or as a number
  bool canary = true;                   // whether records on their way tell if clients notice
  int32_t ready_timeout_seconds = 600;  // a broker that isn't ready for longer halts it
};

enum class HealingMode { kAuto, kReport };

// What becomes of brokers that don't come back by themselves.
struct Healing {
  HealingMode mode = HealingMode::kAuto;
  int32_t replace_after_seconds = 300;  // claims whose volume can't be used for so long
};

// What comes with another operator, if the spec names no image.
enum class DefaultImage { kKeep, kFollow };

// When feature levels are raised after an upgrade of the brokers.
enum class FeatureMode { kAuto, kManual };

struct Upgrade {
  int32_t soak_seconds = 86'400;  // for which all brokers run a version before its levels are raised
  FeatureMode features = FeatureMode::kAuto;
  DefaultImage default_image = DefaultImage::kKeep;
};

struct ClusterSpec {
  int32_t brokers = 1;
  std::optional<int32_t> controllers;  // how many brokers vote; unset: by their number
  std::string image;  // "": the one that it runs, at first the operator's default (--broker-image)
  std::string image_pull_policy = "IfNotPresent";
  Storage storage;
  std::vector<Listener> listeners = {Listener{}};
  StringPairs config;                                                     // Kafka's broker properties
  RawJson resources = R"({"requests":{"cpu":"100m","memory":"128Mi"}})";  // core/v1 ResourceRequirements
  Probe liveness;
  Probe readiness;
  std::optional<std::string> rack_topology_key;                // a node label
  RawJson affinity, tolerations, topology_spread_constraints;  // core/v1; unset affinity: spread over nodes
  std::string priority_class_name;
  StringPairs node_selector;
  StringPairs pod_labels, pod_annotations, service_labels, service_annotations;
  int32_t termination_grace_period_seconds = 60;
  Balance balance;
  std::optional<ClusterAutoscaling> autoscaling;
  Roll roll;
  Healing healing;
  Upgrade upgrade;
  bool paused = false;
  bool hibernated = false;
};

struct BrokerStatus {
  int32_t id = 0;
  std::string pod, node, version;
  bool ready = false;
  int64_t leaders = 0, replicas = 0, bytes = 0;
};

struct ListenerStatus {
  std::string name;
  std::string type;
  std::string bootstrap;  // "host:port"
};

// One thing the operator is about to do, as shown before it is done.
struct PlanStep {
  std::string action;      // "CreatePod"
  std::string object;      // "Pod/quickstart-broker-0"
  std::string reason;      // a sentence
  std::string blocked_by;  // a sentence, or ""
};

// Plans of movements that even out loads, by id; "" = none.
struct BalanceStatus {
  std::string plan;      // waits for approval, or is being carried out
  std::string finished;  // the last one that was approved and carried out
};

// An image that all brokers ran.
struct ImageRecord {
  std::string image, version;
  StringPairs levels;  // by feature, the highest that its brokers serve; empty = unknown
};
inline constexpr size_t kMaxImageRecords = 8;

struct UpgradeStatus {
  std::string image;                // the last one that all brokers ran and were ready with; "" = none yet
  std::string version;              // likewise; "" = unknown
  int64_t since_ms = 0;             // that all of them run both; 0 = unknown
  std::string available;            // the operator's default, if it is another one and the spec names none
  StringPairs levels;               // by feature, those that are in force
  std::string levels_of;            // the version whose levels were raised last, or found raised
  std::string plan;                 // an id: levels that wait for the end of the soak, or for approval
  std::vector<ImageRecord> images;  // the last kMaxImageRecords, the present one last
};

struct ClusterStatus {
  int64_t observed_generation = 0;
  std::string phase;  // Pending, Creating, Ready, Updating, Degraded, Paused, Hibernated, Deleting, Invalid
  std::vector<Condition> conditions;
  int32_t replicas = 0, ready_replicas = 0;
  std::string selector;  // of the scale subresource
  std::string cluster_id;
  std::vector<BrokerStatus> brokers;
  std::vector<ListenerStatus> listeners;
  int64_t offline_partitions = 0, under_replicated_partitions = 0;
  std::vector<PlanStep> plan;  // at most kMaxPlanSteps, in order
  BalanceStatus balance;
  UpgradeStatus upgrade;
  std::optional<AutoscalingStatus> autoscaling;
};
inline constexpr size_t kMaxPlanSteps = 50;

}  // namespace dohle::api
