#include "tests/operator/api_world.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace dohle::tests {

using k8s::Json;

ApiWorld::ApiWorld(uint64_t seed)
    : world_(seed),
      node_(world_.AddNode("operator")),
      executor_(*node_.env().executors[0]),
      store_(*local::ApiStore::Open(node_.env(), executor_, "")),
      faulty_(std::make_unique<FaultyClient>(*store_, node_.env().random)) {}

ApiWorld::~ApiWorld() {
  if (node_.running()) Crash();
}

void ApiWorld::Crash() { node_.Crash(env::SimNode::Death::kProcess); }

env::Task<void> ApiWorld::Apply(k8s::Resource resource, Json object, std::string field_manager) {
  k8s::ApplyOptions options;
  options.field_manager = std::move(field_manager);
  const auto applied = co_await store_->Apply(resource, object, options);
  EXPECT_TRUE(applied.ok()) << applied.status();
}

env::Task<void> ApiWorld::Tamper(k8s::Resource resource, std::string name, Json patch) {
  const k8s::ObjectName object{"ns", std::move(name)};
  const auto patched =
      co_await store_->MergePatch(resource, object, std::move(patch), k8s::Subresource::kNone);
  EXPECT_TRUE(patched.ok()) << patched.status();
}

env::Task<void> ApiWorld::Read(k8s::Resource resource, std::string name, Json* out) {
  const k8s::ObjectName object{"ns", std::move(name)};
  auto got = co_await store_->Get(resource, object);
  *out = got.ok() ? std::move(*got) : Json(nullptr);
}

Json ApiWorld::Get(const k8s::Resource& resource, const std::string& name) {
  Json object;
  Do(Read(resource, name, &object));
  world_.RunFor(absl::Milliseconds(1));
  return object;
}

}  // namespace dohle::tests
