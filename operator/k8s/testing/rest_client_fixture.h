// A RestClient and the scripted server that it speaks to, on the one executor of a real environment.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "lib/env/posix/posix_env.h"
#include "lib/env/run_and_wait.h"
#include "operator/k8s/rest_client.h"
#include "operator/k8s/testing/scripted_server.h"

namespace dohle::k8s::testing {

class RestClientFixture : public ::testing::Test {
 public:
  // For coroutines, which are no members.
  std::unique_ptr<ScriptedServer> server;
  env::Env* env = nullptr;

  std::unique_ptr<RestClient> Connect(absl::Duration request_timeout = absl::Seconds(30)) const {
    ServerAccess access;
    access.server = server->url();
    access.token = "secret";
    RestClient::Options options;
    options.version = "1.2.3";
    options.request_timeout = request_timeout;
    auto client = RestClient::Open(access, options, *env);
    EXPECT_TRUE(client.ok()) << client.status();
    return std::move(*client);
  }

 protected:
  RestClientFixture() : posix_({.event_loops = 1, .io_threads = 1, .own_process = false}) {
    env = &posix_.env();
    server = std::make_unique<ScriptedServer>(*env);
    posix_.Start();
  }
  ~RestClientFixture() override { StopEnv(); }

  // Runs a test's body on the executor, where the server and the client belong.
  void Run(env::Task<void> body) { env::RunAndWait(*env->executors[0], std::move(body)); }
  void StopEnv() {
    posix_.Stop();
    server.reset();
  }

 private:
  env::PosixEnv posix_;
};

}  // namespace dohle::k8s::testing
