// A metadata quorum in a simulated world: nodes with a MetadataLog each, and servers that hand the quorum's
// requests to it. What must never be is checked all the time: two leaders of one epoch, two histories, a
// topic that was acknowledged and is lost.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/metadata/format.h"
#include "broker/metadata/metadata_log.h"
#include "broker/metadata/quorum_api.h"
#include "lib/env/sim/sim_world.h"

namespace dohle::metadata::testing {

inline constexpr uint16_t kControllerPort = 9093;

// Serves ApiVersions and the quorum's requests, one after the other for each connection, as brokers do.
class QuorumPort {
 public:
  QuorumPort(env::Env& env, uint16_t port, QuorumApi& api);

 private:
  static env::Task<void> Serve(QuorumApi* api, std::unique_ptr<env::Connection> stream);
  std::unique_ptr<env::Listener> listener_;
};

struct TestQuorumOptions {
  int voters = 3;
  int observers = 0;
  bool static_voters = false;  // kraft.version 0
  bool all_controllers = false;  // the observers could be voters
  int writers = 1;             // of each node
  MetadataLogConfig config;
};

class TestQuorum {
 public:
  using Death = env::SimNode::Death;

  TestQuorum(env::SimWorld& world, TestQuorumOptions options);
  ~TestQuorum();

  size_t size() const { return members_.size(); }
  env::SimNode& node(size_t i) { return *members_[i]->node; }
  bool running(size_t i) const { return members_[i]->log != nullptr; }
  MetadataLog& log(size_t i) { return *members_[i]->log; }
  const DirectoryId& directory_id(size_t i) const { return members_[i]->directory_id; }
  std::string name(size_t i) const { return members_[i]->node->name(); }

  void Start(size_t i);
  void StartAll();
  void Crash(size_t i, Death death);
  // From all others, until the network is healed.
  void Isolate(size_t i);
  void NoteCut() { cut_ = true; }
  // Nothing if it doesn't end within `limit`.
  std::optional<Status> Stop(size_t i, absl::Duration limit = absl::Seconds(10));
  StatusOr<raft::OffsetAndEpoch> TakeSnapshot(size_t i);
  // Asked of the node `of`, over no network; the error code.
  int16_t AddVoter(size_t of, size_t i);
  int16_t RemoveVoter(size_t of, size_t i);
  // Where it is reached as a controller from its next start on.
  void set_port(size_t i, uint16_t port) { members_[i]->controller_port = port; }
  // Writes what a leader writes that dies in the middle of a metadata transaction.
  Status LeaveTransactionOpen(size_t i, const std::string& topic);
  bool HasTopic(size_t i, const std::string& topic) const;

  // Every node writes topics as long as it leads, pausing for so long between.
  void set_pause(absl::Duration pause) { pause_ = pause; }
  void set_writing(bool writing) { writing_ = writing; }
  // Who knows that it leads, with the newest epoch.
  std::optional<size_t> Leader() const;
  bool RunUntilLed(absl::Duration limit = absl::Seconds(30));
  // Every running node has published all topics that are acknowledged by then.
  bool RunUntilCaughtUp(absl::Duration limit = absl::Seconds(30));
  bool RunUntilAcknowledged(size_t more, absl::Duration limit = absl::Seconds(30));
  size_t acknowledged() const { return acknowledged_.size(); }
  bool HasAll(size_t i) const;

 private:
  class Watch;
  struct Member {
    env::SimNode* node = nullptr;
    NodeId id = kNoNode;
    bool voter = false;
    uint16_t controller_port = kControllerPort;
    DirectoryId directory_id;
    std::unique_ptr<Watch> watch;
    std::unique_ptr<MetadataLog> log;
    std::unique_ptr<QuorumPort> port;
  };

  MetadataLogOptions OptionsOf(Member& member);
  static env::Task<void> Live(TestQuorum* quorum, MetadataLog* log);
  static env::Task<void> WriteTopics(TestQuorum* quorum, MetadataLog* log);
  // Runs a task of the node to its end; nothing if it doesn't come to it within `limit`.
  template <typename T>
  std::optional<T> Await(size_t i, env::Task<T> task, absl::Duration limit = absl::Seconds(60));

  env::SimWorld& world_;
  const TestQuorumOptions options_;
  raft::VoterSet voters_;
  std::vector<std::unique_ptr<Member>> members_;
  bool writing_ = true;
  bool cut_ = false;  // the network was, once
  absl::Duration pause_ = absl::Milliseconds(5);
  int next_topic_ = 0;
  std::set<std::string> acknowledged_;
  // Over all nodes and lives.
  std::map<LeaderEpoch, NodeId> leaders_;
  std::map<Offset, size_t> history_;  // how many topics there are at that end of the log
  std::map<std::string, Offset> created_;
};

}  // namespace dohle::metadata::testing
