// Which partitions have a replica here. Look-ups are wait-free for readers on any thread; changes come from
// one coroutine at a time, the metadata publisher's.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "broker/replica/partition.h"
#include "lib/base/ids.h"

namespace dohle::replica {

class PartitionRegistry {
 public:
  PartitionRegistry();
  ~PartitionRegistry();

  // Null if there is no replica here.
  std::shared_ptr<Partition> Find(std::string_view topic, PartitionIndex partition) const;
  std::shared_ptr<Partition> Find(const TopicId& topic, PartitionIndex partition) const;

  // All of them, as of now, by topic name and index; or those that are chosen.
  std::vector<std::shared_ptr<Partition>> All() const;
  std::vector<std::shared_ptr<Partition>> Some(absl::FunctionRef<bool(const Partition&)> chosen) const;
  size_t size() const { return size_.load(std::memory_order_relaxed); }

  // The publisher only. Adding what is there, or removing what isn't, is a bug.
  void Add(std::vector<std::shared_ptr<Partition>> partitions);
  void Remove(const std::vector<std::shared_ptr<Partition>>& partitions);

 private:
  struct Topic;
  struct Table;
  std::shared_ptr<const Table> Current() const;

  std::atomic<std::shared_ptr<const Table>> table_;
  std::atomic<size_t> size_{0};
};

}  // namespace dohle::replica
