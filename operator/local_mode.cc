#include "operator/local_mode.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "lib/base/log.h"
#include "lib/env/stop_signal.h"
#include "lib/http/http_server.h"
#include "operator/api/crd.h"
#include "operator/local/api_store.h"
#include "operator/local/manifest_directory.h"
#include "operator/local/pod_runner.h"
#include "operator/local/schema_validator.h"
#include "operator/local/service_proxy.h"

namespace dohle {
namespace {

// All objects of the store, for `get` and `describe`.
env::Task<http::HttpResponse> AllObjects(k8s::Client* store) {
  k8s::Json all = k8s::Json::array();
  for (const local::Kind& kind : local::AllKinds()) {
    k8s::ListOptions options;
    options.limit = 0;
    StatusOr<k8s::ListPage> page = co_await store->List(kind.resource, options);
    if (!page.ok()) continue;
    for (k8s::Json& item : page->items) all.push_back(std::move(item));
  }
  http::HttpResponse response;
  response.content_type = "application/json";
  response.body = all.dump(-1, ' ', false, k8s::Json::error_handler_t::replace);
  co_return response;
}

}  // namespace

struct LocalMode::Parts {
  Parts(env::Env& environment, env::ProcessLauncher& process_launcher, Options o)
      : env(environment),
        executor(*environment.executors[0]),
        launcher(process_launcher),
        options(std::move(o)) {}

  Status OpenStore() {
    DOHLE_RETURN_IF_ERROR(env.file_system.CreateDirectories(options.data_directory));
    auto locked = env.file_system.Lock(env::JoinPath(options.data_directory, ".lock"));
    if (!locked.ok()) {
      return MakeStatus(locked.status().code(),
                        "another operator runs on {}: stop it first, or use another DIR ({})",
                        options.directory, Message(locked.status()));
    }
    lock = std::move(*locked);
    DOHLE_ASSIGN_OR_RETURN(
        store, local::ApiStore::Open(env, executor, env::JoinPath(options.data_directory, "objects")));
    for (const auto& [resource, definition] :
         {std::pair(k8s::kClusters, api::ClusterCrd()), std::pair(k8s::kTopics, api::TopicCrd())}) {
      DOHLE_ASSIGN_OR_RETURN(const local::SchemaValidator validator,
                             local::SchemaValidator::FromDefinition(definition, api::kVersion));
      store->AddRule(resource, validator.Rule());
    }
    return OkStatus();
  }

  void Faults(const std::vector<local::ManifestFault>& now) {
    faults.clear();
    for (const local::ManifestFault& fault : now) faults.push_back(ToString(fault));
  }

  env::Env& env;
  env::Executor& executor;
  env::ProcessLauncher& launcher;
  const Options options;
  std::unique_ptr<env::FileLock> lock;
  std::unique_ptr<local::ApiStore> store;
  std::unique_ptr<local::PodRunner> pods;
  std::unique_ptr<local::ServiceProxy> proxy;
  std::unique_ptr<local::ManifestDirectory> manifests;
  std::unique_ptr<Operator> controllers;
  std::vector<std::string> faults;
};

LocalMode::LocalMode(env::Env& env, env::ProcessLauncher& launcher, Options options)
    : parts_(std::make_unique<Parts>(env, launcher, std::move(options))) {}
LocalMode::~LocalMode() = default;

env::Task<Status> LocalMode::Start() {
  Parts& p = *parts_;
  DOHLE_CO_RETURN_IF_ERROR(p.OpenStore());
  Operator::Options options;
  options.identity = "local";
  options.http = p.options.http;
  options.partition_metrics = p.options.partition_metrics;
  options.resources.addressing = resources::Addressing::kPodIp;
  k8s::Client* store = p.store.get();
  options.routes.push_back({"/objects", [store] { return AllObjects(store); }});
  p.controllers = std::make_unique<Operator>(p.env, *p.store, std::move(options));
  DOHLE_CO_RETURN_IF_ERROR(co_await p.controllers->Start());
  DOHLE_CO_RETURN_IF_ERROR(p.env.file_system.WriteWhole(HttpAddressFile(p.options.data_directory),
                                                        ToString(p.controllers->http())));
  local::PodRunner::Options pods;
  pods.data_directory = p.options.data_directory;
  pods.program_directory = p.options.program_directory;
  p.pods = std::make_unique<local::PodRunner>(p.env, p.executor, *p.store, p.launcher, std::move(pods));
  env::Spawn(p.executor, p.pods->Run());
  p.proxy = std::make_unique<local::ServiceProxy>(p.env, p.executor, *p.store);
  env::Spawn(p.executor, p.proxy->Run());
  p.manifests = std::make_unique<local::ManifestDirectory>(p.env, *p.store, p.options.directory,
                                                           [&p](const auto& faults) { p.Faults(faults); });
  env::Spawn(p.executor, p.manifests->Run());
  co_return OkStatus();
}

env::Task<void> LocalMode::Stop() {
  Parts& p = *parts_;
  if (p.manifests != nullptr) p.manifests->Stop();
  if (p.controllers != nullptr) co_await p.controllers->Stop();
  if (p.proxy != nullptr) p.proxy->Stop();
  if (p.pods != nullptr) co_await p.pods->Stop();
  static_cast<void>(p.env.file_system.Remove(HttpAddressFile(p.options.data_directory)));
}

std::map<k8s::ObjectName, api::ClusterStatus> LocalMode::clusters() const {
  return parts_->controllers->clusters();
}
std::vector<TopicRow> LocalMode::topics() const { return parts_->controllers->topics(); }
std::vector<std::string> LocalMode::faults() const { return parts_->faults; }
uint64_t LocalMode::topic_changes() const { return parts_->controllers->topic_changes(); }

env::Endpoint LocalMode::http() const { return parts_->controllers->http(); }

std::string HttpAddressFile(const std::string& data_directory) {
  return env::JoinPath(data_directory, "http-address");
}

}  // namespace dohle
