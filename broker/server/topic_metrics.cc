#include "broker/server/topic_metrics.h"

#include <algorithm>
#include <string>
#include <utility>

namespace dohle::server {

const TopicMetrics& TopicMetricsTable::Attach(replica::Partition& partition) {
  auto kept = std::make_unique<Kept>();
  kept->metrics = OfTopic(partition.name().topic);
  return *static_cast<const Kept&>(partition.Attach(std::move(kept))).metrics;
}

std::shared_ptr<const TopicMetrics> TopicMetricsTable::OfTopic(std::string_view topic) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = topics_.find(topic);
  if (found != topics_.end()) {
    if (auto there = found->second.lock()) return there;
  }
  auto made = std::make_shared<const TopicMetrics>(server_.ForTopic(topic));
  topics_[std::string(topic)] = made;
  if (topics_.size() >= prune_at_) {
    absl::erase_if(topics_, [](const auto& entry) { return entry.second.expired(); });
    prune_at_ = std::max<size_t>(64, 2 * topics_.size());
  }
  return made;
}

}  // namespace dohle::server
