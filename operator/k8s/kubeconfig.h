// kubeconfig files, as kubectl reads them: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
// One file; lists of them, exec plugins and auth providers aren't supported and said so. Stateless.
#pragma once

#include <string>
#include <string_view>

#include "operator/k8s/credentials.h"

namespace dohle::k8s {

// What `context`, or the file's current-context if that is "", says in the file at `path`. The files that it
// names are read from `files` now, but for a tokenFile; relative paths are relative to the file's directory.
// Failures are sentences for people that name the file: kNotFound, kInvalidArgument.
StatusOr<ServerAccess> ReadKubeconfig(env::FileSystem& files, const std::string& path,
                                      const std::string& context = "");

// The file to read, as kubectl chooses it: what an option names, or the variable KUBECONFIG, or the one below
// HOME; "" = isn't set.
std::string KubeconfigPath(std::string_view option, std::string_view kubeconfig, std::string_view home);

}  // namespace dohle::k8s
