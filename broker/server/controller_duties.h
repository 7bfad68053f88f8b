// What a controller does besides answering: it takes and gives up its office as the metadata quorum elects,
// does what falls due by time while it is active, and has itself registered by whoever is active while it
// isn't (KIP-919).
//
// On the metadata log's executor, the first one.
#pragma once

#include <memory>
#include <string_view>

#include "broker/metadata/metadata_log.h"
#include "broker/metadata/publisher.h"
#include "lib/env/env.h"
#include "lib/env/stop_signal.h"
#include "lib/env/task.h"

namespace dohle::controller {
class Controller;
}

namespace dohle::server {

class ControllerChannel;
class FailureDetector;

class ControllerDuties : public metadata::QuorumListener, public metadata::MetadataPublisher {
 public:
  // All outlive it. To be told of leaders before `channel` is: who waits there for a controller then finds
  // it.
  ControllerDuties(controller::Controller& controller, FailureDetector& failures, ControllerChannel& channel,
                   const metadata::MetadataCache& metadata, env::Env& env)
      : controller_(controller), failures_(failures), channel_(channel), metadata_(metadata), env_(env) {}

  env::Task<void> OnLeaderChange(metadata::QuorumLeader leader) override;
  std::string_view name() const override { return "controller duties"; }
  env::Task<void> Publish(const metadata::MetadataUpdate& update) override;
  // Gives up the office; nothing is done by time any more.
  void Stop();

  // What the last attempt to become active came to.
  const Status& activated() const { return activated_; }

 private:
  static constexpr absl::Duration kLongestWait = absl::Seconds(1);

  env::Task<void> WorkUntil(std::shared_ptr<env::StopSignal> resigned);
  env::Task<void> RegisterElsewhere();

  controller::Controller& controller_;
  FailureDetector& failures_;
  ControllerChannel& channel_;
  const metadata::MetadataCache& metadata_;
  env::Env& env_;
  Status activated_;
  std::shared_ptr<env::StopSignal> resigned_ = std::make_shared<env::StopSignal>();
  bool registering_ = false;
  env::StopSignal stopped_;
};

}  // namespace dohle::server
