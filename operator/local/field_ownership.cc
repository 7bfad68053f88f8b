#include "operator/local/field_ownership.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace dohle::local {
namespace {

using k8s::Json;

struct ListKeys {
  std::string_view path;
  std::array<std::string_view, 2> keys;  // none: a set
};
// x-kubernetes-list-type and -list-map-keys of the kinds in kinds.cc. The paths mean one thing in all of
// them.
constexpr std::array<ListKeys, 20> kLists{{
    {"metadata.finalizers", {}},
    {"metadata.ownerReferences", {"uid"}},
    {"status.conditions", {"type"}},
    {"spec.containers", {"name"}},
    {"spec.initContainers", {"name"}},
    {"spec.containers.ports", {"containerPort", "protocol"}},
    {"spec.initContainers.ports", {"containerPort", "protocol"}},
    {"spec.containers.env", {"name"}},
    {"spec.initContainers.env", {"name"}},
    {"spec.containers.volumeMounts", {"mountPath"}},
    {"spec.initContainers.volumeMounts", {"mountPath"}},
    {"spec.volumes", {"name"}},
    {"spec.imagePullSecrets", {"name"}},
    {"spec.ports", {"port", "protocol"}},
    {"spec.topologySpreadConstraints", {"topologyKey", "whenUnsatisfiable"}},
    {"spec.hostAliases", {"ip"}},
    {"spec.schedulingGates", {"name"}},
    {"secrets", {"name"}},
    {"imagePullSecrets", {"name"}},
    {"spec.readinessGates", {"conditionType"}},
}};

enum class Shape { kLeaf, kMap, kList };

std::string Below(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

const ListKeys* FindKeys(const std::string& path) {
  const auto* found =
      std::find_if(kLists.begin(), kLists.end(), [&](const ListKeys& list) { return list.path == path; });
  return found == kLists.end() ? nullptr : found;
}

// Which item of a keyed list it is; "" if it lacks a key.
std::string IdOf(const Json& item, const ListKeys& list) {
  if (list.keys[0].empty()) return item.is_string() ? item.get<std::string>() : "";
  if (!item.is_object()) return "";
  Json id = Json::array();
  for (const std::string_view key : list.keys) {
    if (key.empty()) continue;
    const auto found = item.find(std::string(key));
    if (found != item.end()) {
      id.push_back(*found);
    } else if (key == "protocol") {
      id.push_back("TCP");  // the default of both kinds of ports
    } else {
      return "";
    }
  }
  return id.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Shape ShapeOf(const Json& value, const std::string& path) {
  if (value.is_object()) return Shape::kMap;
  const ListKeys* keys = value.is_array() ? FindKeys(path) : nullptr;
  if (keys == nullptr) return Shape::kLeaf;
  const bool keyed =
      std::none_of(value.begin(), value.end(), [&](const Json& item) { return IdOf(item, *keys).empty(); });
  return keyed ? Shape::kList : Shape::kLeaf;
}

// A node that has children: a map, or a list whose items have keys.
class Node {
 public:
  Node(Shape shape, std::string path) : shape_(shape), path_(std::move(path)) {
    if (shape_ == Shape::kList) keys_ = FindKeys(path_);
  }

  // What the children's paths begin with; items of a list share the list's.
  std::string PathOf(const std::string& id) const { return shape_ == Shape::kMap ? Below(path_, id) : path_; }
  template <typename J>
  J* Child(J& node, const std::string& id) const {
    if (shape_ == Shape::kMap) {
      const auto found = node.find(id);
      return found == node.end() ? nullptr : &*found;
    }
    const auto found =
        std::find_if(node.begin(), node.end(), [&](const Json& item) { return IdOf(item, *keys_) == id; });
    return found == node.end() ? nullptr : &*found;
  }
  void Erase(Json& node, const std::string& id) const {
    if (shape_ == Shape::kMap) {
      node.erase(id);
    } else {
      node.erase(std::remove_if(node.begin(), node.end(),
                                [&](const Json& item) { return IdOf(item, *keys_) == id; }),
                 node.end());
    }
  }
  std::vector<std::string> Ids(const Json& node) const {
    std::vector<std::string> ids;
    if (shape_ == Shape::kMap) {
      for (const auto& [key, value] : node.items()) ids.push_back(key);
    } else {
      for (const Json& item : node) ids.push_back(IdOf(item, *keys_));
    }
    return ids;
  }

 private:
  const Shape shape_;
  const std::string path_;
  const ListKeys* keys_ = nullptr;
};

// A struct of the schema, and not a map of names that anybody may add to: when nobody names it any more it
// goes with what was set in it by default.
bool IsStruct(const std::string& path) {
  constexpr std::array<std::string_view, 8> kMaps = {
      "config", "nodeSelector", "matchLabels", "labels", "annotations", "selector", "limits", "requests"};
  const std::string_view name = std::string_view(path).substr(path.rfind('.') + 1);
  return path.starts_with("spec.") && std::find(kMaps.begin(), kMaps.end(), name) == kMaps.end();
}

Json Merge(const Json* live, const Json& applied, const std::string& path) {
  const Shape shape = ShapeOf(applied, path);
  if (shape == Shape::kLeaf) return applied;
  if (live != nullptr && ShapeOf(*live, path) != shape) live = nullptr;
  const Node node(shape, path);
  if (shape == Shape::kMap) {
    Json merged = live == nullptr ? Json::object() : *live;
    for (const auto& [key, value] : applied.items()) {
      if (value.is_null()) continue;
      merged[key] = Merge(live == nullptr ? nullptr : node.Child(*live, key), value, Below(path, key));
    }
    return merged;
  }
  Json merged = Json::array();
  const std::vector<std::string> ids = node.Ids(applied);
  for (size_t i = 0; i < applied.size(); ++i)
    merged.push_back(Merge(live == nullptr ? nullptr : node.Child(*live, ids[i]), applied[i], path));
  if (live == nullptr) return merged;
  const std::vector<std::string> live_ids = node.Ids(*live);
  for (size_t i = 0; i < live->size(); ++i) {
    if (std::find(ids.begin(), ids.end(), live_ids[i]) == ids.end()) merged.push_back((*live)[i]);
  }
  return merged;
}

void Remove(Json& live, const Json& previous, const Json* next, const std::vector<const Json*>& others,
            const std::string& path) {
  const Shape shape = ShapeOf(previous, path);
  if (shape == Shape::kLeaf || ShapeOf(live, path) != shape) return;
  if (next != nullptr && ShapeOf(*next, path) != shape) next = nullptr;
  const Node node(shape, path);
  for (const std::string& id : node.Ids(previous)) {
    Json* live_child = node.Child(live, id);
    if (live_child == nullptr) continue;
    const Json* previous_child = node.Child(previous, id);
    const Json* next_child = next == nullptr ? nullptr : node.Child(*next, id);
    std::vector<const Json*> other_children;
    for (const Json* other : others) {
      if (ShapeOf(*other, path) != shape) continue;
      if (const Json* child = node.Child(*other, id)) other_children.push_back(child);
    }
    const bool unowned = next_child == nullptr && other_children.empty();
    const bool whole = !previous_child->is_object() || IsStruct(node.PathOf(id));
    if (unowned && (shape == Shape::kList || whole)) {
      node.Erase(live, id);
      continue;
    }
    Remove(*live_child, *previous_child, next_child, other_children, node.PathOf(id));
    if (unowned && live_child->empty()) node.Erase(live, id);
  }
}

void Take(Json& other, const Json& applied, const std::string& path, std::vector<std::string>& taken) {
  const Shape shape = ShapeOf(applied, path);
  const Node node(shape, path);
  for (const std::string& id : node.Ids(applied)) {
    Json* theirs = node.Child(other, id);
    if (theirs == nullptr) continue;
    const Json* ours = node.Child(applied, id);
    const std::string below = node.PathOf(id);
    const Shape child_shape = ShapeOf(*ours, below);
    if (child_shape != Shape::kLeaf && ShapeOf(*theirs, below) == child_shape) {
      Take(*theirs, *ours, below, taken);
    } else if (*theirs != *ours) {
      taken.push_back("." + below);
      node.Erase(other, id);
    }
  }
}

}  // namespace

Json MergeFields(const Json& live, const Json& applied) { return Merge(&live, applied, ""); }

void RemoveFields(Json& live, const Json& previous, const Json& applied, const std::vector<Json>& others) {
  std::vector<const Json*> pointers;
  for (const Json& other : others) pointers.push_back(&other);
  Remove(live, previous, &applied, pointers, "");
}

std::vector<std::string> TakeOver(Json& other, const Json& applied) {
  std::vector<std::string> taken;
  if (other.is_object() && applied.is_object()) Take(other, applied, "", taken);
  return taken;
}

}  // namespace dohle::local
