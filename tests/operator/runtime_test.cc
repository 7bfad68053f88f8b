// Informers and leader election against an API server in memory, over a client that misbehaves.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "lib/env/sleep.h"
#include "operator/runtime/informer.h"
#include "operator/runtime/leader_election.h"
#include "tests/operator/api_world.h"

namespace dohle::tests {
namespace {

using k8s::Json;

struct ConfigMap {
  k8s::ObjectMeta meta;
  std::string text;
};

StatusOr<ConfigMap> ReadConfigMap(const Json& object) {
  ConfigMap map;
  DOHLE_ASSIGN_OR_RETURN(map.meta, k8s::ReadMeta(object));
  map.text = k8s::FindString(object, "data.text");
  return map;
}

class RuntimeTest : public ApiWorld, public testing::TestWithParam<uint64_t> {
 protected:
  RuntimeTest() : ApiWorld(GetParam()) {}
  ~RuntimeTest() override { Crash(); }

  // What somebody else does to the objects: makes, changes, deletes, for a while.
  env::Task<void> Stir(int turns) {
    for (int i = 0; i < turns; ++i) {
      const k8s::ObjectName name{"ns", "map-" + std::to_string(world_.random().Below(20))};
      if (world_.random().Below(3) == 0) {
        k8s::DeleteOptions options;
        static_cast<void>(co_await store_->Delete(k8s::kConfigMaps, name, options));
      } else {
        Json object = k8s::NewObject(k8s::kConfigMaps, name);
        object["data"]["text"] = std::to_string(i);
        co_await Apply(k8s::kConfigMaps, std::move(object));
      }
      co_await env::Sleep(absl::Milliseconds(world_.random().Below(2000)));
    }
    stirred_ = true;
  }
  env::Task<void> ListAll(std::map<std::string, std::string>* out) {
    k8s::ListOptions options;
    const auto page = co_await store_->List(k8s::kConfigMaps, options);
    for (const Json& item : page->items) {
      (*out)[k8s::FindString(item, "metadata.name")] = k8s::FindString(item, "data.text");
    }
  }

  env::StopSignal stop_;
  bool stirred_ = false;
};

TEST_P(RuntimeTest, AnInformerEndsWithWhatThereIsWhateverHappensOnTheWay) {
  runtime::Reflector::Scope scope;
  scope.resource = k8s::kConfigMaps;
  runtime::Informer<ConfigMap> informer(*faulty_, node_.env().random, scope, &ReadConfigMap);
  std::map<std::string, std::string> told;  // what the handlers make of it
  informer.AddHandler([&](const auto& before, const auto& after) {
    if (after == nullptr) {
      EXPECT_EQ(told.erase(before->meta.name.name), 1U);
    } else {
      EXPECT_EQ(told.contains(after->meta.name.name), before != nullptr);
      told[after->meta.name.name] = after->text;
    }
  });
  faulty_->Set({.before = 0.1, .after = 0.1, .watch = 0.05, .most_delay = absl::Milliseconds(300)});
  Do(informer.Run(stop_));
  Do(Stir(300));
  ASSERT_TRUE(world_.RunUntil([&] { return stirred_; }));
  faulty_->Set({});
  world_.RunFor(absl::Minutes(5));

  std::map<std::string, std::string> expected;
  Do(ListAll(&expected));
  world_.RunFor(absl::Seconds(1));
  EXPECT_TRUE(informer.synced());
  EXPECT_EQ(told, expected);
  std::map<std::string, std::string> stored;
  for (const auto& [name, map] : informer.all()) stored[name.name] = map->text;
  EXPECT_EQ(stored, expected);
}

TEST_P(RuntimeTest, ThereIsAtMostOneLeaderAndSoonOneAgain) {
  // Each writes through a client of its own, so that one can be cut off.
  FaultyClient cut(*store_, node_.env().random);
  FaultyClient steady(*store_, node_.env().random);
  const k8s::ObjectName lease{"ns", "dohle-operator"};
  const env::Clock& clock = node_.env().clock;
  runtime::LeaderElection a(cut, clock, node_.env().random, lease, "a", {}, {});
  runtime::LeaderElection b(steady, clock, node_.env().random, lease, "b", {}, {});
  env::StopSignal stop_b;
  Do(a.Run(stop_));
  world_.RunFor(absl::Seconds(1));
  EXPECT_TRUE(a.Leads());
  Do(b.Run(stop_b));
  const auto watch = [&](absl::Duration duration, const std::function<bool()>& until) {
    const env::MonotonicTime end = world_.now() + duration;
    while (world_.now() < end && !until()) {
      world_.RunFor(absl::Milliseconds(20));
      EXPECT_FALSE(a.Leads() && b.Leads());
    }
    return until();
  };
  EXPECT_FALSE(watch(absl::Minutes(1), [&] { return b.Leads(); }));
  EXPECT_TRUE(a.Leads());
  // Lost answers and conflicts don't make a second one.
  cut.Set({.before = 0.2, .after = 0.2, .conflict = 0.1, .most_delay = absl::Milliseconds(200)});
  watch(absl::Minutes(2), [] { return false; });
  cut.Set({.before = 1});
  EXPECT_TRUE(watch(absl::Seconds(4), [&] { return b.Leads(); }));
  EXPECT_FALSE(a.Leads());
  cut.Set({});
  EXPECT_FALSE(watch(absl::Seconds(30), [&] { return a.Leads(); }));
  // Who stops gives the lease back at once.
  stop_b.Stop();
  EXPECT_TRUE(watch(absl::Seconds(2), [&] { return a.Leads(); }));
}

INSTANTIATE_TEST_SUITE_P(Seeds, RuntimeTest, testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace dohle::tests
