// An administrator of a simulation: creates and deletes topics and changes their configuration, and knows
// what the cluster must look like by what was acknowledged.
#pragma once

#include <map>
#include <set>
#include <string>

#include "tests/sim/client.h"
#include "tests/sim/producer.h"

namespace dohle::sim {

// What is known of a topic that was asked for.
struct TopicModel {
  enum class State { kPresent, kAbsent, kUnknown };  // unknown: an answer is missing, it may yet happen
  State state = State::kUnknown;
  int32_t partitions = 0;
  Uuid id;
  std::set<std::string> retention_ms;  // what it may be: the last acknowledged, and what was asked since or
                                       // before without answer
  std::string acknowledged_retention_ms;
};
using ClusterModel = std::map<std::string, TopicModel>;

struct NewTopic {
  std::string name;
  int32_t partitions = 1;
  int16_t replication_factor = -1;  // the cluster's default
  std::map<std::string, std::string> configs;
};
// The topic's id; kAlreadyExists. Failures with another code mean that it may have been created.
env::Task<StatusOr<Uuid>> CreateTopic(Client* client, NewTopic topic);

class Admin {
 public:
  Admin(env::Env& env, std::vector<env::Endpoint> brokers, Control& control, ClusterModel& model);
  env::Task<void> Run();

 private:
  env::Task<void> Create();
  env::Task<void> Delete(std::string name);
  env::Task<void> Alter(std::string name);
  // One of those that are present; empty: there is none.
  std::string Pick();

  env::Env& env_;
  Client client_;
  Control& control_;
  ClusterModel& model_;
  int next_topic_ = 0;
  int64_t next_retention_ms_ = 1'000'000'000;
};

// What differs from the model, once it can be asked.
env::Task<StatusOr<std::vector<std::string>>> CompareWithModel(Client* client, const ClusterModel* model);

}  // namespace dohle::sim
