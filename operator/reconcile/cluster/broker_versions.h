// What the brokers of all Clusters run, by their own word: each is asked once for each start of its program,
// as the answer changes with nothing else. One executor.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/env/task.h"
#include "lib/env/transport.h"
#include "lib/http/http_client.h"
#include "operator/reconcile/cluster/pod_state.h"

namespace dohle::reconcile {

// The version that the broker at a Pod's address says it runs; "": it is one that doesn't tell. Failures: it
// may tell later.
using AskVersion = std::function<env::Task<StatusOr<std::string>>(std::string pod_ip)>;

// Over HTTP. Both outlive what is made.
AskVersion AskVersionOver(env::Transport& transport, env::Executor& executor);

// Pure: of an answer to GET /version. What is no version, but might do harm in a status, is taken for none.
std::string VersionIn(const http::HttpAnswer& answer);

class BrokerVersions {
 public:
  // Nobody is asked if `ask` is empty.
  explicit BrokerVersions(AskVersion ask) : ask_(std::move(ask)) {}

  // The versions of a Cluster's brokers, in the order of `pods`; "" = unknown. Asks the ready ones that it
  // doesn't know yet.
  env::Task<std::vector<std::string>> Of(k8s::ObjectName cluster, std::vector<PodState> pods);
  void Forget(const k8s::ObjectName& cluster) { known_.erase(cluster); }

 private:
  struct Known {
    std::string pod_uid;
    int64_t restarts = 0;
    std::string version;
  };
  const AskVersion ask_;
  std::map<k8s::ObjectName, std::map<std::string, Known>> known_;  // by the Pods' names
};

}  // namespace dohle::reconcile
