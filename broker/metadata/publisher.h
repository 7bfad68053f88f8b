// How committed metadata reaches the rest of the broker.
#pragma once

#include <memory>
#include <mutex>
#include <string_view>

#include "broker/metadata/delta.h"
#include "lib/env/task.h"

namespace dohle::metadata {

// The newest of an immutable value, for everybody. Any thread; a short lock and one reference count.
template <typename T>
class Published {
 public:
  Published() : value_(std::make_shared<const T>()) {}

  std::shared_ptr<const T> Current() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return value_;
  }
  void Set(std::shared_ptr<const T> value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    value_.swap(value);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

using MetadataCache = Published<MetadataImage>;

// Called with each committed update, one after the other in commit order, on the metadata log's executor,
// outside of every lane; the next publisher and the next update wait for the end of the task. Whoever asked
// for the change is answered after all publishers are done; so a publisher never awaits a write to the
// metadata log (it may Spawn one). The first update after a start has `changes.everything` and the empty
// image as `before`.
class MetadataPublisher {
 public:
  virtual ~MetadataPublisher() = default;
  virtual std::string_view name() const = 0;
  // `update` outlives the task.
  virtual env::Task<void> Publish(const MetadataUpdate& update) = 0;
};

}  // namespace dohle::metadata
