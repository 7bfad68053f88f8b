#include "operator/resources/pod.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/resources/broker_config.h"
#include "operator/resources/names.h"

namespace dohle::resources {
namespace {

using k8s::Json;

constexpr int64_t kNobody = 65532;
// A broker that has much to recover answers late, and is not to be killed for it.
constexpr int kStartupFailures = 300;

Json FieldEnv(const char* name, const char* path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}

Json HttpProbe(const char* path, const api::Probe& probe) {
  return {{"httpGet", {{"path", path}, {"port", "metrics"}, {"scheme", "HTTP"}}},
          {"periodSeconds", probe.period_seconds},
          {"timeoutSeconds", probe.timeout_seconds},
          {"failureThreshold", probe.failure_threshold}};
}

// listeners: on Kubernetes each Pod has all addresses for itself (and kubectl port-forward comes to
// localhost); without it Pods share the machine.
std::string BoundListeners(const Subject& subject) {
  const char* host = subject.options.addressing == Addressing::kPodIp ? "$(POD_IP)" : "";
  std::string text;
  for (const api::Listener& listener : subject.spec.listeners) {
    text += fmt::format("{}://{}:{},", KafkaListenerName(listener), host, listener.port);
  }
  return text + fmt::format("CONTROLLER://{}:{}", host, api::kControllerPort);
}

Json Arguments(const Subject& subject, const std::string& advertised) {
  Json arguments = Json::array({fmt::format("{}/server.properties", kConfigMountPath)});
  const auto override = [&](const std::string& setting) {
    arguments.push_back("--override");
    arguments.push_back(setting);
  };
  override("node.id=$(BROKER_ID)");
  override("log.dirs=" + LogDirs(subject.spec));
  override("listeners=" + BoundListeners(subject));
  override("advertised.listeners=" + advertised);
  if (subject.options.addressing == Addressing::kPodIp) override("metrics.host=$(POD_IP)");
  return arguments;
}

Json Container(const Subject& subject, int32_t id, const std::string& advertised) {
  const api::ClusterSpec& spec = subject.spec;
  Json container = {{"name", kBrokerContainer},
                    {"image", spec.image.empty() ? subject.options.broker_image : spec.image},
                    {"imagePullPolicy", spec.image_pull_policy},
                    {"command", {"/dohle-broker"}},
                    {"args", Arguments(subject, advertised)}};
  container["env"] = Json::array({{{"name", "BROKER_ID"}, {"value", std::to_string(id)}},
                                  FieldEnv("POD_NAME", "metadata.name"),
                                  FieldEnv("POD_IP", "status.podIP"),
                                  FieldEnv("NODE_IP", "status.hostIP")});
  Json ports = Json::array();
  for (const api::Listener& listener : spec.listeners) {
    ports.push_back({{"name", listener.name}, {"containerPort", listener.port}, {"protocol", "TCP"}});
  }
  ports.push_back({{"name", "metrics"}, {"containerPort", api::kMetricsPort}, {"protocol", "TCP"}});
  container["ports"] = std::move(ports);
  Json mounts = Json::array({{{"name", "config"}, {"mountPath", kConfigMountPath}, {"readOnly", true}}});
  for (const api::StorageVolume& volume : spec.storage.volumes) {
    mounts.push_back(
        {{"name", volume.name}, {"mountPath", fmt::format("{}/{}", kDataMountPath, volume.name)}});
  }
  container["volumeMounts"] = std::move(mounts);
  container["resources"] = ParsedOr(spec.resources, Json::object());
  container["startupProbe"] = {{"httpGet", {{"path", "/readyz"}, {"port", "metrics"}, {"scheme", "HTTP"}}},
                               {"periodSeconds", 1},
                               {"timeoutSeconds", spec.readiness.timeout_seconds},
                               {"failureThreshold", kStartupFailures}};
  container["livenessProbe"] = HttpProbe("/healthz", spec.liveness);
  container["readinessProbe"] = HttpProbe("/readyz", spec.readiness);
  container["securityContext"] = {{"allowPrivilegeEscalation", false},
                                  {"readOnlyRootFilesystem", true},
                                  {"runAsNonRoot", true},
                                  {"capabilities", {{"drop", {"ALL"}}}}};
  return container;
}

Json Volumes(const Subject& subject, int32_t id) {
  Json volumes =
      Json::array({{{"name", "config"}, {"configMap", {{"name", ConfigMapName(subject.name())}}}}});
  for (const api::StorageVolume& volume : subject.spec.storage.volumes) {
    volumes.push_back(
        {{"name", volume.name},
         {"persistentVolumeClaim", {{"claimName", ClaimName(volume.name, subject.name(), id)}}}});
  }
  return volumes;
}

// Brokers of a Cluster rather stand on different nodes.
Json SpreadOverNodes(const Subject& subject) {
  const Json term = {{"topologyKey", "kubernetes.io/hostname"},
                     {"labelSelector", {{"matchLabels", SelectorLabels(subject)}}}};
  return {{"podAntiAffinity",
           {{"preferredDuringSchedulingIgnoredDuringExecution",
             Json::array({{{"weight", 100}, {"podAffinityTerm", term}}})}}}};
}

// And, if the nodes have racks, in different racks.
Json SpreadOverRacks(const Subject& subject) {
  if (!subject.spec.rack_topology_key) return Json::array();
  return Json::array({{{"maxSkew", 1},
                       {"topologyKey", *subject.spec.rack_topology_key},
                       {"whenUnsatisfiable", "ScheduleAnyway"},
                       {"labelSelector", {{"matchLabels", SelectorLabels(subject)}}}}});
}

Json PodSpec(const Subject& subject, int32_t id, const std::string& advertised) {
  const api::ClusterSpec& spec = subject.spec;
  Json pod = {{"hostname", PodName(subject.name(), id)},
              {"subdomain", HeadlessServiceName(subject.name())},
              {"serviceAccountName", ServiceAccountName(subject.name())},
              {"automountServiceAccountToken", false},
              {"enableServiceLinks", false},
              {"restartPolicy", "Always"},
              {"terminationGracePeriodSeconds", spec.termination_grace_period_seconds}};
  pod["securityContext"] = {{"runAsNonRoot", true},
                            {"runAsUser", kNobody},
                            {"runAsGroup", kNobody},
                            {"fsGroup", kNobody},
                            {"fsGroupChangePolicy", "OnRootMismatch"},
                            {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  pod["containers"] = Json::array({Container(subject, id, advertised)});
  pod["volumes"] = Volumes(subject, id);
  pod["affinity"] = ParsedOr(spec.affinity, SpreadOverNodes(subject));
  if (!spec.tolerations.empty()) pod["tolerations"] = ParsedOr(spec.tolerations, Json::array());
  Json spread = ParsedOr(spec.topology_spread_constraints, SpreadOverRacks(subject));
  if (!spread.empty()) pod["topologySpreadConstraints"] = std::move(spread);
  if (!spec.priority_class_name.empty()) pod["priorityClassName"] = spec.priority_class_name;
  if (!spec.node_selector.empty()) AddPairs(spec.node_selector, pod["nodeSelector"] = Json::object());
  return pod;
}

}  // namespace

std::string Digest(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

DesiredObject BuildPod(const Subject& subject, int32_t id, const ServiceFactsByName& services) {
  DesiredObject pod{k8s::kPods, Skeleton(subject, k8s::kPods, PodName(subject.name(), id)), ""};
  const std::string advertised = AdvertisedListeners(subject, id, services, &pod.blocked_by);
  Json& metadata = pod.body["metadata"];
  metadata["labels"][std::string(kBrokerIdLabel)] = std::to_string(id);
  AddPairs(subject.spec.pod_labels, metadata["labels"]);
  metadata["annotations"] = Json::object();
  AddPairs(subject.spec.pod_annotations, metadata["annotations"]);
  pod.body["spec"] = PodSpec(subject, id, advertised);
  metadata["annotations"][std::string(kRevisionAnnotation)] =
      Digest(pod.body["spec"].dump() + ServerProperties(subject));
  return pod;
}

}  // namespace dohle::resources
