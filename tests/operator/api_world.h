// What tests of the operator's parts stand on: a node of a simulated world with an API server in memory, a
// client of it that misbehaves if told to, and the events that were told. Virtual time; one executor.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lib/env/sim/sim_world.h"
#include "operator/local/api_store.h"
#include "tests/operator/event_log.h"
#include "tests/operator/faulty_client.h"

namespace dohle::tests {

// A base of fixtures. Objects are in the namespace "ns".
class ApiWorld {
 protected:
  explicit ApiWorld(uint64_t seed);
  ~ApiWorld();
  // Ends whatever runs. A fixture that owns what its coroutines use does so in its destructor.
  void Crash();

  void Do(env::Task<void> task) { env::Spawn(executor_, std::move(task)); }
  // Both past the faults, and expected to be done.
  env::Task<void> Apply(k8s::Resource resource, k8s::Json object, std::string field_manager = "kubectl");
  env::Task<void> Tamper(k8s::Resource resource, std::string name, k8s::Json patch);
  // null: there is none. Past the faults; a millisecond passes.
  k8s::Json Get(const k8s::Resource& resource, const std::string& name);

  env::SimWorld world_;
  env::SimNode& node_;
  env::Executor& executor_;
  std::unique_ptr<local::ApiStore> store_;
  std::unique_ptr<FaultyClient> faulty_;
  EventLog events_;

 private:
  env::Task<void> Read(k8s::Resource resource, std::string name, k8s::Json* out);
};

}  // namespace dohle::tests
