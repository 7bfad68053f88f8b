// A member of a consumer group in a simulation: joins with the classic protocol, reads what it is assigned
// from where the group has committed, commits now and then, and leaves now and then.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/client.h"
#include "tests/sim/producer.h"

namespace dohle::sim {

struct ConsumerOptions {
  int number = 0;
  std::string group;
  std::vector<TopicPartition> partitions;  // of the whole group; the leader deals them out
};

// Fetch v12 of one partition from `offset`, waiting up to `wait_ms`.
struct Fetched {
  int16_t error = 0;
  int64_t high_watermark = 0;
  int64_t log_start_offset = 0;
  std::vector<ReadRecord> records;  // from `offset` on
};
env::Task<StatusOr<Fetched>> FetchFrom(Client* client, TopicPartition partition, int64_t offset,
                                       int32_t wait_ms);
// Whether the group has a coordinator; the first that asks has the offsets topic made.
env::Task<bool> FindCoordinator(Client* client, std::string group);
// -1: nothing committed.
env::Task<StatusOr<int64_t>> FetchCommitted(Client* client, std::string group, TopicPartition partition);

class Consumer {
 public:
  Consumer(env::Env& env, std::vector<env::Endpoint> brokers, History& history, Control& control,
           ConsumerOptions options);
  env::Task<void> Run();

 private:
  // Each is false when the member has to begin anew.
  env::Task<bool> Join();
  env::Task<bool> Sync(std::vector<std::string> members);
  env::Task<bool> StartFromCommitted();
  env::Task<bool> Consume();
  env::Task<bool> Read(TopicPartition partition);
  env::Task<bool> Commit();
  env::Task<bool> Beat();
  env::Task<void> Leave();

  env::Env& env_;
  Client client_;
  History& history_;
  Control& control_;
  const ConsumerOptions options_;
  const Whom coordinator_;
  std::string member_id_;
  int32_t generation_ = -1;
  MonotonicTime last_beat_;
  std::map<TopicPartition, int64_t> positions_;
};

}  // namespace dohle::sim
