// A Kafka cluster as far as the operator sees and moves it: brokers that come and go with their Pods, a
// metadata quorum, replicas that take their time to move. It refuses what a real one refuses, and notes what
// would have lost data. Virtual time; one executor.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/env/executor.h"
#include "lib/env/random.h"
#include "operator/reconcile/kafka/kafka_control.h"

namespace dohle::tests {

class KafkaModel : public reconcile::KafkaControl {
 public:
  KafkaModel(env::Executor& executor, env::Random& random) : executor_(executor), random_(random) {}

  // A broker's process runs. `first_voters`: those that it formats itself with, if it isn't formatted.
  void Start(int32_t id, const std::set<int32_t>& first_voters);
  // It was told to stop, and its leaders have moved.
  void End(int32_t id);
  // Its disk is gone.
  void Wipe(int32_t id);
  // The same, and others have what was on it: it gets that from them again, which takes some seconds.
  void ReplaceDisk(int32_t id);

  // Placed on brokers that aren't cordoned.
  void CreateTopic(const std::string& name, int32_t partitions, int32_t replicas);
  void DeleteTopic(const std::string& name);

  // What its brokers serve, and what is in force at first.
  void Serve(const std::string& feature, int16_t level, int16_t max) { features_[feature] = {level, max}; }
  const reconcile::Features& features() const { return features_; }

  // That a step fails without being done, and that it is done and fails.
  void SetFaults(double before, double after) {
    fails_before_ = before;
    fails_after_ = after;
  }

  std::set<int32_t> voters() const;
  std::set<int32_t> registered() const;
  std::set<int32_t> running() const;
  bool moving() const { return !moves_.empty(); }
  std::vector<int32_t> ReplicasOf(const std::string& topic) const;  // of all partitions together, sorted
  // What must never happen: a sentence each.
  const std::vector<std::string>& harm() const { return harm_; }

  env::Task<StatusOr<reconcile::Topology>> Observe(std::string bootstrap) override;
  env::Task<Status> Take(std::string bootstrap, reconcile::KafkaAction action) override;
  env::Task<reconcile::Features> DescribeFeatures(std::string) override { co_return features_; }

 private:
  struct Broker {
    bool runs = false;
    bool registered = false;
    bool cordoned = false;
    uint64_t disk = 0;
    bool to_be_filled = false;
    env::MonotonicTime full_at;  // what it held is in sync again
  };
  struct Partition {
    std::string topic;
    int32_t index = 0;
    std::vector<int32_t> replicas, adding, removing;
  };
  struct Move {
    size_t partition;
    env::MonotonicTime done;
  };

  // A majority of the voters runs.
  bool Agrees() const;
  bool Holds(int32_t id) const;
  bool InSync(int32_t id, const Partition& partition);
  void Settle();
  DirectoryId DirectoryOf(int32_t id) const;
  Status Do(const reconcile::ReassignPartitions& action);
  Status Do(const reconcile::ElectPreferredLeaders&) { return OkStatus(); }
  Status Do(const reconcile::AlterConfigs& action);
  Status Do(const reconcile::AddVoter& action);
  Status Do(const reconcile::RemoveVoter& action);
  Status Do(const reconcile::UnregisterBroker& action);
  Status Do(const reconcile::UpdateFeature& action);

  env::Executor& executor_;
  env::Random& random_;
  std::map<int32_t, Broker> brokers_;
  std::map<int32_t, DirectoryId> voters_;
  std::map<int32_t, std::string> cordons_;  // the configuration, which outlives registrations
  std::map<int32_t, DirectoryId> removed_;  // voters that went: the leader goes on to tell of them
  std::vector<Partition> partitions_;
  std::vector<Move> moves_;
  std::vector<std::string> harm_;
  reconcile::Features features_;
  double fails_before_ = 0, fails_after_ = 0;
  uint64_t disks_ = 0;
};

}  // namespace dohle::tests
