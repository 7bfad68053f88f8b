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

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string PutRecord(const Kind& kind, const ObjectStore::Record& record) {
  return fmt::format(R"({{"applied":{},"kind":"{}","put":{}}})", record.applied, kind.resource.kind,
                     *record.text);
}

// Who applied the whole of the status, which is who writes it, is noted as true in place of it.
std::string CompactApplied(Json applied, const Json& object) {
  const Json* status = k8s::Find(object, "status");
  for (auto& [manager, fields] : applied.items()) {
    if (status == nullptr || !fields.is_object() || fields.size() != 1) continue;
    if (const auto of_status = fields.find("status"); of_status != fields.end() && *of_status == *status)
      fields = true;
  }
  return applied.is_object() ? Dump(applied) : "{}";
}

// A copy of a text has no room to grow, as what a dump left has.
ObjectStore::Text TextOf(const Json& object) {
  const std::string text = Dump(object);
  return std::make_shared<const std::string>(std::string_view(text));
}

ObjectStore::Record NewRecord(const Json& object, Json applied) {
  const std::string compact = CompactApplied(std::move(applied), object);
  return {TextOf(object), std::string(std::string_view(compact))};
}

// About what a change takes of the memory; what it shares with the one before isn't counted.
size_t BytesOf(const ObjectStore::Change& change) {
  return sizeof(ObjectStore::Change) + change.name.name.size() + change.after->size();
}

}  // namespace

Json ObjectStore::Record::Object() const { return Json::parse(*text, nullptr, false); }

Json ObjectStore::Record::Applied(const Json& object) const {
  Json expanded = Json::parse(applied, nullptr, false);
  for (auto& [manager, fields] : expanded.items()) {
    if (!fields.is_boolean()) continue;
    fields = Json::object();
    if (const Json* status = k8s::Find(object, "status")) fields["status"] = *status;
  }
  return expanded;
}

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
    const Json* applied = k8s::Find(record, "applied");
    Json fields_of = applied != nullptr && applied->is_object() ? *applied : Json::object();
    // Before 0.1.1 the fields were text within the text.
    for (auto& [manager, fields] : fields_of.items()) {
      if (fields.is_string()) fields = Json::parse(fields.get<std::string>(), nullptr, false);
    }
    Insert(*kind, meta.name, NewRecord(*put, std::move(fields_of)), *put);
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

void ObjectStore::Insert(const Kind& kind, const ObjectName& name, Record record, const Json& object) {
  Remove(kind, name);
  uids_.insert(k8s::FindString(object, "metadata.uid"));
  for (const std::string& owner : OwnersOf(object)) dependents_[owner].insert({&kind, name});
  objects_[&kind][name] = std::move(record);
  ++count_;
}

void ObjectStore::Remove(const Kind& kind, const ObjectName& name) {
  const Record* record = Find(kind, name);
  if (record == nullptr) return;
  const Json object = record->Object();
  uids_.erase(k8s::FindString(object, "metadata.uid"));
  for (const std::string& owner : OwnersOf(object)) {
    const auto found = dependents_.find(owner);
    if (found == dependents_.end()) continue;
    found->second.erase({&kind, name});
    if (found->second.empty()) dependents_.erase(found);
  }
  objects_[&kind].erase(name);
  --count_;
}

Status ObjectStore::Log(const std::string& record) { return log_ == nullptr ? OkStatus() : log_->Append(record); }

void ObjectStore::RewriteLogIfLong() {
  if (log_ == nullptr || log_->bytes() < 2 * log_->rewritten_bytes() + kLogSlackBytes) return;
  const Status rewritten = log_->Rewrite([this](const auto& add) {
    add(fmt::format(R"({{"version":{}}})", version_));
    for (const auto& [kind, objects] : objects_) {
      for (const auto& [name, record] : objects) add(PutRecord(*kind, record));
    }
  });
  // The old one goes on growing; the next change tries again.
  if (!rewritten.ok()) log::Warning("store", "cannot shorten the log: {}", Message(rewritten));
}

void ObjectStore::Remember(Change change) {
  history_bytes_ += BytesOf(change);
  history_.push_back(std::move(change));
  while (history_.size() > kHistoryEvents || (history_bytes_ > kHistoryBytes && history_.size() > 1)) {
    forgotten_version_ = history_.front().version;
    history_bytes_ -= BytesOf(history_.front());
    history_.pop_front();
  }
  WakeAll();
  RewriteLogIfLong();
}

Status ObjectStore::Put(const Kind& kind, const ObjectName& name, Json object, Json applied) {
  const Record* before = Find(kind, name);
  if (before == nullptr && count_ >= kMaxObjects) {
    return MakeStatus(StatusCode::kResourceExhausted,
                      "the store has {} objects, which is as many as it takes", count_);
  }
  Change change{version_ + 1, &kind, name, before == nullptr ? nullptr : before->text, nullptr, false};
  object["metadata"]["resourceVersion"] = std::to_string(change.version);
  Record record = NewRecord(object, std::move(applied));
  DOHLE_RETURN_IF_ERROR(Log(PutRecord(kind, record)));
  version_ = change.version;
  change.after = record.text;
  Insert(kind, name, std::move(record), object);
  Remember(std::move(change));
  return OkStatus();
}

Status ObjectStore::PutApplied(const Kind& kind, const ObjectName& name, Json applied) {
  const Record* before = Find(kind, name);
  if (before == nullptr) return OkStatus();
  const std::string compact = CompactApplied(std::move(applied), before->Object());
  Record record{before->text, std::string(std::string_view(compact))};
  if (record.applied == before->applied) return OkStatus();
  DOHLE_RETURN_IF_ERROR(Log(PutRecord(kind, record)));
  objects_[&kind][name] = std::move(record);
  RewriteLogIfLong();
  return OkStatus();
}

Status ObjectStore::Erase(const Kind& kind, const ObjectName& name) {
  const Record* before = Find(kind, name);
  if (before == nullptr) return OkStatus();
  Change change{version_ + 1, &kind, name, before->text, nullptr, true};
  const Json line = {
      {"kind", kind.resource.kind}, {"namespace", name.ns}, {"name", name.name}, {"version", change.version}};
  DOHLE_RETURN_IF_ERROR(Log(Dump(line)));
  version_ = change.version;
  Json last = before->Object();
  last["metadata"]["resourceVersion"] = std::to_string(change.version);
  change.after = TextOf(last);
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
