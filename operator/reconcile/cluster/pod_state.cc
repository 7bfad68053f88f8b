#include "operator/reconcile/cluster/pod_state.h"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "operator/api/time_text.h"
#include "operator/resources/names.h"

namespace dohle::reconcile {
namespace {

using k8s::Find;
using k8s::FindBool;
using k8s::FindInt;
using k8s::FindString;
using k8s::Json;

const Json& ListAt(const Json& object, std::string_view path) {
  static const Json* const kNone = new Json(Json::array());
  const Json* found = Find(object, path);
  return found != nullptr && found->is_array() ? *found : *kNone;
}

// What the scheduler says of a volume that is bound to other Nodes than there are
// (pkg/scheduler/framework/plugins/volumebinding; the words have changed).
bool IsForVolumes(std::string_view message) {
  return message.find("volume node affinity conflict") != std::string_view::npos ||
         message.find("PersistentVolume's node affinity") != std::string_view::npos;
}

// The last line of what a container left as its message, with a space before it.
std::string LastWords(std::string message) {
  while (!message.empty() && message.back() == '\n') message.pop_back();
  const size_t line = message.rfind('\n');
  if (line != std::string::npos) message.erase(0, line + 1);
  constexpr size_t kMost = 400;
  if (message.size() > kMost) message.resize(kMost);
  return message.empty() ? "" : fmt::format(" (\"{}\")", message);
}

// A restart after the first may be an accident; a container that waits for its next one after several has
// something to say.
void ReadContainer(const Json& container, PodState& state) {
  state.restarts += FindInt(container, "restartCount", 0);
  const std::string waiting = FindString(container, "state.waiting.reason");
  const std::string message = FindString(container, "state.waiting.message");
  if (waiting == "CrashLoopBackOff") {
    const int64_t code = FindInt(container, "lastState.terminated.exitCode", 0);
    const std::string reason = FindString(container, "lastState.terminated.reason");
    state.crash_looping = true;
    state.trouble = reason == "OOMKilled" ? "OutOfMemory" : "BrokerCrashLooping";
    state.trouble_message =
        reason == "OOMKilled"
            ? fmt::format("the broker in Pod {} was killed for want of memory: raise spec.resources",
                          state.name)
            : fmt::format(
                  "the broker in Pod {} ended with code {}, after {} restarts{}: see `kubectl logs {} "
                  "--previous`",
                  state.name, code, FindInt(container, "restartCount", 0),
                  LastWords(FindString(container, "lastState.terminated.message")), state.name);
  } else if (waiting == "ImagePullBackOff" || waiting == "ErrImagePull" || waiting == "InvalidImageName" ||
             waiting == "ErrImageNeverPull") {
    state.trouble = "ImageUnavailable";
    state.trouble_message =
        fmt::format("the image of Pod {} can't be had ({}): {}", state.name, waiting, message);
  } else if (waiting == "CreateContainerConfigError" || waiting == "CreateContainerError" ||
             waiting == "RunContainerError") {
    state.trouble = "ContainerFailed";
    state.trouble_message = fmt::format("Pod {}: {}: {}", state.name, waiting, message);
  }
}

}  // namespace

PodState ReadPodState(const OwnedObject& pod) {
  const Json& body = *pod.body;
  PodState state;
  const std::string_view id = pod.meta.Label(resources::kBrokerIdLabel);
  if (int32_t number = -1; std::from_chars(id.data(), id.data() + id.size(), number).ec == std::errc())
    state.broker = NodeId(number);
  state.name = pod.meta.name.name;
  state.uid = pod.meta.uid;
  state.node = FindString(body, "spec.nodeName");
  state.pod_ip = FindString(body, "status.podIP");
  state.host_ip = FindString(body, "status.hostIP");
  for (const Json& container : ListAt(body, "spec.containers")) {
    if (FindString(container, "name") == resources::kBrokerContainer)
      state.image = FindString(container, "image");
  }
  state.phase = FindString(body, "status.phase", "Unknown");
  state.deleting = pod.meta.deleting();
  state.deletion_time_ms = pod.meta.deletion_time_ms.value_or(0);
  for (const Json& condition : ListAt(body, "status.conditions")) {
    const std::string type = FindString(condition, "type");
    const std::string status = FindString(condition, "status");
    if (type == "Ready") {
      state.ready = status == "True" && !state.deleting;
      state.ready_since_ms = api::ParseTimeText(FindString(condition, "lastTransitionTime")).value_or(0);
    }
    if (type == "PodScheduled" && status == "False") {
      state.trouble = "Unschedulable";
      state.no_node_for_volume = IsForVolumes(FindString(condition, "message"));
      state.trouble_message =
          fmt::format("no node takes Pod {}: {}", state.name, FindString(condition, "message"));
    }
  }
  state.started = state.ready;
  for (const Json& container : ListAt(body, "status.containerStatuses")) {
    state.started = state.started || FindBool(container, "started", false);
    state.exit_code = FindInt(container, "lastState.terminated.exitCode", 0);
  }
  for (const char* containers : {"status.initContainerStatuses", "status.containerStatuses"}) {
    for (const Json& container : ListAt(body, containers)) ReadContainer(container, state);
  }
  return state;
}

}  // namespace dohle::reconcile
