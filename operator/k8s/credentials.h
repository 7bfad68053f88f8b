// How to reach an API server and as whom: what a kubeconfig file or a pod's service account comes to. The
// executor's thread only.
#pragma once

#include <memory>
#include <string>

#include "lib/base/status.h"
#include "lib/env/clock.h"
#include "lib/env/file_system.h"

namespace dohle::k8s {

struct ServerAccess {
  std::string server;  // "https://10.0.0.1:443", with a path behind it at some providers
  // PEM. The server's certificate is verified against `ca`, or the machine's authorities if that is empty.
  std::string ca;
  bool skip_verification = false;
  std::string tls_server_name;     // what the certificate must be for; "" = the host of `server`
  std::string client_certificate;  // PEM; both or none
  std::string client_key;
  std::string token;       // bearer token; of no account if there is a file
  std::string token_file;  // rotates: read again by TokenSource
  std::string ns;          // the namespace that goes with it; "" = not said
};

// From inside a pod. `host` and `port` are the variables KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT.
// kFailedPrecondition with what is missing if this isn't a pod with a service account.
StatusOr<ServerAccess> InClusterAccess(env::FileSystem& files, const std::string& host,
                                       const std::string& port);

// The bearer token of a ServerAccess. A file is read again after a minute at the latest: the kubelet puts a
// new token there well before the old one ends.
class TokenSource {
 public:
  // `files` and `clock` outlive it.
  TokenSource(const ServerAccess& access, env::FileSystem& files, const env::Clock& clock);
  // "" if none is used. kUnauthenticated if there should be one and it has never been readable; later on the
  // last one that was is taken.
  StatusOr<std::string> Token();
  // The server doesn't take the token any more: the next call reads the file.
  void Refused() { read_again_ = env::MonotonicTime(); }

 private:
  const std::string file_;
  env::FileSystem& files_;
  const env::Clock& clock_;
  std::string token_;
  env::MonotonicTime read_again_;
};

}  // namespace dohle::k8s
