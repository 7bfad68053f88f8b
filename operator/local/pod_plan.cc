#include "operator/local/pod_plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/crc32c.h"
#include "lib/env/file_system.h"
#include "operator/k8s/object.h"

namespace dohle::local {
namespace {

using k8s::Json;
using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Mount {
  std::string path;
  std::string directory;
};

const Json& ArrayAt(const Json& object, const char* path) {
  static const Json* const none = new Json(Json::array());
  const Json* found = k8s::Find(object, path);
  return found != nullptr && found->is_array() ? *found : *none;
}

Status Fault(const std::string& path, std::string_view why) {
  return MakeStatus(StatusCode::kInvalidArgument, "{}: {}", path, why);
}

// A name that becomes part of a path.
bool IsSafeName(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." && name != "..";
}

bool IsPathCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("._-/").find(c) != std::string_view::npos;
}

// `mounts`: the longest path first.
std::string ReplaceMounts(const std::string& text, const std::vector<Mount>& mounts) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const bool begins = i == 0 || !IsPathCharacter(text[i - 1]);
    const auto mount = std::find_if(mounts.begin(), mounts.end(), [&](const Mount& m) {
      const size_t end = i + m.path.size();
      return begins && text.compare(i, m.path.size(), m.path) == 0 &&
             (end == text.size() || text[end] == '/' || !IsPathCharacter(text[end]));
    });
    if (mount == mounts.end()) {
      result += text[i++];
    } else {
      result += mount->directory;
      i += mount->path.size();
    }
  }
  return result;
}

// A letter of a DNS label.
bool IsLabelCharacter(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-'; }

class Planner {
 public:
  Planner(const Json& pod, const PodSurroundings& surroundings)
      : pod_(pod),
        around_(surroundings),
        name_{k8s::FindString(pod, "metadata.namespace"), k8s::FindString(pod, "metadata.name")},
        directory_(PodDirectory(surroundings.data_directory, name_)),
        domain_(fmt::format(".{}.{}.svc", k8s::FindString(pod, "spec.subdomain"), name_.ns)) {}

  StatusOr<PodPlan> Plan() {
    const Json& volumes = ArrayAt(pod_, "spec.volumes");
    for (size_t i = 0; i < volumes.size(); ++i)
      DOHLE_RETURN_IF_ERROR(PlanVolume(volumes[i], fmt::format("spec.volumes[{}]", i)));
    const Json& containers = ArrayAt(pod_, "spec.containers");
    if (containers.empty()) return Fault("spec.containers", "Required value");
    if (!ArrayAt(pod_, "spec.initContainers").empty())
      return Fault("spec.initContainers", "not supported without Kubernetes");
    plan_.directories.push_back(directory_);
    plan_.directories.push_back(env::JoinPath(around_.data_directory, "logs"));
    for (size_t i = 0; i < containers.size(); ++i)
      DOHLE_RETURN_IF_ERROR(PlanContainer(containers[i], fmt::format("spec.containers[{}]", i)));
    return std::move(plan_);
  }

 private:
  Status PlanVolume(const Json& volume, const std::string& path) {
    const std::string name = k8s::FindString(volume, "name");
    if (!IsSafeName(name)) return Fault(path + ".name", "Required value");
    std::string directory = env::JoinPath(env::JoinPath(directory_, "volumes"), name);
    if (const std::string claim = k8s::FindString(volume, "persistentVolumeClaim.claimName");
        !claim.empty()) {
      if (!IsSafeName(claim)) return Fault(path + ".persistentVolumeClaim.claimName", "not a name");
      directory = ClaimDirectory(around_.data_directory, {name_.ns, claim});
    } else if (k8s::Find(volume, "configMap") != nullptr) {
      DOHLE_RETURN_IF_ERROR(PlanConfigMap(volume, directory, path + ".configMap"));
    } else if (k8s::Find(volume, "emptyDir") == nullptr) {
      return Fault(path,
                   "only persistentVolumeClaim, configMap and emptyDir are supported without Kubernetes");
    }
    plan_.directories.push_back(directory);
    volumes_.emplace_back(name, directory);
    return OkStatus();
  }

  Status PlanConfigMap(const Json& volume, const std::string& directory, const std::string& path) {
    const std::string name = k8s::FindString(volume, "configMap.name");
    const Json* map = around_.config_map(name);
    if (map == nullptr) {
      if (k8s::FindBool(volume, "configMap.optional", false)) return OkStatus();
      return MakeStatus(StatusCode::kNotFound, "{}: there is no ConfigMap {}", path, name);
    }
    const Json* data = k8s::Find(*map, "data");
    if (data == nullptr || !data->is_object()) return OkStatus();
    const Json& items = ArrayAt(volume, "configMap.items");
    for (const auto& [key, value] : data->items()) {
      std::string file = key;
      if (!items.empty()) {
        const auto item = std::find_if(items.begin(), items.end(), [&, &k = key](const Json& candidate) {
          return k8s::FindString(candidate, "key") == k;
        });
        if (item == items.end()) continue;
        file = k8s::FindString(*item, "path", key);
      }
      if (!IsSafeName(file) || !value.is_string()) return Fault(path, "the key " + key + " can't be a file");
      plan_.files.emplace_back(env::JoinPath(directory, file), value.get<std::string>());
    }
    return OkStatus();
  }

  Status PlanContainer(const Json& container, const std::string& path) {
    ContainerPlan plan;
    plan.name = k8s::FindString(container, "name");
    plan.image = k8s::FindString(container, "image");
    if (!IsSafeName(plan.name)) return Fault(path + ".name", "Required value");
    plan.log_file = ContainerLogFile(around_.data_directory, name_, plan.name);
    plan.working_directory = directory_;
    DOHLE_ASSIGN_OR_RETURN(const std::vector<Mount> mounts, MountsOf(container, path));
    DOHLE_ASSIGN_OR_RETURN(const Pairs environment, EnvironmentOf(container, path));
    const Json& command = ArrayAt(container, "command");
    if (command.empty() || !command[0].is_string())
      return Fault(path + ".command", "Required value: without Kubernetes images aren't known");
    for (const char* field : {"command", "args"}) {
      for (const Json& part : ArrayAt(container, field)) {
        if (!part.is_string()) return Fault(path + "." + field, "must be strings");
        plan.argv.push_back(
            ReplaceNames(ReplaceMounts(ExpandVariables(part.get<std::string>(), environment), mounts)));
      }
    }
    const std::string program = plan.argv[0].substr(plan.argv[0].rfind('/') + 1);
    if (!IsSafeName(program)) return Fault(path + ".command", "names no program");
    plan.argv[0] = env::JoinPath(around_.program_directory, program);
    plan.environment.emplace_back("PATH", "/usr/local/bin:/usr/bin:/bin");
    for (const auto& [name, value] : environment)
      plan.environment.emplace_back(name, ReplaceNames(ReplaceMounts(value, mounts)));
    plan.pre_stop_sleep = absl::Seconds(k8s::FindInt(container, "lifecycle.preStop.sleep.seconds", 0));
    const std::pair<const char*, std::optional<ProbePlan>*> probes[] = {{"startupProbe", &plan.startup},
                                                                        {"livenessProbe", &plan.liveness},
                                                                        {"readinessProbe", &plan.readiness}};
    for (const auto& [field, probe] : probes) {
      if (const Json* found = k8s::Find(container, field)) {
        DOHLE_ASSIGN_OR_RETURN(*probe, PlanProbe(*found, container, path + "." + field));
      }
    }
    plan_.containers.push_back(std::move(plan));
    return OkStatus();
  }

  std::string ReplaceNames(std::string text) const {
    if (domain_.starts_with("..") || around_.address_of == nullptr) return text;
    for (size_t at = 0; (at = text.find(domain_, at)) != std::string::npos;) {
      size_t begin = at;
      while (begin > 0 && IsLabelCharacter(text[begin - 1])) --begin;
      const std::string address = begin == at ? domain_ : around_.address_of(text.substr(begin, at - begin));
      text.replace(begin, at + domain_.size() - begin, address);
      at = begin + address.size();
    }
    return text;
  }

  StatusOr<std::vector<Mount>> MountsOf(const Json& container, const std::string& path) {
    std::vector<Mount> mounts;
    const Json& list = ArrayAt(container, "volumeMounts");
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string name = k8s::FindString(list[i], "name");
      std::string mount_path = k8s::FindString(list[i], "mountPath");
      const auto volume = std::find_if(volumes_.begin(), volumes_.end(),
                                       [&](const auto& candidate) { return candidate.first == name; });
      const std::string field = fmt::format("{}.volumeMounts[{}]", path, i);
      if (volume == volumes_.end()) return Fault(field + ".name", "there is no such volume in the pod");
      while (mount_path.size() > 1 && mount_path.ends_with('/')) mount_path.pop_back();
      if (!mount_path.starts_with('/') || mount_path == "/")
        return Fault(field + ".mountPath", "must be an absolute path below /");
      std::string directory = volume->second;
      const std::string sub_path = k8s::FindString(list[i], "subPath");
      if (sub_path.find("..") != std::string::npos) return Fault(field + ".subPath", "must not contain ..");
      if (!sub_path.empty()) directory = env::JoinPath(directory, sub_path);
      mounts.push_back({std::move(mount_path), std::move(directory)});
    }
    std::sort(mounts.begin(), mounts.end(),
              [](const Mount& a, const Mount& b) { return a.path.size() > b.path.size(); });
    return mounts;
  }

  StatusOr<Pairs> EnvironmentOf(const Json& container, const std::string& path) {
    Pairs environment;
    const Json& list = ArrayAt(container, "env");
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string name = k8s::FindString(list[i], "name");
      const std::string field = fmt::format("{}.env[{}]", path, i);
      if (name.empty() || name.find('=') != std::string::npos) return Fault(field + ".name", "not a name");
      std::string value = ExpandVariables(k8s::FindString(list[i], "value"), environment);
      if (k8s::Find(list[i], "valueFrom") != nullptr) {
        const std::string reference = k8s::FindString(list[i], "valueFrom.fieldRef.fieldPath");
        if (!FieldOf(reference, value))
          return Fault(field + ".valueFrom", "not supported without Kubernetes: " + reference);
      }
      environment.emplace_back(name, std::move(value));
    }
    return environment;
  }

  bool FieldOf(const std::string& reference, std::string& value) const {
    if (reference == "status.podIP") {
      value = around_.pod_ip;
    } else if (reference == "status.hostIP") {
      value = around_.host_ip;
    } else if (reference == "spec.nodeName") {
      value = around_.node_name;
    } else if (reference == "metadata.name" || reference == "metadata.namespace" ||
               reference == "metadata.uid" || reference == "spec.serviceAccountName") {
      value = k8s::FindString(pod_, reference);
    } else {
      for (const std::string_view map : {"metadata.labels", "metadata.annotations"}) {
        const std::string prefix = std::string(map) + "['";
        if (!reference.starts_with(prefix) || !reference.ends_with("']")) continue;
        const std::string key = reference.substr(prefix.size(), reference.size() - prefix.size() - 2);
        const Json* pairs = k8s::Find(pod_, map);
        value.clear();
        if (pairs != nullptr && pairs->is_object() && pairs->contains(key) && (*pairs)[key].is_string())
          value = (*pairs)[key].get<std::string>();
        return true;
      }
      return false;
    }
    return true;
  }

  static StatusOr<uint16_t> PortOf(const Json* port, const Json& container, const std::string& path) {
    if (port != nullptr && port->is_string()) {
      for (const Json& candidate : ArrayAt(container, "ports")) {
        if (candidate.is_object() && candidate.contains("name") && candidate["name"] == *port)
          port = k8s::Find(candidate, "containerPort");
      }
    }
    if (port == nullptr || !port->is_number_integer()) return Fault(path, "names no port of the container");
    const auto number = port->get<int64_t>();
    if (number < 1 || number > 65535) return Fault(path, "must be between 1 and 65535");
    return static_cast<uint16_t>(number);
  }

  static StatusOr<ProbePlan> PlanProbe(const Json& probe, const Json& container, const std::string& path) {
    ProbePlan plan;
    const Json* http = k8s::Find(probe, "httpGet");
    const Json* tcp = k8s::Find(probe, "tcpSocket");
    if (http == nullptr && tcp == nullptr)
      return Fault(path, "only httpGet and tcpSocket are supported without Kubernetes");
    const Json& action = http != nullptr ? *http : *tcp;
    plan.http = http != nullptr;
    DOHLE_ASSIGN_OR_RETURN(plan.port, PortOf(k8s::Find(action, "port"), container, path));
    plan.host = k8s::FindString(action, "host");
    plan.path = k8s::FindString(action, "path", "/");
    for (const Json& header : ArrayAt(action, "httpHeaders"))
      plan.headers.emplace_back(k8s::FindString(header, "name"), k8s::FindString(header, "value"));
    // The defaults of core/v1 Probe.
    plan.initial_delay = absl::Seconds(k8s::FindInt(probe, "initialDelaySeconds", 0));
    plan.period = absl::Seconds(std::max<int64_t>(k8s::FindInt(probe, "periodSeconds", 10), 1));
    plan.timeout = absl::Seconds(std::max<int64_t>(k8s::FindInt(probe, "timeoutSeconds", 1), 1));
    plan.failure_threshold =
        static_cast<int>(std::max<int64_t>(k8s::FindInt(probe, "failureThreshold", 3), 1));
    plan.success_threshold =
        static_cast<int>(std::max<int64_t>(k8s::FindInt(probe, "successThreshold", 1), 1));
    return plan;
  }

  const Json& pod_;
  const PodSurroundings& around_;
  const k8s::ObjectName name_;
  const std::string directory_;
  const std::string domain_;  // what follows a Pod's name
  Pairs volumes_;             // name, directory
  PodPlan plan_;
};

}  // namespace

std::string PodDirectory(const std::string& data_directory, const k8s::ObjectName& pod) {
  return fmt::format("{}/pods/{}/{}", data_directory, pod.ns, pod.name);
}

std::string ClaimDirectory(const std::string& data_directory, const k8s::ObjectName& claim) {
  return fmt::format("{}/volumes/{}/{}", data_directory, claim.ns, claim.name);
}

std::string ContainerLogFile(const std::string& data_directory, const k8s::ObjectName& pod,
                             const std::string& container) {
  return fmt::format("{}/logs/{}_{}_{}.log", data_directory, pod.ns, pod.name, container);
}

PodNeeds NeedsOf(const Json& pod) {
  PodNeeds needs;
  for (const Json& volume : ArrayAt(pod, "spec.volumes")) {
    if (const std::string claim = k8s::FindString(volume, "persistentVolumeClaim.claimName"); !claim.empty())
      needs.claims.push_back(claim);
    const std::string map = k8s::FindString(volume, "configMap.name");
    if (!map.empty() && !k8s::FindBool(volume, "configMap.optional", false)) needs.config_maps.push_back(map);
  }
  return needs;
}

StatusOr<PodPlan> PlanPod(const Json& pod, const PodSurroundings& surroundings) {
  return Planner(pod, surroundings).Plan();
}

std::string ExpandVariables(const std::string& text, const Pairs& environment) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const bool escaped = text.compare(i, 3, "$$(") == 0;
    const size_t close = text.find(')', i);
    if (escaped || (text.compare(i, 2, "$(") == 0 && close != std::string::npos)) {
      if (escaped) {
        result += "$(";
        i += 3;
        continue;
      }
      const std::string name = text.substr(i + 2, close - i - 2);
      // The last one of a name counts.
      const auto found = std::find_if(environment.rbegin(), environment.rend(),
                                      [&](const auto& variable) { return variable.first == name; });
      result += found == environment.rend() ? text.substr(i, close + 1 - i) : found->second;
      i = close + 1;
    } else {
      result += text[i++];
    }
  }
  return result;
}

std::string ChooseLoopbackAddress(std::string_view home, const k8s::ObjectName& pod,
                                  const std::function<bool(const std::string&)>& taken) {
  // 127.0.1.1 to 127.0.254.254: not 127.0.0.0/24, where the machine's own services are.
  constexpr uint32_t kAddresses = 254 * 254;
  uint32_t place = Crc32c(fmt::format("{}:{}", home, k8s::ToString(pod))) % kAddresses;
  for (uint32_t tries = 0;; ++tries, place = (place + 1) % kAddresses) {
    std::string address = fmt::format("127.0.{}.{}", 1 + place / 254, 1 + place % 254);
    if (tries == kAddresses || !taken(address)) return address;
  }
}

}  // namespace dohle::local
