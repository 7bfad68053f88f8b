// The broker as a whole: makes the parts, starts them in order, stops them in reverse.
//
// Start runs on an executor; Stop is called by the thread that owns the environment, never by one of its
// executors.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/server/config/broker_config.h"
#include "lib/base/status.h"
#include "lib/env/env.h"
#include "lib/env/task.h"

namespace dohle {

class Broker {
 public:
  // `host_name` stands for an empty host in listeners. `env` outlives the broker.
  Broker(env::Env& env, server::LoadedConfig config, std::string host_name);
  ~Broker();

  // Ends when requests are served, or with the reason why they can't be: then call Stop. On the first
  // executor.
  env::Task<Status> Start();
  // The same for a thread that isn't an executor's.
  Status StartAndWait();
  // Serves no more, closes the logs, marks a clean shutdown. Idempotent. Without it, as a crash: only once
  // the environment has stopped may the broker then be destroyed.
  void Stop();

  // "PLAINTEXT://localhost:9092", as bound.
  std::vector<std::string> ListenerTexts() const;
  // "http://localhost:9404/metrics"; nothing if switched off.
  std::string MetricsText() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Whether this node is the whole metadata quorum: it names no other voter and no other bootstrap server.
bool IsQuorumOfOne(const server::BrokerConfig& config);

// Makes the log directories of a standalone node that finds them unformatted, with a fresh cluster id;
// otherwise does nothing. kFailedPrecondition if some are formatted and some not.
Status FormatIfStandalone(env::Env& env, const server::BrokerConfig& config);

// Where the quorum reaches this node: its controller listeners, or a placeholder if it needs none.
std::vector<server::ListenerConfig> ControllerEndpoints(const server::BrokerConfig& config);

}  // namespace dohle
