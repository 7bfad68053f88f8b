// Brokers whose connection this one has just lost, and of which the quorum has not said yet what became of
// them.
//
// A client whose leader dies asks another broker for metadata within a millisecond or two, before the
// controller could have fenced the dead. An answer that names the dead leader sends the client into its
// back-off (librdkafka: up to a second). So such an answer is held until there is a verdict, for a fraction
// of a second at most.
//
// Any thread; a short lock.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "broker/metadata/publisher.h"
#include "lib/base/ids.h"
#include "lib/env/clock.h"
#include "lib/env/one_shot.h"
#include "lib/env/task.h"

namespace dohle::server {

class SuspectedBrokers : public metadata::MetadataPublisher {
 public:
  // `clock` outlives it. `patience`: how long after the loss a verdict is waited for.
  SuspectedBrokers(const env::Clock& clock, absl::Duration patience) : clock_(clock), patience_(patience) {}

  // The connection to `broker` was lost. Only the first loss counts until the broker is heard again or
  // fenced: one that can't be reached from here alone holds up answers once.
  void Lost(NodeId broker);
  void Heard(NodeId broker);

  // Cheap while nobody is suspected.
  bool Suspects(NodeId broker) const;
  // Returns when `broker` isn't suspected any more.
  env::Task<void> AwaitVerdict(NodeId broker);

  std::string_view name() const override { return "suspected brokers"; }
  env::Task<void> Publish(const metadata::MetadataUpdate& update) override {
    Note(update);
    co_return;
  }
  // What Publish does: who is fenced or gone is suspected no more.
  void Note(const metadata::MetadataUpdate& update);

 private:
  struct Suspicion {
    env::MonotonicTime since;
    std::vector<std::shared_ptr<env::OneShot<bool>>> waiting;
  };
  void Clear(NodeId broker);
  // Of what is left to wait for `broker`; zero: nothing. With the lock held.
  absl::Duration Left(NodeId broker) const;

  const env::Clock& clock_;
  const absl::Duration patience_;
  std::atomic<size_t> count_{0};  // of suspicions_
  mutable std::mutex mutex_;
  std::map<NodeId, Suspicion> suspicions_;
};

}  // namespace dohle::server
