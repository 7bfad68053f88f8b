// Keeps a copy of a kind's objects true: lists, then watches from there, and lists again when the server no
// longer knows the version. What it sees goes into a sink; informer.h is the sink that most use.
//
// A server that is away, stalls, or drops the watch without a word is met with back-off; a watch that is
// silent for longer than bookmarks should take is opened anew. One executor.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "lib/env/executor.h"
#include "lib/env/random.h"
#include "lib/env/stop_signal.h"
#include "lib/env/task.h"
#include "operator/k8s/client.h"
#include "operator/runtime/back_off.h"

namespace dohle::runtime {

class ReflectorSink {
 public:
  virtual ~ReflectorSink() = default;
  // Between BeginList and EndList come all objects there are: what was known and isn't among them is gone. A
  // list that breaks off is begun again, without EndList.
  virtual void BeginList() = 0;
  virtual void EndList() = 0;
  virtual void Upsert(const k8s::Json& object) = 0;
  virtual void Remove(const k8s::Json& object) = 0;
};

// API servers send a bookmark about once a minute: a watch that says nothing for longer may be dead.
inline constexpr absl::Duration kWatchPatience = absl::Seconds(90);

class Reflector {
 public:
  struct Scope {
    k8s::Resource resource;
    std::string ns;  // "" = all
    k8s::Selector selector;
  };
  // All outlive the reflector.
  Reflector(k8s::Client& client, env::Random& random, Scope scope, ReflectorSink& sink);

  // Until `stop`. Once.
  env::Task<void> Run(env::StopSignal& stop);
  // Ends a watch that Run waits on, or is about to; after stop.Stop().
  void Interrupt();

  // A list has been taken whole at least once.
  bool synced() const { return synced_; }
  // How often it had to begin again, for metrics.
  int64_t lists() const { return lists_; }
  int64_t failures() const { return failures_; }

 private:
  env::Task<Status> List();
  // Until the stream ends; OK: it may be opened again from resource_version_.
  env::Task<Status> FollowWatch();

  k8s::Client& client_;
  env::Random& random_;
  const Scope scope_;
  ReflectorSink& sink_;
  std::string resource_version_;  // "" = list first
  std::unique_ptr<k8s::Watch> watch_;
  bool interrupted_ = false;
  bool synced_ = false;
  int64_t lists_ = 0;
  int64_t failures_ = 0;
};

}  // namespace dohle::runtime
