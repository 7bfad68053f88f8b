// A watch on the store in memory: a position in its history. It holds nothing back, so a watch that isn't
// read costs nothing; one that falls behind the history is told to list again. One thread.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "operator/k8s/client.h"
#include "operator/local/object_store.h"
#include "operator/local/selector.h"

namespace dohle::local {

// So often a watch without events tells where it stands.
inline constexpr absl::Duration kBookmarkInterval = absl::Seconds(60);

class StoreWatch : public k8s::Watch {
 public:
  // From `version` on; 0: what there is now as added, then what changes. kOutOfRange: that is too long ago.
  static StatusOr<std::unique_ptr<StoreWatch>> Start(std::shared_ptr<ObjectStore> store, const Kind& kind,
                                                     std::string ns, ObjectSelector selector,
                                                     uint64_t version, const env::Clock& clock);
  ~StoreWatch() override;

  env::Task<StatusOr<k8s::WatchEvent>> Next(absl::Duration patience) override;
  void Close() override;

 private:
  StoreWatch(std::shared_ptr<ObjectStore> store, const Kind& kind, std::string ns, ObjectSelector selector,
             const env::Clock& clock);
  bool InScope(const k8s::ObjectName& name) const { return ns_.empty() || name.ns == ns_; }
  bool Wanted(const ObjectStore::Text& object) const;  // null: no
  // The next event that is there; kNotFound: none.
  StatusOr<k8s::WatchEvent> Take();

  const std::shared_ptr<ObjectStore> store_;
  const Kind& kind_;
  const std::string ns_;
  const ObjectSelector selector_;
  const env::Clock& clock_;
  uint64_t version_ = 0;
  std::deque<k8s::WatchEvent> first_;
  env::MonotonicTime last_told_;
  bool closed_ = false;
  std::shared_ptr<env::OneShot<bool>> wakeup_;
};

}  // namespace dohle::local
