#include "lib/env/stop_signal.h"

#include <utility>

namespace dohle::env {

Task<bool> StopSignal::SleepFor(absl::Duration duration) {
  auto sleeper = std::make_shared<OneShot<bool>>();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) co_return true;
    std::erase_if(sleepers_, [](const auto& weak) { return weak.expired(); });
    sleepers_.push_back(sleeper);
  }
  const auto woken = co_await sleeper->WaitFor(duration);
  co_return woken.has_value();
}

void StopSignal::Stop() {
  std::vector<std::weak_ptr<OneShot<bool>>> sleepers;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    sleepers.swap(sleepers_);
  }
  for (const auto& weak : sleepers) {
    if (auto sleeper = weak.lock()) sleeper->Set(true);
  }
}

bool StopSignal::stopped() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stopped_;
}

}  // namespace dohle::env
