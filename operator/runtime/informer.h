// A store of all objects of a kind, decoded, kept true by a reflector, with handlers that are told of
// changes.
//
//   Informer<api::Topic> topics(client, random, {k8s::kTopics}, &api::DecodeTopic);
//   topics.AddHandler([&](const auto& before, const auto& after) { queue.Add(...); });
//   env::Spawn(executor, topics.Run(stop));
//
// T has a member `meta` of type k8s::ObjectMeta. Objects are immutable and shared: a snapshot costs nothing.
// What can't be decoded is told once and left out. One executor.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "lib/base/log.h"
#include "operator/k8s/object.h"
#include "operator/runtime/reflector.h"

namespace dohle::runtime {

template <typename T>
class Informer : private ReflectorSink {
 public:
  using Ref = std::shared_ptr<const T>;
  using Decode = std::function<StatusOr<T>(const k8s::Json&)>;
  // Null before: it is new; null after: it is gone. The store has changed already.
  using Handler = std::function<void(const Ref& before, const Ref& after)>;
  using Index = std::function<std::string(const T&)>;  // "" = not in the index
  using Map = std::map<k8s::ObjectName, Ref>;

  Informer(k8s::Client& client, env::Random& random, Reflector::Scope scope, Decode decode)
      : plural_(scope.resource.plural),
        decode_(std::move(decode)),
        reflector_(client, random, std::move(scope), *this) {}

  // Before Run.
  void AddHandler(Handler handler) { handlers_.push_back(std::move(handler)); }
  // At most one index; before Run.
  void SetIndex(Index index) { index_ = std::move(index); }

  env::Task<void> Run(env::StopSignal& stop) { return reflector_.Run(stop); }
  void Interrupt() { reflector_.Interrupt(); }
  bool synced() const { return reflector_.synced(); }

  Ref Get(const k8s::ObjectName& name) const {
    const auto it = objects_.find(name);
    return it == objects_.end() ? nullptr : it->second;
  }
  const Map& all() const { return objects_; }
  // Those that the index puts under `key`.
  const Map& Under(const std::string& key) const {
    static const Map kNone;
    const auto it = by_key_.find(key);
    return it == by_key_.end() ? kNone : it->second;
  }
  // How often the store has changed.
  uint64_t changes() const { return changes_; }

 private:
  void BeginList() override {
    listing_ = true;
    listed_.clear();
  }
  void EndList() override {
    listing_ = false;
    std::vector<k8s::ObjectName> gone;
    for (const auto& [name, object] : objects_) {
      if (!listed_.contains(name)) gone.push_back(name);
    }
    listed_.clear();
    for (const k8s::ObjectName& name : gone) Forget(name);
  }
  void Upsert(const k8s::Json& object) override {
    StatusOr<T> decoded = decode_(object);
    if (!decoded.ok()) {
      log::Warning("operator", "one of the {} can't be read: {}", plural_, Message(decoded.status()));
      return;
    }
    auto after = std::make_shared<const T>(std::move(*decoded));
    const k8s::ObjectName& name = after->meta.name;
    if (listing_) listed_.insert(name);
    Ref& stored = objects_[name];
    if (stored != nullptr && stored->meta.resource_version == after->meta.resource_version) return;
    const Ref before = std::exchange(stored, after);
    Reindex(before, after);
    for (const Handler& handler : handlers_) handler(before, after);
  }
  void Remove(const k8s::Json& object) override {
    Forget({k8s::FindString(object, "metadata.namespace"), k8s::FindString(object, "metadata.name")});
  }
  void Forget(const k8s::ObjectName& name) {
    const auto it = objects_.find(name);
    if (it == objects_.end()) return;
    const Ref before = std::move(it->second);
    objects_.erase(it);
    Reindex(before, nullptr);
    for (const Handler& handler : handlers_) handler(before, nullptr);
  }
  void Reindex(const Ref& before, const Ref& after) {
    ++changes_;
    if (!index_) return;
    if (before != nullptr) {
      if (const auto it = by_key_.find(index_(*before)); it != by_key_.end()) {
        it->second.erase(before->meta.name);
        if (it->second.empty()) by_key_.erase(it);
      }
    }
    if (after == nullptr) return;
    if (std::string key = index_(*after); !key.empty()) by_key_[std::move(key)][after->meta.name] = after;
  }

  const std::string plural_;
  const Decode decode_;
  std::vector<Handler> handlers_;
  Index index_;
  Map objects_;
  std::map<std::string, Map> by_key_;
  uint64_t changes_ = 0;
  bool listing_ = false;
  absl::flat_hash_set<k8s::ObjectName> listed_;
  Reflector reflector_;
};

}  // namespace dohle::runtime
