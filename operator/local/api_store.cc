#include "operator/local/api_store.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "lib/base/log.h"
#include "operator/k8s/object.h"
#include "operator/local/field_fault.h"
#include "operator/local/field_ownership.h"
#include "operator/local/selector.h"
#include "operator/local/store_watch.h"

namespace dohle::local {
namespace {

using k8s::Json;
using k8s::ObjectName;
using k8s::Resource;
using k8s::Subresource;

// metadata that the server writes; what others send there is ignored.
constexpr std::string_view kServerFields[] = {"uid",
                                              "resourceVersion",
                                              "generation",
                                              "creationTimestamp",
                                              "deletionTimestamp",
                                              "deletionGracePeriodSeconds",
                                              "selfLink",
                                              "managedFields"};

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Status NotFound(const Resource& resource, const ObjectName& name) {
  return MakeStatus(StatusCode::kNotFound, "{} \"{}\" not found", resource.plural, k8s::ToString(name));
}

bool HasFinalizers(const Json& object) {
  const Json* finalizers = k8s::Find(object, "metadata.finalizers");
  return finalizers != nullptr && finalizers->is_array() && !finalizers->empty();
}

bool Deleting(const Json& object) { return k8s::Find(object, "metadata.deletionTimestamp") != nullptr; }

// Copies the fields that only the server writes from `from`, or removes them.
void KeepServerFields(Json& object, const Json* from) {
  Json& metadata = object["metadata"];
  const Json* kept = from == nullptr ? nullptr : k8s::Find(*from, "metadata");
  for (const std::string_view field : kServerFields) {
    const std::string name(field);
    metadata.erase(name);
    if (kept != nullptr && kept->contains(name)) metadata[name] = (*kept)[name];
  }
}

bool SpecDiffers(const Json& a, const Json& b) {
  Json x = a;
  Json y = b;
  for (const char* field : {"metadata", "status"}) {
    x.erase(field);
    y.erase(field);
  }
  return x != y;
}

// Of what a manager applies, what counts: its own fields, on the subresource it addressed.
Json DesiredFields(const Json& object, const Kind& kind, Subresource subresource) {
  if (subresource == Subresource::kStatus) {
    Json desired = Json::object();
    if (const Json* status = k8s::Find(object, "status")) desired["status"] = *status;
    return desired;
  }
  Json desired = object;
  KeepServerFields(desired, nullptr);
  if (kind.has_status) desired.erase("status");
  return desired;
}

Status CheckVersion(const Json& sent, const Json& stored, const Resource& resource, const ObjectName& name) {
  for (const char* field : {"metadata.resourceVersion", "metadata.uid"}) {
    const std::string expected = k8s::FindString(sent, field);
    if (expected.empty() || expected == k8s::FindString(stored, field)) continue;
    return MakeStatus(
        StatusCode::kAborted,
        "Operation cannot be fulfilled on {} \"{}\": the object has been modified; please apply "
        "your changes to the latest version and try again",
        resource.plural, k8s::ToString(name));
  }
  return OkStatus();
}

// RFC 7396.
void MergeInto(Json& target, const Json& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = Json::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) {
      target.erase(key);
    } else {
      MergeInto(target[key], value);
    }
  }
}

}  // namespace

StatusOr<std::unique_ptr<ApiStore>> ApiStore::Open(env::Env& env, env::Executor& executor,
                                                   const std::string& directory) {
  DOHLE_ASSIGN_OR_RETURN(std::unique_ptr<ObjectStore> objects, ObjectStore::Open(env.file_system, directory));
  std::unique_ptr<ApiStore> store(new ApiStore(env, executor, std::move(objects)));
  store->CollectAll();
  return store;
}

ApiStore::ApiStore(env::Env& env, env::Executor& executor, std::shared_ptr<ObjectStore> store)
    : env_(env), executor_(executor), store_(std::move(store)) {}

ApiStore::~ApiStore() {
  *alive_ = false;
  store_->Close();
}

void ApiStore::AddRule(const Resource& resource, ObjectRule rule) {
  const Kind* kind = FindKind(resource);
  DOHLE_CHECK(kind != nullptr);
  rules_[kind].push_back(std::move(rule));
}

std::string ApiStore::NewUid() {
  const uint64_t a = env_.random.Next();
  const uint64_t b = env_.random.Next();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff,
                     0x8000 | ((b >> 48) & 0x3fff), b & 0xffffffffffff);
}

Json ApiStore::Target::Applied() const { return record == nullptr ? Json::object() : record->Applied(*object); }

StatusOr<ApiStore::Target> ApiStore::Locate(const Resource& resource, const ObjectName& name) const {
  const Kind* kind = FindKind(resource);
  if (kind == nullptr) {
    return MakeStatus(StatusCode::kNotFound, "this server knows no {} of {}", resource.plural,
                      resource.ApiVersion());
  }
  Target target{kind, name, store_->Find(*kind, name), {}};
  if (target.record != nullptr) target.object = std::make_shared<const Json>(target.record->Object());
  return target;
}

StatusOr<ApiStore::Target> ApiStore::LocateNamed(const Resource& resource, const Json& object) const {
  DOHLE_ASSIGN_OR_RETURN(const k8s::ObjectMeta meta, k8s::ReadMeta(object));
  DOHLE_ASSIGN_OR_RETURN(Target target, Locate(resource, meta.name));
  const std::string api_version = k8s::FindString(object, "apiVersion", resource.ApiVersion());
  const std::string kind = k8s::FindString(object, "kind", resource.kind);
  if (api_version != resource.ApiVersion() || kind != resource.kind) {
    return MakeStatus(StatusCode::kInvalidArgument, "a {} of {} was sent where a {} of {} is expected", kind,
                      api_version, resource.kind, resource.ApiVersion());
  }
  DOHLE_RETURN_IF_ERROR(CheckMetadata(*target.kind, object));
  return target;
}

Status ApiStore::RunRules(const Kind& kind, Json& object, const Json* before) const {
  const auto rules = rules_.find(&kind);
  if (rules != rules_.end()) {
    for (const ObjectRule& rule : rules->second) {
      const Status status = rule(object, before);
      if (status.ok()) continue;
      if (status.code() != StatusCode::kInvalidArgument) return status;
      return WithMessage(status, fmt::format("{} \"{}\" is invalid: {}", kind.resource.kind,
                                             k8s::FindString(object, "metadata.name"), Message(status)));
    }
  }
  const size_t bytes = Dump(object).size();
  if (bytes > k8s::kMaxObjectBytes) {
    return MakeStatus(StatusCode::kInvalidArgument, "{} \"{}\" has {} bytes; an object has at most {}",
                      kind.resource.kind, k8s::FindString(object, "metadata.name"), bytes,
                      k8s::kMaxObjectBytes);
  }
  return OkStatus();
}

StatusOr<Json> ApiStore::CreateNow(const Target& target, Json object, Json applied) {
  if (target.record != nullptr) {
    return MakeStatus(StatusCode::kAlreadyExists, "{} \"{}\" already exists", target.kind->resource.plural,
                      k8s::ToString(target.name));
  }
  object["apiVersion"] = target.kind->resource.ApiVersion();
  object["kind"] = target.kind->resource.kind;
  KeepServerFields(object, nullptr);
  if (target.kind->has_status) object.erase("status");
  DOHLE_RETURN_IF_ERROR(RunRules(*target.kind, object, nullptr));
  Json& metadata = object["metadata"];
  metadata["uid"] = NewUid();
  metadata["generation"] = 1;
  metadata["creationTimestamp"] = k8s::FormatTime(env_.clock.WallTimeMs());
  DOHLE_RETURN_IF_ERROR(store_->Put(*target.kind, target.name, object, std::move(applied)));
  object["metadata"]["resourceVersion"] = std::to_string(store_->version());
  if (k8s::Find(object, "metadata.ownerReferences") != nullptr)
    CollectLater({target.kind, target.name}, k8s::FindString(object, "metadata.uid"));
  return object;
}

StatusOr<Json> ApiStore::UpdateNow(const Target& target, Json object, Subresource subresource,
                                   Json applied) {
  const Json& before = *target.object;
  if (subresource == Subresource::kStatus) {
    Json after = before;
    after.erase("status");
    if (const Json* status = k8s::Find(object, "status")) after["status"] = *status;
    object = std::move(after);
  } else {
    object["apiVersion"] = target.kind->resource.ApiVersion();
    object["kind"] = target.kind->resource.kind;
    KeepServerFields(object, &before);
    if (target.kind->has_status) {
      object.erase("status");
      if (const Json* status = k8s::Find(before, "status")) object["status"] = *status;
    }
  }
  DOHLE_RETURN_IF_ERROR(RunRules(*target.kind, object, &before));
  if (object == before) {
    DOHLE_RETURN_IF_ERROR(store_->PutApplied(*target.kind, target.name, std::move(applied)));
    return object;
  }
  if (SpecDiffers(object, before))
    object["metadata"]["generation"] = k8s::FindInt(before, "metadata.generation", 0) + 1;
  const bool gone = Deleting(object) && !HasFinalizers(object) &&
                    k8s::FindInt(object, "metadata.deletionGracePeriodSeconds", 0) == 0;
  DOHLE_RETURN_IF_ERROR(store_->Put(*target.kind, target.name, object, std::move(applied)));
  object["metadata"]["resourceVersion"] = std::to_string(store_->version());
  if (gone) DOHLE_RETURN_IF_ERROR(Erase(target));
  return object;
}

StatusOr<Json> ApiStore::ApplyNow(const Resource& resource, const Json& object,
                                  const k8s::ApplyOptions& options) {
  DOHLE_ASSIGN_OR_RETURN(const Target target, LocateNamed(resource, object));
  if (options.field_manager.empty())
    return MakeStatus(StatusCode::kInvalidArgument, "fieldManager: Required value: apply needs one");
  if (options.subresource == Subresource::kScale)
    return MakeStatus(StatusCode::kInvalidArgument, "the scale subresource is changed by a patch");
  const bool of_status = options.subresource == Subresource::kStatus;
  if (target.record == nullptr && of_status) return NotFound(resource, target.name);
  const Json live = target.record == nullptr ? k8s::NewObject(resource, target.name) : *target.object;
  if (target.record != nullptr) DOHLE_RETURN_IF_ERROR(CheckVersion(object, live, resource, target.name));

  Json desired = DesiredFields(object, *target.kind, options.subresource);
  const std::string manager = options.field_manager + (of_status ? "/status" : "");
  Json applied = target.Applied();
  std::vector<Json> others;
  for (auto& [name, fields] : applied.items()) {
    if (name == manager) continue;
    const std::vector<std::string> taken = TakeOver(fields, desired);
    if (!taken.empty() && !options.force) {
      return MakeStatus(StatusCode::kAborted, "Apply failed with {} conflict(s) with \"{}\": {}",
                        taken.size(), name, taken.front());
    }
    others.push_back(fields);
  }
  Json merged = live;
  const auto previous = applied.find(manager);
  if (previous != applied.end()) RemoveFields(merged, *previous, desired, others);
  merged = MergeFields(merged, desired);
  applied[manager] = std::move(desired);
  if (target.record == nullptr) return CreateNow(target, std::move(merged), std::move(applied));
  return UpdateNow(target, std::move(merged), options.subresource, std::move(applied));
}

StatusOr<Json> ApiStore::PatchNow(const Resource& resource, const ObjectName& name, const Json& patch,
                                  Subresource subresource) {
  DOHLE_ASSIGN_OR_RETURN(const Target target, Locate(resource, name));
  if (target.record == nullptr) return NotFound(resource, name);
  const Json& before = *target.object;
  DOHLE_RETURN_IF_ERROR(CheckVersion(patch, before, resource, name));
  Json after = before;
  if (subresource == Subresource::kScale) {
    const Json* replicas = k8s::Find(patch, "spec.replicas");
    if (target.kind->scale_field.empty() || replicas == nullptr || !replicas->is_number_integer())
      return MakeStatus(StatusCode::kInvalidArgument, "spec.replicas: Required value: {} can't be scaled so",
                        resource.plural);
    after["spec"][std::string(target.kind->scale_field)] = *replicas;
    return UpdateNow(target, std::move(after), Subresource::kNone, target.Applied());
  }
  MergeInto(after, patch);
  const bool is_object = after.is_object() && after.contains("metadata") && after["metadata"].is_object();
  if (!is_object || k8s::FindString(after, "metadata.name") != name.name ||
      k8s::FindString(after, "metadata.namespace") != name.ns)
    return MakeStatus(StatusCode::kInvalidArgument, "metadata: the patch changes the object's name");
  DOHLE_RETURN_IF_ERROR(CheckMetadata(*target.kind, after));
  return UpdateNow(target, std::move(after), subresource, target.Applied());
}

env::Task<StatusOr<Json>> ApiStore::Get(Resource resource, ObjectName name) {
  DOHLE_CO_ASSIGN_OR_RETURN(const Target target, Locate(resource, name));
  if (target.record == nullptr) co_return NotFound(resource, name);
  co_return *target.object;
}

env::Task<StatusOr<k8s::ListPage>> ApiStore::List(Resource resource, k8s::ListOptions options) {
  DOHLE_CO_ASSIGN_OR_RETURN(const Target target, Locate(resource, ObjectName{}));
  DOHLE_CO_ASSIGN_OR_RETURN(const ObjectSelector selector, ObjectSelector::Parse(options.selector));
  const ObjectStore::Objects& objects = store_->All(*target.kind);
  k8s::ListPage page;
  page.resource_version = std::to_string(store_->version());
  auto next = options.ns.empty() ? objects.begin() : objects.lower_bound(ObjectName{options.ns, ""});
  if (!options.continue_token.empty()) {
    // "VERSION NAMESPACE/NAME": the version of the first page and the last name of the one before.
    const std::string& token = options.continue_token;
    const size_t space = token.find(' ');
    const size_t slash = token.find('/');
    if (space == std::string::npos || slash == std::string::npos || slash < space)
      co_return MakeStatus(StatusCode::kInvalidArgument,
                           "continue: Invalid value: not a token of this server");
    page.resource_version = token.substr(0, space);
    next =
        objects.upper_bound(ObjectName{token.substr(space + 1, slash - space - 1), token.substr(slash + 1)});
  }
  ObjectName last;
  for (; next != objects.end() && (options.ns.empty() || next->first.ns == options.ns); ++next) {
    Json object = next->second.Object();
    if (!selector.Matches(object)) continue;
    if (options.limit > 0 && page.items.size() == static_cast<size_t>(options.limit)) {
      page.continue_token = fmt::format("{} {}/{}", page.resource_version, last.ns, last.name);
      break;
    }
    page.items.push_back(std::move(object));
    last = next->first;
  }
  co_return page;
}

env::Task<StatusOr<std::unique_ptr<k8s::Watch>>> ApiStore::StartWatch(Resource resource,
                                                                      k8s::WatchOptions options) {
  DOHLE_CO_ASSIGN_OR_RETURN(const Target target, Locate(resource, ObjectName{}));
  DOHLE_CO_ASSIGN_OR_RETURN(ObjectSelector selector, ObjectSelector::Parse(options.selector));
  uint64_t version = 0;
  if (!options.resource_version.empty() && !absl::SimpleAtoi(options.resource_version, &version)) {
    co_return MakeStatus(StatusCode::kInvalidArgument, "resourceVersion: Invalid value: \"{}\"",
                         options.resource_version);
  }
  DOHLE_CO_ASSIGN_OR_RETURN(std::unique_ptr<StoreWatch> watch,
                            StoreWatch::Start(store_, *target.kind, std::move(options.ns),
                                              std::move(selector), version, env_.clock));
  co_return std::unique_ptr<k8s::Watch>(std::move(watch));
}

env::Task<StatusOr<Json>> ApiStore::Create(Resource resource, Json object) {
  DOHLE_CO_ASSIGN_OR_RETURN(const Target target, LocateNamed(resource, object));
  co_return CreateNow(target, std::move(object), {});
}

env::Task<StatusOr<Json>> ApiStore::Replace(Resource resource, Json object, Subresource subresource) {
  DOHLE_CO_ASSIGN_OR_RETURN(const Target target, LocateNamed(resource, object));
  if (target.record == nullptr) co_return NotFound(resource, target.name);
  DOHLE_CO_RETURN_IF_ERROR(CheckVersion(object, *target.object, resource, target.name));
  co_return UpdateNow(target, std::move(object), subresource, target.Applied());
}

env::Task<StatusOr<Json>> ApiStore::Apply(Resource resource, Json object, k8s::ApplyOptions options) {
  co_return ApplyNow(resource, object, options);
}

env::Task<StatusOr<Json>> ApiStore::MergePatch(Resource resource, ObjectName name, Json patch,
                                               Subresource subresource) {
  co_return PatchNow(resource, name, patch, subresource);
}

env::Task<Status> ApiStore::Delete(Resource resource, ObjectName name, k8s::DeleteOptions options) {
  co_return DeleteNow(resource, name, options);
}

}  // namespace dohle::local
