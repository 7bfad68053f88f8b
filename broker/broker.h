// A node as a whole, broker, controller or both (process.roles): makes the parts, starts them in order, stops
// them in reverse.
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

  // Ends when requests are served, or with the reason why they can't be: then call Stop. Waits for the
  // metadata quorum for as long as it takes, unless this node is a controller only. On the first executor.
  env::Task<Status> Start();
  // Serves no more, closes the logs, marks a clean shutdown. Also while Start is under way, which then ends
  // with kCancelled. Idempotent. Without it, as a crash: only once the environment has stopped may the broker
  // then be destroyed.
  void Stop();
  // The same from within, on the first executor: as simulated nodes stop. Once, and not beside Stop.
  env::Task<void> StopFromWithin();

  // "PLAINTEXT://localhost:9092", as bound. Once started.
  std::vector<std::string> ListenerTexts() const;
  // "http://localhost:9404/metrics"; nothing if switched off.
  std::string MetricsText() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace dohle
