#include "operator/k8s/kubeconfig.h"

#include <yaml-cpp/yaml.h>

#include <optional>

#include "absl/strings/escaping.h"

namespace dohle::k8s {
namespace {

constexpr uint64_t kMaxFileBytes = 1 << 20;

template <typename... Args>
Status Refuse(fmt::format_string<Args...> format, Args&&... args) {
  return MakeStatus(StatusCode::kInvalidArgument, format, std::forward<Args>(args)...);
}

// One file while it is read. yaml-cpp's exceptions pass through here up to ReadKubeconfig.
class Reader {
 public:
  Reader(env::FileSystem& files, std::string directory) : files_(files), directory_(std::move(directory)) {}

  StatusOr<ServerAccess> Read(const YAML::Node& root, const std::string& wanted_context) {
    if (!root.IsMap()) return Refuse("it isn't a kubeconfig");
    const std::string context = wanted_context.empty() ? Text(root["current-context"]) : wanted_context;
    if (context.empty()) return Refuse("it has no current-context, and none was asked for");
    DOHLE_ASSIGN_OR_RETURN(const YAML::Node chosen, Named(root, "contexts", "context", context));
    const std::string user = Text(chosen["user"]);
    ServerAccess access;
    access.ns = Text(chosen["namespace"]);
    DOHLE_ASSIGN_OR_RETURN(const YAML::Node cluster,
                           Named(root, "clusters", "cluster", Text(chosen["cluster"])));
    DOHLE_RETURN_IF_ERROR(ReadCluster(cluster, &access));
    if (user.empty()) return access;
    DOHLE_ASSIGN_OR_RETURN(const YAML::Node credentials, Named(root, "users", "user", user));
    DOHLE_RETURN_IF_ERROR(ReadUser(credentials, user, &access));
    return access;
  }

 private:
  static std::string Text(const YAML::Node& node) {
    return node && node.IsScalar() ? node.Scalar() : std::string();
  }

  static StatusOr<YAML::Node> Named(const YAML::Node& root, const char* list, const char* kind,
                                    const std::string& name) {
    const YAML::Node entries = root[list];
    if (entries && entries.IsSequence()) {
      for (const YAML::Node& entry : entries) {
        if (!entry.IsMap() || Text(entry["name"]) != name) continue;
        const YAML::Node found = entry[kind];
        return found && found.IsMap() ? found : YAML::Node(YAML::NodeType::Map);
      }
    }
    return Refuse("it has no {} \"{}\"", kind, name);
  }

  std::string Resolve(const std::string& path) const {
    return path.starts_with("/") ? path : env::JoinPath(directory_, path);
  }

  // `key`-data in base64, else the file that `key` names, else "".
  StatusOr<std::string> Pem(const YAML::Node& node, const std::string& key) {
    if (const std::string data = Text(node[key + "-data"]); !data.empty()) {
      std::string decoded;
      if (!absl::Base64Unescape(data, &decoded)) return Refuse("{}-data isn't base64", key);
      return decoded;
    }
    const std::string path = Text(node[key]);
    if (path.empty()) return std::string();
    return files_.ReadWhole(Resolve(path), kMaxFileBytes);
  }

  Status ReadCluster(const YAML::Node& cluster, ServerAccess* access) {
    access->server = Text(cluster["server"]);
    if (!access->server.starts_with("https://") && !access->server.starts_with("http://")) {
      return Refuse("the cluster's server must be an https:// URL, not \"{}\"", access->server);
    }
    access->tls_server_name = Text(cluster["tls-server-name"]);
    if (const YAML::Node skip = cluster["insecure-skip-tls-verify"]) {
      access->skip_verification = skip.as<bool>();
    }
    DOHLE_ASSIGN_OR_RETURN(access->ca, Pem(cluster, "certificate-authority"));
    if (access->skip_verification && !access->ca.empty()) {
      return Refuse("a certificate-authority together with insecure-skip-tls-verify makes no sense");
    }
    return OkStatus();
  }

  Status ReadUser(const YAML::Node& user, const std::string& name, ServerAccess* access) {
    for (const char* unsupported : {"exec", "auth-provider", "username", "as"}) {
      if (user[unsupported]) {
        return Refuse(
            "the user \"{}\" has \"{}\", which isn't supported: use a token or a client certificate", name,
            unsupported);
      }
    }
    DOHLE_ASSIGN_OR_RETURN(access->client_certificate, Pem(user, "client-certificate"));
    DOHLE_ASSIGN_OR_RETURN(access->client_key, Pem(user, "client-key"));
    if (access->client_certificate.empty() != access->client_key.empty()) {
      return Refuse("the user \"{}\" needs a client-certificate and a client-key, or neither", name);
    }
    access->token = Text(user["token"]);
    const std::string token_file = Text(user["tokenFile"]);
    if (!token_file.empty()) access->token_file = Resolve(token_file);
    return OkStatus();
  }

  env::FileSystem& files_;
  const std::string directory_;
};

}  // namespace

StatusOr<ServerAccess> ReadKubeconfig(env::FileSystem& files, const std::string& path,
                                      const std::string& context) {
  DOHLE_ASSIGN_OR_RETURN(const std::string text, files.ReadWhole(path, kMaxFileBytes));
  Reader reader(files, env::ParentPath(path));
  try {
    StatusOr<ServerAccess> access = reader.Read(YAML::Load(text), context);
    if (access.ok()) return access;
    return MakeStatus(access.status().code(), "{}: {}", path, Message(access.status()));
  } catch (const YAML::Exception& e) {
    return Refuse("{}: {}", path, e.what());
  }
}

std::string KubeconfigPath(std::string_view option, std::string_view kubeconfig, std::string_view home) {
  if (!option.empty()) return std::string(option);
  return kubeconfig.empty() ? std::string(home) + "/.kube/config" : std::string(kubeconfig);
}

}  // namespace dohle::k8s
