#include "operator/resources/pod.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "operator/resources/broker_config.h"
#include "operator/resources/made_of.h"
#include "operator/resources/names.h"

namespace dohle::resources {
namespace {

using k8s::Json;

constexpr int kUser = 65532;  // as in the image
constexpr int kStartupPeriodSeconds = 1;
constexpr int kStartupFailures = 3600;
constexpr int kAntiAffinityWeight = 100;
constexpr std::string_view kRackNodeFile = "rack-node";

Json FromField(std::string_view name, std::string_view path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}

std::string AnnotationPath(std::string_view annotation) {
  return fmt::format("metadata.annotations['{}']", annotation);
}

Json Environment(const Subject& subject, int32_t id) {
  Json variables = Json::array({{{"name", "BROKER_ID"}, {"value", fmt::format("{}", id)}},
                                FromField("POD_NAME", "metadata.name"),
                                FromField("POD_IP", "status.podIP"),
                                FromField("NODE_IP", "status.hostIP")});
  if (subject.has_racks()) variables.push_back(FromField("BROKER_RACK", AnnotationPath(kRackAnnotation)));
  return variables;
}

// What differs from broker to broker, and what names paths. The kubelet fills in $(...).
Json Arguments(const Subject& subject, const Member& member, const std::string& advertised) {
  const int32_t id = member.id;
  const bool own_address = subject.options.addressing == Addressing::kPodIp;
  std::vector<std::string> listeners;
  for (const api::Listener& listener : subject.spec.listeners) {
    listeners.push_back(fmt::format("{}://{}:{}", KafkaListenerName(listener), own_address ? "$(POD_IP)" : "",
                                    listener.port));
  }
  const bool controller = subject.quorum.IsController(id);
  if (controller) {
    listeners.push_back(fmt::format("{}://{}:{}", kControllerListenerName, own_address ? "$(POD_IP)" : "",
                                    api::kControllerPort));
  }
  Json arguments = Json::array({fmt::format("{}/{}", kConfigMountPath, kPropertiesFile)});
  const auto add = [&](std::string_view key, std::string_view value) {
    arguments.push_back("--override");
    arguments.push_back(fmt::format("{}={}", key, value));
  };
  add("node.id", "$(BROKER_ID)");
  if (subject.quorum.dynamic()) {
    add("controller.quorum.bootstrap.servers", QuorumBootstrap(subject));
    if (member.founder) add("dohle.initial.controllers", FirstVoters(subject));
  } else if (!subject.quorum.standalone()) {
    add("process.roles", controller ? "broker,controller" : "broker");
    add("controller.quorum.voters", QuorumVoters(subject));
  }
  add("listeners", fmt::format("{}", fmt::join(listeners, ",")));
  add("advertised.listeners",
      controller ? fmt::format("{},{}://{}:{}", advertised, kControllerListenerName,
                               PodHost(subject.name(), subject.ns(), id), api::kControllerPort)
                 : advertised);
  add("log.dirs", LogDirs(subject.spec));
  if (subject.has_racks()) add("broker.rack", "$(BROKER_RACK)");
  add("metrics.port", fmt::format("{}", api::kMetricsPort));
  if (own_address) add("metrics.host", "$(POD_IP)");
  return arguments;
}

Json Ports(const api::ClusterSpec& spec, bool controller) {
  Json ports = Json::array();
  for (const api::Listener& listener : spec.listeners) {
    ports.push_back({{"name", listener.name}, {"containerPort", listener.port}, {"protocol", "TCP"}});
  }
  if (controller) {
    ports.push_back({{"name", "controller"}, {"containerPort", api::kControllerPort}, {"protocol", "TCP"}});
  }
  ports.push_back({{"name", "metrics"}, {"containerPort", api::kMetricsPort}, {"protocol", "TCP"}});
  return ports;
}

Json HttpGet(std::string_view path) { return {{"path", path}, {"port", "metrics"}, {"scheme", "HTTP"}}; }

Json ProbeOf(const api::Probe& probe, std::string_view path) {
  return {{"httpGet", HttpGet(path)},
          {"periodSeconds", probe.period_seconds},
          {"timeoutSeconds", probe.timeout_seconds},
          {"failureThreshold", probe.failure_threshold}};
}

// In a Pod's list of volumes; users name theirs as they like.
std::string PodVolumeName(const api::StorageVolume& volume) { return "volume-" + volume.name; }

Json Mounts(const api::ClusterSpec& spec) {
  Json mounts = Json::array({{{"name", "config"}, {"mountPath", kConfigMountPath}, {"readOnly", true}}});
  for (const api::StorageVolume& volume : spec.storage.volumes) {
    mounts.push_back(
        {{"name", PodVolumeName(volume)}, {"mountPath", fmt::format("{}/{}", kDataMountPath, volume.name)}});
  }
  return mounts;
}

Json Volumes(const Subject& subject, int32_t id) {
  Json volumes =
      Json::array({{{"name", "config"}, {"configMap", {{"name", ConfigMapName(subject.name())}}}}});
  for (const api::StorageVolume& volume : subject.spec.storage.volumes) {
    const std::string claim = ClaimName(volume.name, subject.name(), id);
    volumes.push_back({{"name", PodVolumeName(volume)}, {"persistentVolumeClaim", {{"claimName", claim}}}});
  }
  if (subject.has_racks()) {
    Json item = {{"path", kRackNodeFile}, {"fieldRef", {{"fieldPath", AnnotationPath(kRackNodeAnnotation)}}}};
    volumes.push_back({{"name", "pod"}, {"downwardAPI", {{"items", Json::array({std::move(item)})}}}});
  }
  return volumes;
}

std::string Image(const Subject& subject) {
  return subject.spec.image.empty() ? subject.options.broker_image : subject.spec.image;
}

Json ContainerSecurity() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", Json::array({"ALL"})}}}};
}

// Asks for as much as the broker, which costs nothing: the two never run at the same time.
Json RackContainer(const Subject& subject) {
  const api::ClusterSpec& spec = subject.spec;
  return {{"name", "rack"},
          {"image", Image(subject)},
          {"imagePullPolicy", spec.image_pull_policy},
          {"command", Json::array({"/dohle-broker"})},
          {"args", Json::array({"await-file", fmt::format("{}/{}", kPodInfoMountPath, kRackNodeFile)})},
          {"resources", ParsedOr(spec.resources, Json::object())},
          {"volumeMounts",
           Json::array({{{"name", "pod"}, {"mountPath", kPodInfoMountPath}, {"readOnly", true}}})},
          {"securityContext", ContainerSecurity()}};
}

Json Container(const Subject& subject, const Member& member, const std::string& advertised) {
  const api::ClusterSpec& spec = subject.spec;
  return {{"name", kBrokerContainer},
          {"image", Image(subject)},
          {"imagePullPolicy", spec.image_pull_policy},
          {"command", Json::array({"/dohle-broker"})},
          {"args", Arguments(subject, member, advertised)},
          {"env", Environment(subject, member.id)},
          {"ports", Ports(spec, subject.quorum.IsController(member.id))},
          {"resources", ParsedOr(spec.resources, Json::object())},
          {"volumeMounts", Mounts(spec)},
          {"livenessProbe", ProbeOf(spec.liveness, "/healthz")},
          {"readinessProbe", ProbeOf(spec.readiness, "/readyz")},
          {"startupProbe",
           {{"httpGet", HttpGet("/readyz")},
            {"periodSeconds", kStartupPeriodSeconds},
            {"timeoutSeconds", spec.readiness.timeout_seconds},
            {"failureThreshold", kStartupFailures}}},
          {"securityContext", ContainerSecurity()}};
}

// Brokers of a Cluster prefer nodes without another one.
Json DefaultAffinity(const Subject& subject) {
  Json term = {{"labelSelector", {{"matchLabels", SelectorLabels(subject)}}},
               {"topologyKey", "kubernetes.io/hostname"}};
  Json preferred = {{"weight", kAntiAffinityWeight}, {"podAffinityTerm", std::move(term)}};
  return {{"podAntiAffinity",
           {{"preferredDuringSchedulingIgnoredDuringExecution", Json::array({std::move(preferred)})}}}};
}

Json DefaultSpread(const Subject& subject) {
  const std::string key = subject.spec.rack_topology_key.value_or("topology.kubernetes.io/zone");
  return Json::array({{{"maxSkew", 1},
                       {"topologyKey", key},
                       {"whenUnsatisfiable", "ScheduleAnyway"},
                       {"labelSelector", {{"matchLabels", SelectorLabels(subject)}}}}});
}

void AddScheduling(const Subject& subject, Json& pod) {
  const api::ClusterSpec& spec = subject.spec;
  pod["affinity"] = ParsedOr(spec.affinity, DefaultAffinity(subject));
  pod["topologySpreadConstraints"] = ParsedOr(spec.topology_spread_constraints, DefaultSpread(subject));
  if (!spec.tolerations.empty()) pod["tolerations"] = ParsedOr(spec.tolerations, Json::array());
  if (!spec.priority_class_name.empty()) pod["priorityClassName"] = spec.priority_class_name;
  if (!spec.node_selector.empty()) {
    pod["nodeSelector"] = Json::object();
    AddPairs(spec.node_selector, pod["nodeSelector"]);
  }
}

}  // namespace

std::string Digest(std::string_view text) {
  uint64_t digest = 0xcbf29ce484222325;
  for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", digest);
}

DesiredObject BuildPod(const Subject& subject, const Member& member, const ServiceFactsByName& services) {
  const int32_t id = member.id;
  const std::string name = PodName(subject.name(), id);
  DesiredObject pod{k8s::kPods, Skeleton(subject, k8s::kPods, name), ""};
  const std::string advertised = AdvertisedListeners(subject, id, services, &pod.blocked_by);
  // hostname and subdomain give it its name in the headless Service.
  Json spec = {
      {"hostname", name},
      {"subdomain", HeadlessServiceName(subject.name())},
      {"serviceAccountName", ServiceAccountName(subject.name())},
      {"automountServiceAccountToken", false},
      {"enableServiceLinks", false},
      {"restartPolicy", "Always"},
      {"terminationGracePeriodSeconds", subject.spec.termination_grace_period_seconds},
      {"securityContext",
       {{"runAsNonRoot", true},
        {"runAsUser", kUser},
        {"runAsGroup", kUser},
        {"fsGroup", kUser},
        {"fsGroupChangePolicy", "OnRootMismatch"},
        {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
      {"containers", Json::array({Container(subject, member, advertised)})},
      {"volumes", Volumes(subject, id)},
  };
  if (subject.has_racks()) spec["initContainers"] = Json::array({RackContainer(subject)});
  AddScheduling(subject, spec);

  Json& metadata = pod.body["metadata"];
  metadata["labels"][std::string(kBrokerIdLabel)] = fmt::format("{}", id);
  AddPairs(subject.spec.pod_labels, metadata["labels"]);
  // Whoever wants all brokers restarted changes it.
  const std::string asked_roll(subject.meta.Annotation(kRollAnnotation));
  metadata["annotations"] = {
      {std::string(kRevisionAnnotation), Digest(spec.dump() + ServerProperties(subject) + asked_roll)},
      {std::string(kMadeOfAnnotation), MadeOf(subject, member, services).dump()}};
  AddPairs(subject.spec.pod_annotations, metadata["annotations"]);
  pod.body["spec"] = std::move(spec);
  return pod;
}

}  // namespace dohle::resources
