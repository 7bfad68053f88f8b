#include "operator/local/object_store.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "lib/base/log.h"
#include "operator/k8s/object.h"

namespace dohle::local {
namespace {

using k8s::Json;
using k8s::ObjectName;

// The log is rewritten once it has this much more than twice what it had after the last time.
constexpr uint64_t kLogSlackBytes = uint64_t{8} << 20;

std::vector<std::string> OwnersOf(const Json& object) {
  std::vector<std::string> uids;
  const Json* owners = k8s::Find(object, "metadata.ownerReferences");
  if (owners == nullptr || !owners->is_array()) return uids;
  for (const Json& owner : *owners) uids.push_back(k8s::FindString(owner, "uid"));
  return uids;
}

Json PutRecord(const Kind& kind, const ObjectStore::Record& record) {
  Json line = {{"kind", kind.resource.kind}, {"put", *record.object}};
  for (const auto& [manager, fields] : record.applied) line["applied"][manager] = fields;
  return line;
}

}  // namespace

StatusOr<std::unique_ptr<ObjectStore>> ObjectStore::Open(env::FileSystem& file_system,
                                                         const std::string& directory) {
  auto store = std::make_unique<ObjectStore>();
  if (!directory.empty()) {
    DOHLE_ASSIGN_OR_RETURN(store->log_, ObjectLog::Open(file_system, directory, [&](const Json& record) {
                             return store->Replay(record);
                           }));
  }
  store->forgotten_version_ = store->version_;
  return store;
}

Status ObjectStore::Replay(const Json& record) {
  const std::string kind_name = k8s::FindString(record, "kind");
  version_ = std::max(version_, static_cast<uint64_t>(k8s::FindInt(record, "version", 0)));
  if (kind_name.empty()) return OkStatus();
  const std::span<const Kind> kinds = AllKinds();
  const auto kind =
      std::find_if(kinds.begin(), kinds.end(), [&](const Kind& k) { return k.resource.kind == kind_name; });
  if (kind == kinds.end())
    return MakeStatus(StatusCode::kDataLoss, "it has an object of the unknown kind {}", kind_name);
  if (const Json* put = k8s::Find(record, "put")) {
    DOHLE_ASSIGN_OR_RETURN(const k8s::ObjectMeta meta, k8s::ReadMeta(*put));
    uint64_t version = 0;
    if (!absl::SimpleAtoi(meta.resource_version, &version))
      return MakeStatus(StatusCode::kDataLoss, "{} has no version", k8s::ToString(meta.name));
    version_ = std::max(version_, version);
    Record stored{std::make_shared<const Json>(*put), {}};
    if (const Json* applied = k8s::Find(record, "applied"); applied != nullptr && applied->is_object()) {
      for (const auto& [manager, fields] : applied->items()) {
        if (fields.is_string()) stored.applied[manager] = fields.get<std::string>();
      }
    }
    Insert(*kind, meta.name, std::move(stored));
  } else {
    Remove(*kind, {k8s::FindString(record, "namespace"), k8s::FindString(record, "name")});
  }
  return OkStatus();
}

const ObjectStore::Objects& ObjectStore::All(const Kind& kind) const {
  static const Objects* const none = new Objects();
  const auto found = objects_.find(&kind);
  return found == objects_.end() ? *none : found->second;
}

const ObjectStore::Record* ObjectStore::Find(const Kind& kind, const ObjectName& name) const {
  const Objects& objects = All(kind);
  const auto found = objects.find(name);
  return found == objects.end() ? nullptr : &found->second;
}

void ObjectStore::Insert(const Kind& kind, const ObjectName& name, Record record) {
  Remove(kind, name);
  uids_.insert(k8s::FindString(*record.object, "metadata.uid"));
  for (const std::string& owner : OwnersOf(*record.object)) dependents_[owner].insert({&kind, name});
  objects_[&kind][name] = std::move(record);
  ++count_;
}

void ObjectStore::Remove(const Kind& kind, const ObjectName& name) {
  const Record* record = Find(kind, name);
  if (record == nullptr) return;
  uids_.erase(k8s::FindString(*record->object, "metadata.uid"));
  for (const std::string& owner : OwnersOf(*record->object)) {
    const auto found = dependents_.find(owner);
    if (found == dependents_.end()) continue;
    found->second.erase({&kind, name});
    if (found->second.empty()) dependents_.erase(found);
  }
  objects_[&kind].erase(name);
  --count_;
}

Status ObjectStore::Log(const Json& record) { return log_ == nullptr ? OkStatus() : log_->Append(record); }

void ObjectStore::RewriteLogIfLong() {
  if (log_ == nullptr || log_->bytes() < 2 * log_->rewritten_bytes() + kLogSlackBytes) return;
  const Status rewritten = log_->Rewrite([this](const auto& add) {
    add(Json{{"version", version_}});
    for (const auto& [kind, objects] : objects_) {
      for (const auto& [name, record] : objects) add(PutRecord(*kind, record));
    }
  });
  // The old one goes on growing; the next change tries again.
  if (!rewritten.ok()) log::Warning("store", "cannot shorten the log: {}", Message(rewritten));
}

void ObjectStore::Remember(Change change) {
  history_.push_back(std::move(change));
  while (history_.size() > kHistoryEvents) {
    forgotten_version_ = history_.front().version;
    history_.pop_front();
  }
  WakeAll();
  RewriteLogIfLong();
}

Status ObjectStore::Put(const Kind& kind, const ObjectName& name, Json object,
                        std::map<std::string, std::string> applied) {
  const Record* before = Find(kind, name);
  if (before == nullptr && count_ >= kMaxObjects) {
    return MakeStatus(StatusCode::kResourceExhausted,
                      "the store has {} objects, which is as many as it takes", count_);
  }
  Change change{version_ + 1, &kind, before == nullptr ? nullptr : before->object, nullptr, false};
  object["metadata"]["resourceVersion"] = std::to_string(change.version);
  Record record{std::make_shared<const Json>(std::move(object)), std::move(applied)};
  DOHLE_RETURN_IF_ERROR(Log(PutRecord(kind, record)));
  version_ = change.version;
  change.after = record.object;
  Insert(kind, name, std::move(record));
  Remember(std::move(change));
  return OkStatus();
}

Status ObjectStore::PutApplied(const Kind& kind, const ObjectName& name,
                               std::map<std::string, std::string> applied) {
  const Record* before = Find(kind, name);
  if (before == nullptr || before->applied == applied) return OkStatus();
  Record record{before->object, std::move(applied)};
  DOHLE_RETURN_IF_ERROR(Log(PutRecord(kind, record)));
  Insert(kind, name, std::move(record));
  RewriteLogIfLong();
  return OkStatus();
}

Status ObjectStore::Erase(const Kind& kind, const ObjectName& name) {
  const Record* before = Find(kind, name);
  if (before == nullptr) return OkStatus();
  Change change{version_ + 1, &kind, before->object, nullptr, true};
  const Json line = {
      {"kind", kind.resource.kind}, {"namespace", name.ns}, {"name", name.name}, {"version", change.version}};
  DOHLE_RETURN_IF_ERROR(Log(line));
  version_ = change.version;
  Json last = *before->object;
  last["metadata"]["resourceVersion"] = std::to_string(change.version);
  change.after = std::make_shared<const Json>(std::move(last));
  Remove(kind, name);
  Remember(std::move(change));
  return OkStatus();
}

std::vector<ObjectStore::Key> ObjectStore::DependentsOf(const std::string& uid) const {
  const auto found = dependents_.find(uid);
  if (found == dependents_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

bool ObjectStore::NextChange(uint64_t version, const Change** change) const {
  *change = nullptr;
  if (version < forgotten_version_) return false;
  const auto found = std::upper_bound(history_.begin(), history_.end(), version,
                                      [](uint64_t v, const Change& c) { return v < c.version; });
  if (found != history_.end()) *change = &*found;
  return true;
}

std::shared_ptr<env::OneShot<bool>> ObjectStore::Wakeup() {
  auto waiter = std::make_shared<env::OneShot<bool>>();
  std::erase_if(waiters_, [](const auto& weak) { return weak.expired(); });
  waiters_.push_back(waiter);
  return waiter;
}

void ObjectStore::Close() {
  closed_ = true;
  WakeAll();
}

void ObjectStore::WakeAll() {
  std::vector<std::weak_ptr<env::OneShot<bool>>> waiters;
  waiters.swap(waiters_);
  for (const auto& weak : waiters) {
    if (const auto waiter = weak.lock()) waiter->Set(true);
  }
}

}  // namespace dohle::local
