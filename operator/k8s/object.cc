#include "operator/k8s/object.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "absl/time/time.h"

namespace dohle::k8s {
namespace {

constexpr int kMaxNesting = 64;
constexpr size_t kMaxMessageBytes = 300;  // nlohmann's message quotes the token it stopped at, however long

Status WrongType(std::string_view field, std::string_view wanted) {
  return MakeStatus(StatusCode::kInvalidArgument, "metadata.{} isn't {}", field, wanted);
}

// What stands at `key`; null also for JSON's null, which Kubernetes writes for "unset" (creationTimestamp).
const Json* Field(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Status ReadString(const Json& object, std::string_view key, std::string* out) {
  const Json* field = Field(object, key);
  if (field == nullptr) return OkStatus();
  if (!field->is_string()) return WrongType(key, "a string");
  *out = field->get_ref<const std::string&>();
  return OkStatus();
}

std::optional<int64_t> AsInt(const Json& value) {
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) return {};
  if (!value.is_number_integer()) return {};
  return value.get<int64_t>();
}

StatusOr<std::optional<int64_t>> ReadTime(const Json& object, std::string_view key) {
  const Json* field = Field(object, key);
  if (field == nullptr) return std::optional<int64_t>();
  if (!field->is_string()) return WrongType(key, "a string");
  const StatusOr<int64_t> time_ms = ParseTime(field->get_ref<const std::string&>());
  if (!time_ms.ok())
    return MakeStatus(StatusCode::kInvalidArgument, "metadata.{}: {}", key, Message(time_ms.status()));
  return std::optional<int64_t>(*time_ms);
}

Status ReadPairs(const Json& object, std::string_view key, StringPairs* out) {
  const Json* field = Field(object, key);
  if (field == nullptr) return OkStatus();
  if (!field->is_object()) return WrongType(key, "an object");
  for (const auto& item : field->items()) {
    if (!item.value().is_string()) return WrongType(key, "an object of strings");
    out->emplace_back(item.key(), item.value().get_ref<const std::string&>());
  }
  std::sort(out->begin(), out->end());
  return OkStatus();
}

Status ReadFinalizers(const Json& object, std::vector<std::string>* out) {
  const Json* field = Field(object, "finalizers");
  if (field == nullptr) return OkStatus();
  if (!field->is_array()) return WrongType("finalizers", "an array");
  for (const Json& finalizer : *field) {
    if (!finalizer.is_string()) return WrongType("finalizers", "an array of strings");
    out->push_back(finalizer.get_ref<const std::string&>());
  }
  return OkStatus();
}

Status ReadOwners(const Json& object, std::vector<OwnerReference>* out) {
  const Json* field = Field(object, "ownerReferences");
  if (field == nullptr) return OkStatus();
  if (!field->is_array()) return WrongType("ownerReferences", "an array");
  for (const Json& entry : *field) {
    if (!entry.is_object()) return WrongType("ownerReferences", "an array of objects");
    OwnerReference owner;
    DOHLE_RETURN_IF_ERROR(ReadString(entry, "apiVersion", &owner.api_version));
    DOHLE_RETURN_IF_ERROR(ReadString(entry, "kind", &owner.kind));
    DOHLE_RETURN_IF_ERROR(ReadString(entry, "name", &owner.name));
    DOHLE_RETURN_IF_ERROR(ReadString(entry, "uid", &owner.uid));
    if (const Json* controller = Field(entry, "controller")) {
      if (!controller->is_boolean()) return WrongType("ownerReferences.controller", "a boolean");
      owner.controller = controller->get<bool>();
    }
    out->push_back(std::move(owner));
  }
  return OkStatus();
}

std::string_view Value(const StringPairs& pairs, std::string_view key) {
  const auto found = std::lower_bound(pairs.begin(), pairs.end(), key,
                                      [](const auto& pair, std::string_view k) { return pair.first < k; });
  return found != pairs.end() && found->first == key ? std::string_view(found->second) : std::string_view();
}

// nlohmann's parser doesn't recurse, but who walks or prints the value does.
bool NestsTooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxNesting) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// absl's parser is more lenient than RFC 3339: spaces, years of any length, "infinite-future".
bool LooksLikeTime(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) return false;
  }
  return text.find_first_not_of("0123456789.:+-Z", kForm.size()) == std::string_view::npos;
}

}  // namespace

std::string_view ObjectMeta::Label(std::string_view key) const { return Value(labels, key); }

std::string_view ObjectMeta::Annotation(std::string_view key) const { return Value(annotations, key); }

bool ObjectMeta::HasFinalizer(std::string_view finalizer) const {
  return std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end();
}

bool ObjectMeta::ControlledBy(std::string_view owner_uid) const {
  return std::any_of(owners.begin(), owners.end(),
                     [&](const OwnerReference& owner) { return owner.controller && owner.uid == owner_uid; });
}

StatusOr<ObjectMeta> ReadMeta(const Json& object) {
  const Json* meta = Find(object, "metadata");
  if (meta == nullptr || !meta->is_object()) {
    return MakeStatus(StatusCode::kInvalidArgument, "an object of Kubernetes without metadata");
  }
  ObjectMeta out;
  DOHLE_RETURN_IF_ERROR(ReadString(*meta, "name", &out.name.name));
  if (out.name.name.empty()) return MakeStatus(StatusCode::kInvalidArgument, "metadata.name is missing");
  DOHLE_RETURN_IF_ERROR(ReadString(*meta, "namespace", &out.name.ns));
  DOHLE_RETURN_IF_ERROR(ReadString(*meta, "uid", &out.uid));
  DOHLE_RETURN_IF_ERROR(ReadString(*meta, "resourceVersion", &out.resource_version));
  if (const Json* generation = Field(*meta, "generation")) {
    const std::optional<int64_t> number = AsInt(*generation);
    if (!number) return WrongType("generation", "an integer");
    out.generation = *number;
  }
  DOHLE_ASSIGN_OR_RETURN(const std::optional<int64_t> creation, ReadTime(*meta, "creationTimestamp"));
  out.creation_time_ms = creation.value_or(0);
  DOHLE_ASSIGN_OR_RETURN(out.deletion_time_ms, ReadTime(*meta, "deletionTimestamp"));
  DOHLE_RETURN_IF_ERROR(ReadPairs(*meta, "labels", &out.labels));
  DOHLE_RETURN_IF_ERROR(ReadPairs(*meta, "annotations", &out.annotations));
  DOHLE_RETURN_IF_ERROR(ReadFinalizers(*meta, &out.finalizers));
  DOHLE_RETURN_IF_ERROR(ReadOwners(*meta, &out.owners));
  return out;
}

const Json* Find(const Json& object, std::string_view path) {
  const Json* at = &object;
  while (true) {
    if (!at->is_object()) return nullptr;
    const size_t dot = path.find('.');
    const auto found = at->find(path.substr(0, dot));
    if (found == at->end()) return nullptr;
    at = &*found;
    if (dot == std::string_view::npos) return at;
    path.remove_prefix(dot + 1);
  }
}

std::string FindString(const Json& object, std::string_view path, std::string_view fallback) {
  const Json* found = Find(object, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string(fallback);
}

int64_t FindInt(const Json& object, std::string_view path, int64_t fallback) {
  const Json* found = Find(object, path);
  return found == nullptr ? fallback : AsInt(*found).value_or(fallback);
}

bool FindBool(const Json& object, std::string_view path, bool fallback) {
  const Json* found = Find(object, path);
  return found != nullptr && found->is_boolean() ? found->get<bool>() : fallback;
}

std::string FormatTime(int64_t ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMillis(ms), absl::UTCTimeZone());
}

std::string FormatMicroTime(int64_t ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMillis(ms), absl::UTCTimeZone());
}

StatusOr<int64_t> ParseTime(std::string_view text) {
  absl::Time time;
  std::string error;
  if (!LooksLikeTime(text) ||
      !absl::ParseTime(absl::RFC3339_full, {text.data(), text.size()}, &time, &error)) {
    return MakeStatus(StatusCode::kInvalidArgument, "\"{}\" isn't a time as RFC 3339 writes it",
                      text.substr(0, kMaxMessageBytes));
  }
  return absl::ToUnixMillis(time);
}

Json NewObject(const Resource& resource, const ObjectName& name) {
  Json object = {{"apiVersion", resource.ApiVersion()},
                 {"kind", std::string(resource.kind)},
                 {"metadata", {{"name", name.name}}}};
  if (resource.namespaced) object["metadata"]["namespace"] = name.ns;
  return object;
}

StatusOr<Json> ParseJson(std::string_view text) {
  if (NestsTooDeep(text)) {
    return MakeStatus(StatusCode::kInvalidArgument, "JSON nested deeper than {} levels", kMaxNesting);
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    std::string_view what = e.what();
    if (const size_t end = what.find("] "); end != std::string_view::npos) what.remove_prefix(end + 2);
    return MakeStatus(StatusCode::kInvalidArgument, "{}", what.substr(0, kMaxMessageBytes));
  }
}

}  // namespace dohle::k8s
