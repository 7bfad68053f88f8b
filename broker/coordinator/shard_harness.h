// For tests: one GroupShard with a clock, chance and a log of their own. Requests are given as text and
// answers come back as text; writes are committed at once, or held until a test decides their fate.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/coordinator/group_shard.h"
#include "lib/env/random.h"

namespace dohle::coordinator {

// Counts, so that ids are known beforehand.
class CountingRandom : public env::Random {
 public:
  uint64_t Next() override { return ++count_; }

 private:
  uint64_t count_ = 0;
};

class ShardHarness {
 public:
  explicit ShardHarness(const GroupConfig& with_config);

  // Runs one command and returns what it led to, a line an event:
  //   join|sync|heartbeat|leave|commit|fetch|delete-offsets|delete-groups|describe|list|expire|delete-topic
  //   key=value… advance ms=N      time passes hold              writes wait from now on commit-writes what
  //   waits is committed, and what is written from now on at once fail-writes error=NAME   the same with
  //   failure reload            a new shard is loaded from the log and takes over state             what is
  //   durable
  std::string Run(std::string_view command);

  // Loads the log into a second shard: "" if it comes to the same state, else both.
  std::string CompareWithReplay(bool offsets_only = false);

  GroupShard& shard() { return *shard_; }
  // The records that are committed, with their offsets.
  struct Logged {
    int64_t offset;
    Record record;
  };
  const std::vector<Logged>& log() const { return log_; }
  void AppendToLog(Record record) { log_.push_back({static_cast<int64_t>(log_.size()), std::move(record)}); }
  size_t waiting() const { return names_.size(); }
  bool settled() const { return held_.empty(); }

 private:
  using Arguments = std::map<std::string, std::string, std::less<>>;

  void Dispatch(std::string_view name, const Arguments& arguments);
  void Join(const Arguments& arguments);
  void Sync(const Arguments& arguments);
  void Heartbeat(const Arguments& arguments);
  void Leave(const Arguments& arguments);
  void CommitOffsets(const Arguments& arguments);
  void Fetch(const Arguments& arguments);
  void DeleteOffsets(const Arguments& arguments);
  void Describe(const Arguments& arguments);
  void List(const Arguments& arguments);
  void Advance(int64_t ms);
  void Reload();

  Call NewCall(const Arguments& arguments, std::string_view kind);
  void Apply(Effects effects);
  void CommitHeld();
  void FailHeld(kafka::ErrorCode error);
  void Print(const Write& write);
  void Print(const Reply& reply);
  void Line(std::string text);
  std::unique_ptr<GroupShard> Load();

  GroupConfig config_;
  CountingRandom random_;
  Instant now_{1'000'000, env::MonotonicTime(0)};
  std::unique_ptr<GroupShard> shard_;
  std::deque<Write> held_;
  bool hold_ = false;
  std::vector<Logged> log_;
  RequestId last_request_ = 0;
  std::map<RequestId, std::string> names_;
  std::string client_;
  std::string output_;
};

}  // namespace dohle::coordinator
