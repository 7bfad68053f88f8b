#include "operator/reconcile/upgrading/broker_image.h"

#include <algorithm>

namespace dohle::reconcile {

std::string ImageToRun(const ImageWishes& wishes, const std::vector<RunningBroker>& brokers) {
  if (!wishes.asked.empty()) return wishes.asked;
  if (wishes.follows) return wishes.operators;
  if (!wishes.proven.empty()) return wishes.proven;
  // Made by an operator that didn't tell.
  const auto serves = std::find_if(brokers.begin(), brokers.end(), [](const RunningBroker& broker) {
    return broker.ready && !broker.image.empty();
  });
  return serves == brokers.end() ? wishes.operators : serves->image;
}

std::string ProvenImage(const std::vector<RunningBroker>& brokers) {
  if (brokers.empty()) return "";
  const std::string& image = brokers.front().image;
  const bool all = std::all_of(brokers.begin(), brokers.end(), [&](const RunningBroker& broker) {
    return broker.ready && broker.image == image;
  });
  return all ? image : "";
}

}  // namespace dohle::reconcile
