// The kubelet of the local mode: runs the pods of the store as child processes (pod_plan.h says how they are
// translated), gives each a loopback address, keeps their status, and has claims bound to directories
// (claim_directories.h). It is node, scheduler and volume controller in one. One executor.
//
// A pod's files are written when it is begun and not changed afterwards: who changes a ConfigMap makes the
// pod anew.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/env.h"
#include "lib/env/process.h"
#include "operator/k8s/client.h"
#include "operator/local/claim_directories.h"
#include "operator/local/container_life.h"
#include "operator/local/object_follower.h"

namespace dohle::local {

inline constexpr const char* kKubeletManager = "local-kubelet";
inline constexpr size_t kMaxPods = 256;  // further ones stay Pending

class PodRunner {
 public:
  struct Options {
    std::string data_directory;     // absolute
    std::string program_directory;  // where containers' programs are: beside the operator's own
    std::string node_name = "local";
    std::string host_ip = "127.0.0.1";
  };

  // All but the options outlive it.
  PodRunner(env::Env& env, env::Executor& executor, k8s::Client& client, env::ProcessLauncher& launcher,
            Options options);
  ~PodRunner();

  // Follows the store until Stop. Once; on `executor`; this object outlives it.
  env::Task<void> Run();
  // Ends every container with its pod's grace and waits for that. The pods stay in the store: the next run
  // takes them up again.
  env::Task<void> Stop();

 private:
  struct Pod;

  void OnPod(const k8s::ObjectName& name, const std::shared_ptr<const k8s::Json>& object);
  void Begin(const k8s::ObjectName& name, const std::shared_ptr<const k8s::Json>& object);
  env::Task<void> RunPod(std::shared_ptr<Pod> pod);
  // False: it was stopped before it could be begun.
  env::Task<bool> Prepare(std::shared_ptr<Pod> pod);
  env::Task<StatusOr<PodPlan>> Plan(std::shared_ptr<Pod> pod);
  bool Taken(const std::string& address) const;
  const std::string& AddressOf(const k8s::ObjectName& name);
  Status WriteFiles(const PodPlan& plan);
  void StartContainers(const std::shared_ptr<Pod>& pod, const PodPlan& plan);
  env::Task<void> RunContainer(std::shared_ptr<Pod> pod, std::shared_ptr<ContainerLife> container);
  env::Task<void> Remove(std::shared_ptr<Pod> pod);
  static void StopPod(Pod& pod, absl::Duration grace);

  void MarkChanged(const std::shared_ptr<Pod>& pod);
  env::Task<void> WriteStatus(std::shared_ptr<Pod> pod);
  k8s::Json StatusOf(Pod& pod) const;
  k8s::Json ConditionsOf(Pod& pod, bool ready) const;

  env::Task<void> RegisterNode();
  bool ClaimInUse(const k8s::ObjectName& name) const;

  env::Env& env_;
  env::Executor& executor_;
  k8s::Client& client_;
  env::ProcessLauncher& launcher_;
  const Options options_;
  std::map<k8s::ObjectName, std::shared_ptr<Pod>> pods_;
  // Of every Pod that was there or was asked for: one that comes back has the same, as others may know it.
  std::map<k8s::ObjectName, std::string> addresses_;
  ObjectFollower pod_follower_;
  ClaimDirectories claims_;
  env::StopSignal stop_;
};

}  // namespace dohle::local
