// Brokers that were fenced a short while ago. Metadata answers name them for some seconds more.
//
// A partition gets its new leader milliseconds after a broker's death here, and 9 s after with Apache Kafka.
// If the broker leaves the answer that names the new leader, librdkafka (seen with 2.16) forgets the old
// leader in the middle of the move to the new one, and waits a second until it asks again
// (rd_kafka_toppar_leader_update runs into the end of the broker's thread). So a client sees brokers go no
// sooner than Apache Kafka would tell it: broker.session.timeout.ms after their death.
//
// A metadata publisher; reading is for any thread.
#pragma once

#include <map>
#include <string_view>

#include "broker/metadata/publisher.h"
#include "lib/base/ids.h"
#include "lib/env/clock.h"
#include "lib/env/task.h"

namespace dohle::server {

class DepartedBrokers : public metadata::MetadataPublisher {
 public:
  // `clock` outlives it. `linger`: for how long a fenced broker counts.
  DepartedBrokers(const env::Clock& clock, absl::Duration linger) : clock_(clock), linger_(linger) {}

  // Whether `broker`, which is registered and fenced, was seen to be fenced less than `linger` ago. Of what
  // was fenced before this node started it knows nothing.
  bool JustLeft(NodeId broker) const;

  std::string_view name() const override { return "departed brokers"; }
  env::Task<void> Publish(const metadata::MetadataUpdate& update) override {
    Note(update);
    co_return;
  }
  // What Publish does. One call at a time.
  void Note(const metadata::MetadataUpdate& update);

 private:
  const env::Clock& clock_;
  const absl::Duration linger_;
  metadata::Published<std::map<NodeId, env::MonotonicTime>> fenced_at_;
};

}  // namespace dohle::server
