// Features of a Kafka cluster (KIP-584): what all of its brokers agreed to do. Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace dohle::reconcile {

struct FeaturePlace {
  int16_t level = 0;  // that is in force (finalized); 0 = off
  int16_t max = 0;    // the highest that the broker which answered can do
};
using Features = std::map<std::string, FeaturePlace>;  // by name, as "metadata.version"

}  // namespace dohle::reconcile
