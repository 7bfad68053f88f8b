// What tests of operator/local share: a store on a simulated node, and calls of it that run the simulation
// until they are answered.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "lib/env/posix/test_seed.h"
#include "lib/env/sim/sim_world.h"
#include "operator/local/api_store.h"

namespace dohle::local {

class StoreTest : public testing::Test {
 protected:
  StoreTest()
      : seed_(env::TestSeed()),
        trace_(__FILE__, __LINE__, testing::Message() << "DOHLE_SEED=" << seed_),
        world_(seed_),
        node_(world_.AddNode("operator")) {
    Restart();
  }

  env::SimWorld& world() { return world_; }
  env::SimNode& node() { return node_; }
  env::Executor& executor() { return *node_.env().executors[0]; }
  ApiStore& store() { return *store_; }

  // Begins `task`; its result comes into `result`.
  template <typename T>
  void Start(env::Task<T> task, std::optional<T>* result) {
    const auto run = [](env::Task<T> inner, std::optional<T>* out) -> env::Task<void> {
      out->emplace(co_await std::move(inner));
    };
    env::Spawn(executor(), run(std::move(task), result));
  }
  // Runs the simulation until the task ends; it must within 10 minutes.
  template <typename T>
  T Do(env::Task<T> task) {
    std::optional<T> result;
    Start(std::move(task), &result);
    EXPECT_TRUE(world_.RunUntil([&] { return result.has_value(); }, absl::Minutes(10)));
    return std::move(*result);
  }

  // kill -9, and a new life on the same disk.
  Status TryRestart() {
    if (store_ != nullptr) {
      node_.Crash(env::SimNode::Death::kProcess);
      store_.reset();
      node_.Restart();
    }
    StatusOr<std::unique_ptr<ApiStore>> opened = ApiStore::Open(node_.env(), executor(), "/state");
    if (opened.ok()) store_ = std::move(*opened);
    return opened.status();
  }
  void Restart() {
    const Status status = TryRestart();
    EXPECT_TRUE(status.ok()) << status;
  }

 private:
  const uint64_t seed_;
  const testing::ScopedTrace trace_;
  env::SimWorld world_;
  env::SimNode& node_;
  std::unique_ptr<ApiStore> store_;
};

}  // namespace dohle::local
