#include "operator/k8s/credentials.h"

#include "absl/strings/ascii.h"
#include "absl/time/time.h"

namespace dohle::k8s {
namespace {

constexpr char kServiceAccount[] = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr uint64_t kMaxFileBytes = 1 << 20;
constexpr absl::Duration kReadAgainAfter = absl::Minutes(1);

std::string Stripped(std::string text) {
  absl::StripAsciiWhitespace(&text);
  return text;
}

}  // namespace

StatusOr<ServerAccess> InClusterAccess(env::FileSystem& files, const std::string& host,
                                       const std::string& port) {
  if (host.empty() || port.empty()) {
    return MakeStatus(StatusCode::kFailedPrecondition,
                      "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT aren't set");
  }
  ServerAccess access;
  // cpprestsdk takes no IPv6 literals; the name stands in the server's certificate as well.
  const bool ipv6 = host.find(':') != std::string::npos;
  access.server = fmt::format("https://{}:{}", ipv6 ? "kubernetes.default.svc" : host, port);
  access.token_file = env::JoinPath(kServiceAccount, "token");
  if (!files.Exists(access.token_file)) {
    return MakeStatus(StatusCode::kFailedPrecondition, "the pod has no service account token: {} is missing",
                      access.token_file);
  }
  DOHLE_ASSIGN_OR_RETURN(access.ca, files.ReadWhole(env::JoinPath(kServiceAccount, "ca.crt"), kMaxFileBytes));
  if (access.ca.empty()) {
    return MakeStatus(StatusCode::kFailedPrecondition, "the service account's ca.crt is empty");
  }
  const auto ns = files.ReadWhole(env::JoinPath(kServiceAccount, "namespace"), kMaxFileBytes);
  if (ns.ok()) access.ns = Stripped(*ns);
  return access;
}

TokenSource::TokenSource(const ServerAccess& access, env::FileSystem& files, const env::Clock& clock)
    : file_(access.token_file), files_(files), clock_(clock), token_(file_.empty() ? access.token : "") {}

StatusOr<std::string> TokenSource::Token() {
  if (file_.empty() || (clock_.Now() < read_again_ && !token_.empty())) return token_;
  const StatusOr<std::string> content = files_.ReadWhole(file_, kMaxFileBytes);
  if (content.ok() && !Stripped(*content).empty()) {
    token_ = Stripped(*content);
    read_again_ = clock_.Now() + kReadAgainAfter;
  }
  if (!token_.empty()) return token_;
  return MakeStatus(StatusCode::kUnauthenticated, "no bearer token: {}",
                    content.ok() ? file_ + " is empty" : std::string(Message(content.status())));
}

}  // namespace dohle::k8s
