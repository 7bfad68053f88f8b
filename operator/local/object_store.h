// The objects of the store in memory with one version counter, the last changes for watches, and the log
// that keeps both over a restart. It knows nothing of what the API makes of them (api_store.h). One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"
#include "lib/env/one_shot.h"
#include "operator/k8s/json.h"
#include "operator/local/kinds.h"
#include "operator/local/object_log.h"

namespace dohle::local {

// Bounds: what is kept for watches (who falls further behind lists again), and how many objects there may be.
inline constexpr size_t kHistoryEvents = 16384;
inline constexpr size_t kHistoryBytes = size_t{1} << 20;
inline constexpr size_t kMaxObjects = 200'000;

class ObjectStore {
 public:
  // JSON as text: a tenth of what it takes as a tree.
  using Text = std::shared_ptr<const std::string>;
  struct Record {
    Text text;
    std::string applied;

    k8s::Json Object() const;
    // What each field manager applied last, by its name; a manager of the status is "NAME/status".
    // `object` is what Object() returns.
    k8s::Json Applied(const k8s::Json& object) const;
  };
  struct Change {
    uint64_t version = 0;
    const Kind* kind = nullptr;
    k8s::ObjectName name;
    Text before;  // null: it was made
    Text after;   // with `version`; of one that was removed its last state
    bool removed = false;
  };
  using Key = std::pair<const Kind*, k8s::ObjectName>;
  using Objects = std::map<k8s::ObjectName, Record>;

  // `directory`: "" keeps nothing. Failures as of ObjectLog::Open.
  static StatusOr<std::unique_ptr<ObjectStore>> Open(env::FileSystem& file_system,
                                                     const std::string& directory);

  const Record* Find(const Kind& kind, const k8s::ObjectName& name) const;
  const Objects& All(const Kind& kind) const;
  uint64_t version() const { return version_; }
  size_t object_count() const { return count_; }

  // Stores `record` under the next version, which it writes into metadata.resourceVersion. On failure (the
  // disk's; kResourceExhausted: kMaxObjects) nothing changes.
  Status Put(const Kind& kind, const k8s::ObjectName& name, k8s::Json object, k8s::Json applied);
  // Only who owns what changes: no new version, no event.
  Status PutApplied(const Kind& kind, const k8s::ObjectName& name, k8s::Json applied);
  Status Erase(const Kind& kind, const k8s::ObjectName& name);

  bool HasUid(const std::string& uid) const { return uids_.contains(uid); }
  // The objects that name `uid` among their owners.
  std::vector<Key> DependentsOf(const std::string& uid) const;

  // The first change after `version`; null if there is none yet. False: it is too long ago.
  bool NextChange(uint64_t version, const Change** change) const;
  // Set once something changes after this call.
  std::shared_ptr<env::OneShot<bool>> Wakeup();
  // Ends the watches: nothing changes any more.
  void Close();
  bool closed() const { return closed_; }

 private:
  void WakeAll();
  Status Replay(const k8s::Json& record);
  void Insert(const Kind& kind, const k8s::ObjectName& name, Record record, const k8s::Json& object);
  void Remove(const Kind& kind, const k8s::ObjectName& name);
  void Remember(Change change);
  Status Log(const std::string& record);
  void RewriteLogIfLong();

  std::unique_ptr<ObjectLog> log_;
  uint64_t version_ = 1;
  size_t count_ = 0;
  std::map<const Kind*, Objects> objects_;
  absl::flat_hash_set<std::string> uids_;
  std::map<std::string, std::set<Key>> dependents_;
  std::deque<Change> history_;
  size_t history_bytes_ = 0;
  uint64_t forgotten_version_ = 1;  // changes up to this one are not in history_
  std::vector<std::weak_ptr<env::OneShot<bool>>> waiters_;
  bool closed_ = false;
};

}  // namespace dohle::local
