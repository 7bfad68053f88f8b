#include "operator/local/pod_runner.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "lib/base/log.h"
#include "operator/k8s/object.h"

namespace dohle::local {
namespace {

using k8s::Json;
using k8s::ObjectName;

constexpr absl::Duration kRetryDelay = absl::Seconds(1);
constexpr int64_t kDefaultGraceSeconds = 30;

absl::Duration GraceOf(const Json& pod) {
  return absl::Seconds(
      std::max<int64_t>(k8s::FindInt(pod, "spec.terminationGracePeriodSeconds", kDefaultGraceSeconds), 0));
}

RestartPolicy PolicyOf(const Json& pod) {
  const std::string policy = k8s::FindString(pod, "spec.restartPolicy", "Always");
  if (policy == "Never") return RestartPolicy::kNever;
  return policy == "OnFailure" ? RestartPolicy::kOnFailure : RestartPolicy::kAlways;
}

int RestartsOf(const Json& pod, const std::string& container) {
  const Json* statuses = k8s::Find(pod, "status.containerStatuses");
  if (statuses == nullptr || !statuses->is_array()) return 0;
  for (const Json& status : *statuses) {
    // It ran until this program ended: to begin it now is another restart.
    if (k8s::FindString(status, "name") == container)
      return static_cast<int>(k8s::FindInt(status, "restartCount", 0)) + 1;
  }
  return 0;
}

k8s::ApplyOptions ByKubelet() { return {kKubeletManager, true, k8s::Subresource::kStatus}; }

}  // namespace

struct PodRunner::Pod {
  ObjectName name;
  std::string uid;
  std::shared_ptr<const Json> object;
  std::string ip;
  std::vector<std::string> claims;
  std::vector<std::shared_ptr<ContainerLife>> containers;
  size_t containers_left = 0;
  bool planning = false;  // what it needs is being looked at
  bool begun = false;     // containers were started
  bool deleting = false;  // it is to be removed from the store once it has ended
  bool changed = false;
  bool writing = false;
  std::string reason = "ContainerCreating";  // why it hasn't begun
  std::string message;
  int64_t start_time_ms = 0;
  std::map<std::string, std::pair<std::string, int64_t>> conditions;  // type -> status, since
  env::StopSignal stop;
  env::StopSignal ended;
};

PodRunner::PodRunner(env::Env& env, env::Executor& executor, k8s::Client& client,
                     env::ProcessLauncher& launcher, Options options)
    : env_(env),
      executor_(executor),
      client_(client),
      launcher_(launcher),
      options_(std::move(options)),
      pod_follower_(client, k8s::kPods,
                    [this](const auto& name, const auto& object, const auto&) { OnPod(name, object); }),
      claims_(env, executor, client, options_.data_directory,
              [this](const ObjectName& claim) { return ClaimInUse(claim); }) {}

PodRunner::~PodRunner() = default;

env::Task<void> PodRunner::Run() {
  co_await RegisterNode();
  env::Spawn(executor_, claims_.Run());
  co_await pod_follower_.Run();
}

env::Task<void> PodRunner::Stop() {
  stop_.Stop();
  pod_follower_.Stop();
  claims_.Stop();
  const std::map<ObjectName, std::shared_ptr<Pod>> pods = pods_;
  for (const auto& [name, pod] : pods) StopPod(*pod, GraceOf(*pod->object));
  for (const auto& [name, pod] : pods) co_await pod->ended.SleepFor(absl::InfiniteDuration());
}

env::Task<void> PodRunner::RegisterNode() {
  const ObjectName name{"", options_.node_name};
  Json node = k8s::NewObject(k8s::kNodes, name);
  const k8s::ApplyOptions options{kKubeletManager};
  const StatusOr<Json> made = co_await client_.Apply(k8s::kNodes, node, options);
  const int64_t now_ms = env_.clock.WallTimeMs();
  node["status"] = {{"addresses", {{{"type", "InternalIP"}, {"address", options_.host_ip}}}},
                    {"conditions",
                     {{{"type", "Ready"},
                       {"status", "True"},
                       {"reason", "LocalMode"},
                       {"message", "this machine"},
                       {"lastTransitionTime", k8s::FormatTime(now_ms)}}}}};
  const k8s::ApplyOptions by_kubelet = ByKubelet();
  const StatusOr<Json> told = co_await client_.Apply(k8s::kNodes, node, by_kubelet);
  if (!made.ok() || !told.ok())
    log::Warning("pods", "cannot register the node: {}", Message(made.ok() ? told.status() : made.status()));
}

void PodRunner::StopPod(Pod& pod, absl::Duration grace) {
  pod.stop.Stop();
  for (const auto& container : pod.containers) container->Stop(grace);
}

void PodRunner::OnPod(const ObjectName& name, const std::shared_ptr<const Json>& object) {
  const auto found = pods_.find(name);
  if (found == pods_.end()) {
    if (object != nullptr) Begin(name, object);
    return;
  }
  const std::shared_ptr<Pod> pod = found->second;
  if (object == nullptr || k8s::FindString(*object, "metadata.uid") != pod->uid) {
    // Removed by force. Another of its name begins when this one has ended.
    pod->deleting = true;
    return StopPod(*pod, absl::ZeroDuration());
  }
  pod->object = object;
  const std::string when = k8s::FindString(*object, "metadata.deletionTimestamp");
  if (when.empty()) return;
  if (!std::exchange(pod->deleting, true)) MarkChanged(pod);
  const StatusOr<int64_t> deadline_ms = k8s::ParseTime(when);
  const int64_t left_ms = deadline_ms.ok() ? *deadline_ms - env_.clock.WallTimeMs() : 0;
  StopPod(*pod, absl::Milliseconds(std::max<int64_t>(left_ms, 0)));
}

void PodRunner::Begin(const ObjectName& name, const std::shared_ptr<const Json>& object) {
  if (stop_.stopped()) return;
  if (pods_.size() >= kMaxPods) {
    log::Error("pods", "{} is not run: {} pods run already", k8s::ToString(name), pods_.size());
    return;
  }
  auto pod = std::make_shared<Pod>();
  pod->name = name;
  pod->uid = k8s::FindString(*object, "metadata.uid");
  pod->object = object;
  pod->claims = NeedsOf(*object).claims;
  pod->start_time_ms = env_.clock.WallTimeMs();
  const std::string before = k8s::FindString(*object, "status.podIP");
  if (!before.empty() && !addresses_.contains(name) && !Taken(before)) addresses_[name] = before;
  pod->ip = AddressOf(name);
  pod->deleting = k8s::Find(*object, "metadata.deletionTimestamp") != nullptr;
  if (pod->deleting) pod->stop.Stop();
  pods_[name] = pod;
  env::Spawn(executor_, RunPod(pod));
}

bool PodRunner::Taken(const std::string& address) const {
  return std::any_of(addresses_.begin(), addresses_.end(),
                     [&](const auto& other) { return other.second == address; });
}

const std::string& PodRunner::AddressOf(const ObjectName& name) {
  std::string& address = addresses_[name];
  if (address.empty()) {
    address = ChooseLoopbackAddress(options_.data_directory, name,
                                    [this](const std::string& candidate) { return Taken(candidate); });
  }
  return address;
}

env::Task<void> PodRunner::RunPod(std::shared_ptr<Pod> pod) {
  if (k8s::FindString(*pod->object, "spec.nodeName").empty()) {
    const Json patch = {{"spec", {{"nodeName", options_.node_name}}}};
    const StatusOr<Json> bound =
        co_await client_.MergePatch(k8s::kPods, pod->name, patch, k8s::Subresource::kNone);
    if (!bound.ok())
      log::Warning("pods", "cannot bind {}: {}", k8s::ToString(pod->name), Message(bound.status()));
  }
  MarkChanged(pod);
  if (co_await Prepare(pod)) {
    while (pod->containers_left > 0) co_await pod->ended.SleepFor(absl::InfiniteDuration());
  }
  pod->ended.Stop();
  // One that has ended for good stays until somebody deletes it.
  while (!pod->deleting && !stop_.stopped()) {
    co_await pod->stop.SleepFor(absl::InfiniteDuration());
    if (!pod->deleting) co_return;
  }
  if (pod->deleting) co_await Remove(pod);
}

env::Task<void> PodRunner::Remove(std::shared_ptr<Pod> pod) {
  k8s::DeleteOptions options;
  options.uid = pod->uid;
  options.grace_period_s = 0;
  for (;;) {
    const Status deleted = co_await client_.Delete(k8s::kPods, pod->name, options);
    const bool gone =
        deleted.ok() || deleted.code() == StatusCode::kNotFound || deleted.code() == StatusCode::kAborted;
    if (gone) break;
    log::Warning("pods", "cannot remove {}: {}", k8s::ToString(pod->name), Message(deleted));
    const bool stopped = co_await stop_.SleepFor(kRetryDelay);
    if (stopped) co_return;
  }
  const std::string directory = PodDirectory(options_.data_directory, pod->name);
  env::FileSystem& files = env_.file_system;
  absl::AnyInvocable<Status()> remove = [&files, directory] { return files.RemoveRecursively(directory); };
  const Status removed = co_await env::RunBlocking<Status>(env_.blocking_pool, std::move(remove));
  if (!removed.ok()) log::Warning("pods", "{}", Message(removed));
  pods_.erase(pod->name);
  // One of its name that came meanwhile begins now.
  const auto next = pod_follower_.objects().find(pod->name);
  if (next != pod_follower_.objects().end() && k8s::FindString(*next->second, "metadata.uid") != pod->uid)
    Begin(pod->name, next->second);
}

env::Task<StatusOr<PodPlan>> PodRunner::Plan(std::shared_ptr<Pod> pod) {
  const PodNeeds needs = NeedsOf(*pod->object);
  for (const std::string& claim : needs.claims) {
    const ObjectName name{pod->name.ns, claim};
    const StatusOr<Json> found = co_await client_.Get(k8s::kPersistentVolumeClaims, name);
    if (!found.ok()) co_return found.status();
    if (k8s::Find(*found, "metadata.deletionTimestamp") != nullptr)
      co_return MakeStatus(StatusCode::kUnavailable, "the claim {} is being deleted", claim);
    if (k8s::FindString(*found, "status.phase") != "Bound")
      co_return MakeStatus(StatusCode::kUnavailable, "the claim {} isn't bound yet", claim);
  }
  std::map<std::string, Json> maps;
  for (const std::string& map : needs.config_maps) {
    const ObjectName name{pod->name.ns, map};
    StatusOr<Json> found = co_await client_.Get(k8s::kConfigMaps, name);
    if (!found.ok()) co_return found.status();
    maps[map] = std::move(*found);
  }
  PodSurroundings around;
  around.data_directory = options_.data_directory;
  around.program_directory = options_.program_directory;
  around.pod_ip = pod->ip;
  around.host_ip = options_.host_ip;
  around.node_name = options_.node_name;
  around.config_map = [&maps](const std::string& name) -> const Json* {
    const auto found = maps.find(name);
    return found == maps.end() ? nullptr : &found->second;
  };
  around.address_of = [this, ns = pod->name.ns](const std::string& name) { return AddressOf({ns, name}); };
  co_return PlanPod(*pod->object, around);
}

Status PodRunner::WriteFiles(const PodPlan& plan) {
  for (const std::string& directory : plan.directories)
    DOHLE_RETURN_IF_ERROR(env_.file_system.CreateDirectories(directory));
  for (const auto& [path, content] : plan.files)
    DOHLE_RETURN_IF_ERROR(env_.file_system.WriteWhole(path, content));
  return OkStatus();
}

env::Task<bool> PodRunner::Prepare(std::shared_ptr<Pod> pod) {
  absl::Duration delay = absl::Milliseconds(20);
  while (!pod->stop.stopped()) {
    pod->planning = true;
    const StatusOr<PodPlan> plan = co_await Plan(pod);
    pod->planning = false;
    Status status = plan.ok() ? WriteFiles(*plan) : plan.status();
    if (pod->stop.stopped()) break;
    if (status.ok()) {
      StartContainers(pod, *plan);
      co_return true;
    }
    const std::string message(Message(status));
    if (message != pod->message) {
      const bool wrong = status.code() == StatusCode::kInvalidArgument;
      pod->reason = wrong ? "CreateContainerConfigError" : "ContainerCreating";
      pod->message = message;
      if (wrong) log::Error("pods", "{} can't be run: {}", k8s::ToString(pod->name), message);
      MarkChanged(pod);
    }
    const bool stopped = co_await pod->stop.SleepFor(delay);
    if (stopped) break;
    delay = std::min(delay * 2, kRetryDelay);
  }
  co_return false;
}

void PodRunner::StartContainers(const std::shared_ptr<Pod>& pod, const PodPlan& plan) {
  pod->begun = true;
  pod->containers_left = plan.containers.size();
  for (const ContainerPlan& container : plan.containers) {
    ContainerLife::Settings settings;
    settings.plan = container;
    settings.pod_ip = pod->ip;
    settings.label = k8s::ToString(pod->name) + "/" + container.name;
    settings.restart_policy = PolicyOf(*pod->object);
    settings.liveness_grace = GraceOf(*pod->object);
    settings.restarts = RestartsOf(*pod->object, container.name);
    const std::weak_ptr<Pod> weak = pod;
    pod->containers.push_back(
        std::make_shared<ContainerLife>(env_, executor_, launcher_, std::move(settings), [this, weak] {
          if (const auto p = weak.lock()) MarkChanged(p);
        }));
  }
  const auto containers = pod->containers;
  for (const auto& container : containers) env::Spawn(executor_, RunContainer(pod, container));
}

env::Task<void> PodRunner::RunContainer(std::shared_ptr<Pod> pod, std::shared_ptr<ContainerLife> container) {
  co_await container->Run();
  if (--pod->containers_left == 0) pod->ended.Stop();
}

void PodRunner::MarkChanged(const std::shared_ptr<Pod>& pod) {
  pod->changed = true;
  if (!std::exchange(pod->writing, true)) env::Spawn(executor_, WriteStatus(pod));
}

env::Task<void> PodRunner::WriteStatus(std::shared_ptr<Pod> pod) {
  while (std::exchange(pod->changed, false)) {
    Json object = k8s::NewObject(k8s::kPods, pod->name);
    object["metadata"]["uid"] = pod->uid;
    object["status"] = StatusOf(*pod);
    const k8s::ApplyOptions options = ByKubelet();
    const StatusOr<Json> written = co_await client_.Apply(k8s::kPods, object, options);
    const StatusCode code = written.status().code();
    if (written.ok() || code == StatusCode::kNotFound || code == StatusCode::kAborted) continue;
    log::Warning("pods", "cannot tell the status of {}: {}", k8s::ToString(pod->name),
                 Message(written.status()));
    pod->changed = true;
    const bool stopped = co_await stop_.SleepFor(kRetryDelay);
    if (stopped) break;
  }
  pod->writing = false;
}

Json PodRunner::ConditionsOf(Pod& pod, bool ready) const {
  const std::pair<const char*, bool> conditions[] = {
      {"PodScheduled", true}, {"Initialized", pod.begun}, {"ContainersReady", ready}, {"Ready", ready}};
  Json list = Json::array();
  for (const auto& [type, holds] : conditions) {
    const std::string status = holds ? "True" : "False";
    auto& [last, since_ms] = pod.conditions[type];
    if (last != status) {
      last = status;
      since_ms = env_.clock.WallTimeMs();
    }
    Json condition = {{"type", type}, {"status", status}, {"lastTransitionTime", k8s::FormatTime(since_ms)}};
    if (!holds) {
      condition["reason"] = pod.begun ? "ContainersNotReady" : pod.reason;
      if (!pod.begun) condition["message"] = pod.message;
    }
    list.push_back(std::move(condition));
  }
  return list;
}

Json PodRunner::StatusOf(Pod& pod) const {
  const auto all = [&](auto holds) {
    return !pod.containers.empty() && std::all_of(pod.containers.begin(), pod.containers.end(), holds);
  };
  const bool ready = all([](const auto& container) { return container->ready(); }) && !pod.deleting;
  const bool ended = all([](const auto& container) { return container->ended(); }) && !stop_.stopped();
  const bool succeeded = all([](const auto& container) { return container->succeeded(); });
  std::string phase = pod.begun ? "Running" : "Pending";
  if (ended) phase = succeeded ? "Succeeded" : "Failed";
  Json containers = Json::array();
  for (const auto& container : pod.containers) containers.push_back(container->StatusJson());
  const Json* specs = k8s::Find(*pod.object, "spec.containers");
  if (!pod.begun && specs != nullptr && specs->is_array()) {
    for (const Json& spec : *specs) {
      containers.push_back({{"name", k8s::FindString(spec, "name")},
                            {"image", k8s::FindString(spec, "image")},
                            {"imageID", ""},
                            {"ready", false},
                            {"restartCount", 0},
                            {"state", {{"waiting", {{"reason", pod.reason}, {"message", pod.message}}}}}});
    }
  }
  return {{"phase", phase},
          {"podIP", pod.ip},
          {"podIPs", {{{"ip", pod.ip}}}},
          {"hostIP", options_.host_ip},
          {"startTime", k8s::FormatTime(pod.start_time_ms)},
          {"conditions", ConditionsOf(pod, ready)},
          {"containerStatuses", std::move(containers)}};
}

bool PodRunner::ClaimInUse(const ObjectName& name) const {
  return std::any_of(pods_.begin(), pods_.end(), [&](const auto& entry) {
    const Pod& pod = *entry.second;
    return (pod.begun || pod.planning) && pod.name.ns == name.ns &&
           std::find(pod.claims.begin(), pod.claims.end(), name.name) != pod.claims.end();
  });
}

}  // namespace dohle::local
