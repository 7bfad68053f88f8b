// For tests: one node's metadata log and controller over the real environment, in a directory that goes with
// the test. The test's thread waits for each task.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/controller/controller.h"
#include "broker/metadata/format.h"
#include "broker/metadata/metadata_log.h"
#include "broker/storage/meta_properties.h"
#include "lib/env/posix/posix_env.h"
#include "lib/kafka/messages/broker_heartbeat_request.h"
#include "lib/kafka/messages/broker_heartbeat_response.h"
#include "lib/kafka/messages/broker_registration_request.h"
#include "lib/kafka/messages/broker_registration_response.h"

namespace dohle::controller::testing {

class AcceptingValidator : public ConfigValidator {
 public:
  std::optional<std::string> Validate(const metadata::ConfigResource&, const metadata::ConfigMap& configs,
                                      const metadata::ConfigMap&) const override {
    if (configs.contains("bogus")) return "Unknown topic config name: bogus";
    return std::nullopt;
  }
  bool IsList(metadata::ConfigResourceType, std::string_view name) const override {
    return name == "cleanup.policy";
  }
  std::string Default(metadata::ConfigResourceType, std::string_view) const override { return "delete"; }
};

// Counts and keeps what is published.
class Recorder : public metadata::MetadataPublisher {
 public:
  std::string_view name() const override { return "recorder"; }
  env::Task<void> Publish(const metadata::MetadataUpdate& update) override {
    updates.push_back(update);
    co_return;
  }
  std::vector<metadata::MetadataUpdate> updates;
};

template <typename T>
env::Task<void> Fulfil(env::Task<T> task, std::promise<T>* promise) {
  promise->set_value(co_await std::move(task));
}

class TestNode {
 public:
  explicit TestNode(std::string log_dir = "") : log_dir_(std::move(log_dir)) {
    if (log_dir_.empty()) {
      std::string name = ::testing::TempDir() + "/dohle-controller-XXXXXX";
      log_dir_ = mkdtemp(name.data());
      owned_ = true;
    }
    posix_.Start();
  }
  ~TestNode() {
    Kill();
    posix_.Stop();
    if (owned_) (void)env().file_system.RemoveRecursively(log_dir_);
  }

  env::Env& env() { return posix_.env(); }
  const std::string& log_dir() const { return log_dir_; }

  template <typename T>
  T Await(env::Task<T> task) {
    std::promise<T> promise;
    std::future<T> future = promise.get_future();
    env::Spawn(*env().executors[0], Fulfil(std::move(task), &promise));
    return future.get();
  }

  Status Format() {
    metadata::FormatOptions options;
    options.cluster_id = "4L6g3nShT-eMCtK--X86sw";
    options.node_id = NodeId(1);
    options.log_dirs = {log_dir_};
    options.metadata_log_dir = log_dir_;
    options.controller_endpoints = {{"CONTROLLER", "localhost", 19093}};
    return metadata::FormatStorage(env().file_system, env().random, env().clock, options).status();
  }

  metadata::MetadataLogConfig config;

  // Opens, starts and activates.
  Status Begin() {
    StatusOr<storage::MetaProperties> meta = storage::ReadMetaProperties(env().file_system, log_dir_);
    if (!meta.ok()) return meta.status();
    directory_id_ = meta->directory_id;
    metadata::MetadataLogOptions options;
    options.file_system = &env().file_system;
    options.clock = &env().clock;
    options.blocking_pool = &env().blocking_pool;
    options.executor = env().executors[0];
    options.log_dir = log_dir_;
    options.node_id = meta->node_id;
    options.directory_id = directory_id_;
    options.config = config;
    options.controller_endpoints = {{"CONTROLLER", "localhost", 19093}};
    StatusOr<std::unique_ptr<metadata::MetadataLog>> log = metadata::MetadataLog::Open(std::move(options));
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    recorder = std::make_unique<Recorder>();
    log_->AddPublisher(recorder.get());
    DOHLE_RETURN_IF_ERROR(Await(log_->Start()));
    ControllerConfig controller_config;
    controller_config.node_id = meta->node_id;
    controller_config.cluster_id = meta->cluster_id;
    controller_config.log_dir = log_dir_;
    controller_config.incarnation_id = env().random.NextUuid();
    controller_config.endpoints = {{"CONTROLLER", "localhost", 19093, 0}};
    controller_ = std::make_unique<Controller>(controller_config, *log_, validator_, env());
    return Await(controller_->Activate(log_->Describe().leader_epoch));
  }

  // As a broker does at start: registers, and is unfenced by its first heartbeat.
  int64_t JoinAsBroker(int64_t previous_epoch) {
    kafka::BrokerRegistrationRequest request;
    request.broker_id = 1;
    request.cluster_id = "4L6g3nShT-eMCtK--X86sw";
    request.incarnation_id = env().random.NextUuid();
    auto& listener = request.listeners.emplace_back();
    listener.name = "PLAINTEXT";
    listener.host = "localhost";
    listener.port = 19092;
    for (const auto& [name, range] : metadata::BrokerSupportedFeatures()) {
      auto& feature = request.features.emplace_back();
      feature.name = name;
      feature.min_supported_version = range.min;
      feature.max_supported_version = range.max;
    }
    request.rack.reset();
    request.log_dirs = {directory_id_};
    request.previous_broker_epoch = previous_epoch;
    auto registered = Await(controller_->RegisterBroker(request));
    EXPECT_TRUE(registered.ok()) << registered.status();
    EXPECT_EQ(registered->error_code, 0);
    broker_epoch_ = registered->broker_epoch;
    EXPECT_EQ(Heartbeat(false).is_fenced, false);
    return broker_epoch_;
  }
  kafka::BrokerHeartbeatResponse Heartbeat(bool want_shut_down) {
    kafka::BrokerHeartbeatRequest request;
    request.broker_id = 1;
    request.broker_epoch = broker_epoch_;
    request.current_metadata_offset = image().provenance.last_contained_offset.value();
    request.want_shut_down = want_shut_down;
    request.cordoned_log_dirs.emplace();
    auto response = Await(controller_->BrokerHeartbeat(request));
    EXPECT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->error_code, 0);
    return *response;
  }

  Status Stop() {
    const Status stopped = Await(log_->Stop());
    Kill();
    return stopped;
  }
  // As a crash of the process: what isn't on disk may be lost.
  void Kill() {
    if (log_ == nullptr) return;
    (void)Await(log_->Stop());
    controller_.reset();
    log_.reset();
  }

  Controller& controller() { return *controller_; }
  metadata::MetadataLog& log() { return *log_; }
  const metadata::MetadataImage& image() {
    image_ = log_->cache().Current();
    return *image_;
  }
  DirectoryId directory_id() const { return directory_id_; }

  std::unique_ptr<Recorder> recorder;

 private:
  env::PosixEnv posix_{env::PosixEnv::Options{.event_loops = 2, .io_threads = 2, .own_process = false}};
  std::string log_dir_;
  bool owned_ = false;
  DirectoryId directory_id_;
  int64_t broker_epoch_ = -1;
  AcceptingValidator validator_;
  std::unique_ptr<metadata::MetadataLog> log_;
  std::unique_ptr<Controller> controller_;
  metadata::ImagePtr image_;
};

}  // namespace dohle::controller::testing
