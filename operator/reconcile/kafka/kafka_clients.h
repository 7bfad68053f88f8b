// The Kafka clusters that the operator speaks to, one client each, opened when first asked for and closed
// when nobody has asked for it in a while: brokers come back under new addresses. One executor.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/env/transport.h"
#include "lib/kafka/client/admin.h"
#include "lib/kafka/client/cluster_admin.h"
#include "lib/kafka/client/cluster_client.h"

namespace dohle::reconcile {

// All parts live until the cluster is forgotten and nobody holds them.
struct KafkaClient {
  KafkaClient(env::Transport& transport, env::Executor& executor, std::vector<env::Endpoint> bootstrap,
              kafka::client::ClusterClientOptions options)
      : client(transport, executor, std::move(bootstrap), std::move(options)),
        admin(client),
        cluster_admin(client) {}
  kafka::client::ClusterClient client;
  kafka::client::Admin admin;
  kafka::client::ClusterAdmin cluster_admin;
};

class KafkaClients {
 public:
  KafkaClients(env::Transport& transport, env::Executor& executor)
      : transport_(transport), executor_(executor) {}
  ~KafkaClients() { Close(); }

  // `bootstrap` is "host:port,…". kInvalidArgument if it is not.
  StatusOr<std::shared_ptr<KafkaClient>> Get(const std::string& bootstrap);
  // Ends what is under way.
  void Close();

 private:
  env::Transport& transport_;
  env::Executor& executor_;
  struct Kept {
    std::shared_ptr<KafkaClient> client;
    env::MonotonicTime asked_for;
  };
  void DropIdle();

  std::map<std::string, Kept> clusters_;
};

}  // namespace dohle::reconcile
