// `dohle-operator --local DIR`: the operator with everything that Kubernetes else gives it, in one process.
//
// DIR holds manifests; DIR/.dohle the state: objects, the brokers' volumes and logs. All on one executor but
// for StopAndWait.
#pragma once

#include <memory>
#include <string>

#include "lib/base/status.h"
#include "lib/env/env.h"
#include "lib/env/process.h"
#include "lib/env/task.h"
#include "operator/operator.h"
#include "operator/status_table.h"

namespace dohle {

class LocalMode {
 public:
  struct Options {
    std::string directory;          // absolute
    std::string data_directory;     // absolute
    std::string program_directory;  // where dohle-broker is
    env::Endpoint http;
    bool partition_metrics = true;
  };

  // `env` and `launcher` outlive it.
  LocalMode(env::Env& env, env::ProcessLauncher& launcher, Options options);
  ~LocalMode();

  // Fails if another operator runs here, or the state can't be read.
  env::Task<Status> Start();
  // Brokers are stopped with grace; their Pods stay in the state.
  env::Task<void> Stop();

  TableInput Look() const { return {clusters(), topics(), faults()}; }
  // The parts of it.
  std::map<k8s::ObjectName, api::ClusterStatus> clusters() const;
  std::vector<TopicRow> topics() const;
  std::vector<std::string> faults() const;
  // How often what Topics are and have for a status has changed.
  uint64_t topic_changes() const;
  env::Endpoint http() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Where a running local operator can be asked: the file holds "host:port".
std::string HttpAddressFile(const std::string& data_directory);

}  // namespace dohle
