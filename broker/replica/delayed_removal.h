// Files and directories that go away after file.delete.delay.ms: who reads them may end in peace. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dohle::replica {

class DelayedRemoval {
 public:
  void Add(std::string path, int64_t due_ms) { by_time_.emplace(due_ms, std::move(path)); }
  // What is due; it is forgotten.
  std::vector<std::string> TakeDue(int64_t now_ms) {
    std::vector<std::string> due;
    const auto end = by_time_.upper_bound(now_ms);
    for (auto it = by_time_.begin(); it != end; ++it) due.push_back(std::move(it->second));
    by_time_.erase(by_time_.begin(), end);
    return due;
  }
  size_t size() const { return by_time_.size(); }

 private:
  std::multimap<int64_t, std::string> by_time_;
};

}  // namespace dohle::replica
