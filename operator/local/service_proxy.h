// Services of the store as TCP proxies of this machine: a Service with a nodePort, or with the annotation
// dohle.dev/local-port, is listened for on 127.0.0.1 at that port, and each connection goes to a ready pod
// that its selector matches, at the port's targetPort. One executor.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lib/env/env.h"
#include "operator/k8s/client.h"
#include "operator/local/object_follower.h"

namespace dohle::local {

// Of a Service whose first port is to be found at that port of this machine.
inline constexpr const char* kLocalPortAnnotation = "dohle.dev/local-port";

// Bounds; further connections are closed at once.
inline constexpr int kMaxProxiedConnections = 1024;
inline constexpr size_t kProxyBufferBytes = size_t{32} << 10;  // each way
inline constexpr absl::Duration kProxyConnectTimeout = absl::Seconds(5);

class ServiceProxy {
 public:
  // All outlive it. `host`: where it listens.
  ServiceProxy(env::Env& env, env::Executor& executor, k8s::Client& client, std::string host = "127.0.0.1");
  ~ServiceProxy();

  // Follows the store until Stop. Once; on `executor`; this object outlives it.
  env::Task<void> Run();
  // No more connections; those that are there are closed.
  void Stop();

 private:
  struct Wanted {
    k8s::ObjectName service;
    std::shared_ptr<const k8s::Json> object;
    size_t port_index;
  };
  struct Relay;

  void OnService();
  std::map<uint16_t, Wanted> WantedPorts() const;
  // The next ready pod, in turn; nothing if there is none.
  std::optional<env::Endpoint> Choose(const Wanted& wanted);
  void Accept(uint16_t port, std::unique_ptr<env::Connection> connection);
  env::Task<void> Serve(uint16_t port, std::shared_ptr<Relay> relay);
  static env::Task<void> Copy(std::shared_ptr<Relay> relay, bool to_pod);

  env::Env& env_;
  env::Executor& executor_;
  const std::string host_;
  ObjectFollower services_;
  ObjectFollower pods_;
  std::map<uint16_t, Wanted> wanted_;
  std::map<uint16_t, std::unique_ptr<env::Listener>> listeners_;
  std::map<uint64_t, std::weak_ptr<Relay>> relays_;
  uint64_t next_relay_ = 0;
  uint64_t turn_ = 0;
  bool stopped_ = false;
};

}  // namespace dohle::local
