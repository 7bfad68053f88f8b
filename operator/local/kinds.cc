#include "operator/local/kinds.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "operator/k8s/object.h"

namespace dohle::local {
namespace {

using k8s::Json;

// Of the Kubernetes API: validation.DNS1123SubdomainMaxLength, DNS1123LabelMaxLength, LabelValueMaxLength,
// TotalAnnotationSizeLimitB.
constexpr size_t kMaxSubdomain = 253;
constexpr size_t kMaxLabel = 63;
constexpr size_t kMaxAnnotationBytes = size_t{256} << 10;

constexpr std::array<Kind, 13> kKinds{{
    {.resource = k8s::kClusters, .has_status = true, .scale_field = "brokers"},
    {.resource = k8s::kTopics, .has_status = true},
    {.resource = k8s::kPods, .has_status = true, .graceful_deletion = true},
    {.resource = k8s::kPersistentVolumeClaims, .has_status = true},
    {.resource = k8s::kServices, .has_status = true},
    {.resource = k8s::kConfigMaps},
    {.resource = k8s::kServiceAccounts},
    {.resource = k8s::kNodes, .has_status = true},
    {.resource = k8s::kNamespaces, .has_status = true},
    {.resource = k8s::kPodDisruptionBudgets, .has_status = true},
    {.resource = k8s::kLeases},
    {.resource = k8s::kEvents},
    {.resource = k8s::kCustomResourceDefinitions, .has_status = true},
}};

bool IsAlphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool IsLabel(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabel && IsAlphanumeric(text.front()) &&
         IsAlphanumeric(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsAlphanumeric(c) || c == '-'; });
}

bool IsSubdomain(std::string_view text) {
  if (text.empty() || text.size() > kMaxSubdomain) return false;
  for (;;) {
    const size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    // Unlike a label a part may be as long as the whole.
    if (part.empty() || !IsAlphanumeric(part.front()) || !IsAlphanumeric(part.back())) return false;
    if (!std::all_of(part.begin(), part.end(), [](char c) { return IsAlphanumeric(c) || c == '-'; }))
      return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

// The name part of a label's key, or its value.
bool IsQualified(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabel && IsAlphanumeric(Lower(text.front())) &&
         IsAlphanumeric(Lower(text.back())) && std::all_of(text.begin(), text.end(), [](char c) {
           return IsAlphanumeric(Lower(c)) || c == '-' || c == '_' || c == '.';
         });
}

bool IsKey(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return IsQualified(text);
  return IsSubdomain(text.substr(0, slash)) && IsQualified(text.substr(slash + 1));
}

Status CheckPairs(const Json& object, std::string_view field, bool values_are_labels) {
  const std::string path = "metadata." + std::string(field);
  const Json* pairs = k8s::Find(object, path);
  if (pairs == nullptr || pairs->is_null()) return OkStatus();
  if (!pairs->is_object())
    return MakeStatus(StatusCode::kInvalidArgument, "{}: Invalid value: must be a map", path);
  size_t bytes = 0;
  for (const auto& [key, value] : pairs->items()) {
    if (!IsKey(key)) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "{}: Invalid value: \"{}\": a key is letters, digits, '-', '_' and '.', at most 63, "
                        "optionally after a DNS name and '/'",
                        path, key);
    }
    if (!value.is_string())
      return MakeStatus(StatusCode::kInvalidArgument, "{}.{}: Invalid value: must be a string", path, key);
    const auto& text = value.get_ref<const std::string&>();
    bytes += key.size() + text.size();
    if (values_are_labels && !text.empty() && !IsQualified(text)) {
      return MakeStatus(StatusCode::kInvalidArgument,
                        "{}.{}: Invalid value: \"{}\": a label's value is letters, digits, '-', '_' and '.', "
                        "at most 63, and begins and ends with a letter or digit",
                        path, key, text);
    }
  }
  if (bytes > kMaxAnnotationBytes) {
    return MakeStatus(StatusCode::kInvalidArgument, "{}: Too long: must have at most {} bytes", path,
                      kMaxAnnotationBytes);
  }
  return OkStatus();
}

}  // namespace

std::span<const Kind> AllKinds() { return kKinds; }

const Kind* FindKind(const k8s::Resource& resource) {
  const auto* found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& kind) { return kind.resource == resource; });
  return found == kKinds.end() ? nullptr : found;
}

const Kind* FindKind(std::string_view api_version, std::string_view name) {
  const auto* found = std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& kind) {
    return kind.resource.kind == name && kind.resource.ApiVersion() == api_version;
  });
  return found == kKinds.end() ? nullptr : found;
}

Status CheckMetadata(const Kind& kind, const Json& object) {
  const std::string name = k8s::FindString(object, "metadata.name");
  const std::string ns = k8s::FindString(object, "metadata.namespace");
  if (name.empty()) return MakeStatus(StatusCode::kInvalidArgument, "metadata.name: Required value");
  const bool label = kind.resource == k8s::kServices || kind.resource == k8s::kNamespaces;
  if (label ? !IsLabel(name) : !IsSubdomain(name)) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "metadata.name: Invalid value: \"{}\": a name is lower case letters, digits{} and '-', "
                      "begins and ends with a letter or digit, and has at most {} characters",
                      name, label ? "" : ", '.'", label ? kMaxLabel : kMaxSubdomain);
  }
  if (kind.resource.namespaced ? !IsLabel(ns) : !ns.empty()) {
    return MakeStatus(StatusCode::kInvalidArgument, "metadata.namespace: Invalid value: \"{}\": {}", ns,
                      kind.resource.namespaced ? "must be a DNS label" : "this kind has no namespace");
  }
  DOHLE_RETURN_IF_ERROR(CheckPairs(object, "labels", true));
  return CheckPairs(object, "annotations", false);
}

}  // namespace dohle::local
