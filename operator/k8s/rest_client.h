// k8s::Client over HTTPS: a real API server. What it needs of HTTP is in rest_client_http.h.
#pragma once

#include <memory>
#include <string>

#include "lib/env/env.h"
#include "operator/k8s/client.h"
#include "operator/k8s/credentials.h"

namespace dohle::k8s {

// The thread of `env.executors[0]`, or, once that has stopped, any. Destroying it breaks off what is under
// way: whoever waits gets kCancelled.
class RestClient : public Client {
 public:
  struct Options {
    std::string version;                                 // ours, for the User-Agent
    absl::Duration request_timeout = absl::Seconds(30);  // the whole exchange; for a watch until it stands
    // How long the server is asked to keep a watch, but for up to a tenth more, so that not all end at once.
    absl::Duration watch_duration = absl::Seconds(290);
  };

  // Connects to nothing yet. kInvalidArgument: `access` is of no use. `env` outlives the client.
  static StatusOr<std::unique_ptr<RestClient>> Open(const ServerAccess& access, Options options,
                                                    env::Env& env);
  ~RestClient() override;

  env::Task<StatusOr<Json>> Get(Resource resource, ObjectName name) override;
  env::Task<StatusOr<ListPage>> List(Resource resource, ListOptions options) override;
  env::Task<StatusOr<std::unique_ptr<Watch>>> StartWatch(Resource resource, WatchOptions options) override;
  env::Task<StatusOr<Json>> Create(Resource resource, Json object) override;
  env::Task<StatusOr<Json>> Replace(Resource resource, Json object, Subresource subresource) override;
  env::Task<StatusOr<Json>> Apply(Resource resource, Json object, ApplyOptions options) override;
  env::Task<StatusOr<Json>> MergePatch(Resource resource, ObjectName name, Json patch,
                                       Subresource subresource) override;
  env::Task<Status> Delete(Resource resource, ObjectName name, DeleteOptions options) override;

 private:
  struct Parts;
  class Call;
  struct Request;

  explicit RestClient(std::shared_ptr<Parts> parts);
  // Coroutines that outlive the client: they hold what they need.
  static env::Task<StatusOr<Json>> Perform(std::shared_ptr<Parts> parts, Request request);
  static env::Task<StatusOr<ListPage>> ReadPage(std::shared_ptr<Parts> parts, Resource resource,
                                                ListOptions options);
  static env::Task<StatusOr<std::unique_ptr<Watch>>> OpenWatch(std::shared_ptr<Parts> parts,
                                                               Resource resource, WatchOptions options);
  static env::Task<Status> Remove(std::shared_ptr<Parts> parts, Request request);

  const std::shared_ptr<Parts> parts_;
};

}  // namespace dohle::k8s
