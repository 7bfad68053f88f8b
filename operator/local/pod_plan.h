// From a Pod to what the local mode runs for it: programs with their arguments, environment, directories,
// files and probes. Pure.
//
// There are no images and no mount namespaces: the program is looked up by the command's last part beside the
// operator, and mount paths are replaced (at path boundaries) in command, args and values of the environment
// by the directories that stand for them. ConfigMaps become files, claims DATA/volumes/NAMESPACE/CLAIM, empty
// directories live beside the files and go with the pod. Nor is there a DNS: names that Pods have in the
// headless Service of spec.subdomain, POD.SUBDOMAIN.NAMESPACE.svc, are replaced by their addresses in the
// same places.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/status.h"
#include "operator/k8s/json.h"
#include "operator/k8s/resource.h"

namespace dohle::local {

struct ProbePlan {
  bool http = true;  // or a TCP connection
  std::string host;  // "": the pod's address
  uint16_t port = 0;
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> headers;
  absl::Duration initial_delay, period, timeout;
  int failure_threshold = 3;
  int success_threshold = 1;
};

struct ContainerPlan {
  std::string name;
  std::string image;
  std::vector<std::string> argv;  // the program by its path
  std::vector<std::pair<std::string, std::string>> environment;
  std::string working_directory;
  std::string log_file;
  std::optional<ProbePlan> startup, liveness, readiness;
  absl::Duration pre_stop_sleep;
};

struct PodPlan {
  std::vector<ContainerPlan> containers;
  std::vector<std::string> directories;                    // to be made
  std::vector<std::pair<std::string, std::string>> files;  // path, content
};

struct PodSurroundings {
  std::string data_directory;
  std::string program_directory;
  std::string pod_ip, host_ip, node_name;
  // Null: there is none of that name in the pod's namespace.
  std::function<const k8s::Json*(const std::string& name)> config_map;
  // Of a pod in the pod's namespace, whether it is there already or not.
  std::function<std::string(const std::string& name)> address_of;
};

// Where things are.
std::string PodDirectory(const std::string& data_directory, const k8s::ObjectName& pod);
std::string ClaimDirectory(const std::string& data_directory, const k8s::ObjectName& claim);
std::string ContainerLogFile(const std::string& data_directory, const k8s::ObjectName& pod,
                             const std::string& container);

struct PodNeeds {
  std::vector<std::string> claims;
  std::vector<std::string> config_maps;  // those that aren't optional
};
PodNeeds NeedsOf(const k8s::Json& pod);

// kInvalidArgument with the field's path: it asks for what the local mode can't do.
StatusOr<PodPlan> PlanPod(const k8s::Json& pod, const PodSurroundings& surroundings);

// "$(NAME)" replaced by values of `environment`; "$$(NAME)" is "$(NAME)"; unknown ones stay.
std::string ExpandVariables(const std::string& text,
                            const std::vector<std::pair<std::string, std::string>>& environment);

// An address 127.0.x.y for a pod, the same for the same name unless it is `taken`. `home` sets the pods of
// one operator apart from those of others on the machine, which may have the same names.
std::string ChooseLoopbackAddress(std::string_view home, const k8s::ObjectName& pod,
                                  const std::function<bool(const std::string&)>& taken);

}  // namespace dohle::local
