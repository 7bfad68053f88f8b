// The operator as a whole, over whichever API server: makes the parts, starts and stops them. Everything on
// one executor.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/env/env.h"
#include "lib/env/task.h"
#include "lib/http/http_server.h"
#include "operator/api/cluster.h"
#include "operator/k8s/client.h"
#include "operator/resources/options.h"
#include "operator/status_table.h"

namespace dohle {

class Operator {
 public:
  struct Options {
    std::string identity;                  // of this process alone; begins with the Pod's name
    std::string ns;                        // looked after; "" = all
    std::optional<k8s::ObjectName> lease;  // of the leader; none: there is no other operator
    env::Endpoint http;                    // metrics and health
    bool partition_metrics = true;         // a series for each group and partition
    std::vector<http::HttpRoute> routes;   // served there besides
    resources::Options resources;
  };

  // `env` and `client` outlive it.
  Operator(env::Env& env, k8s::Client& client, Options options);
  ~Operator();

  // On the first executor. Fails if the port of `http` can't be had; what the API server doesn't answer is
  // asked again.
  env::Task<Status> Start();
  // Gives leadership back; ends when nothing is under way any more.
  env::Task<void> Stop();

  // As bound.
  env::Endpoint http() const;
  // All informers have a whole picture.
  bool synced() const;

  // For the live table: what is known now.
  std::map<k8s::ObjectName, api::ClusterStatus> clusters() const;
  std::vector<TopicRow> topics() const;
  // How often the Topics, their statuses included, have changed.
  uint64_t topic_changes() const;

 private:
  struct Parts;
  env::Task<http::HttpResponse> Readiness();
  env::Task<http::HttpResponse> Metrics();

  std::unique_ptr<Parts> parts_;
};

}  // namespace dohle
