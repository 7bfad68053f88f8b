#include "operator/reconcile/cluster/broker_versions.h"

#include <algorithm>
#include <string_view>

#include "operator/api/cluster.h"

namespace dohle::reconcile {
namespace {

constexpr size_t kMaxVersionLength = 64;

env::Task<StatusOr<std::string>> Ask(env::Transport* transport, env::Executor* executor, std::string pod_ip) {
  const env::Endpoint endpoint{std::move(pod_ip), static_cast<uint16_t>(api::kMetricsPort)};
  const http::HttpGetOptions options;
  const StatusOr<http::HttpAnswer> answer =
      co_await http::HttpGet(*transport, *executor, endpoint, "/version", options);
  if (!answer.ok()) co_return answer.status();
  co_return VersionIn(*answer);
}

}  // namespace

AskVersion AskVersionOver(env::Transport& transport, env::Executor& executor) {
  return
      [&transport, &executor](std::string pod_ip) { return Ask(&transport, &executor, std::move(pod_ip)); };
}

std::string VersionIn(const http::HttpAnswer& answer) {
  std::string_view line = answer.body;
  if (line.ends_with('\n')) line.remove_suffix(1);
  const bool printable = std::all_of(line.begin(), line.end(), [](char c) { return c > ' ' && c <= '~'; });
  return answer.status == 200 && printable && line.size() <= kMaxVersionLength ? std::string(line) : "";
}

env::Task<std::vector<std::string>> BrokerVersions::Of(k8s::ObjectName cluster, std::vector<PodState> pods) {
  std::map<std::string, Known> now;
  std::vector<std::string> versions;
  for (const PodState& pod : pods) {
    Known known{pod.uid, pod.restarts, ""};
    const auto& before = known_[cluster];
    const auto it = before.find(pod.name);
    const bool same =
        it != before.end() && it->second.pod_uid == pod.uid && it->second.restarts == pod.restarts;
    bool told = same;
    if (same) {
      known.version = it->second.version;
    } else if (pod.ready && ask_) {
      StatusOr<std::string> answer = co_await ask_(pod.pod_ip);
      told = answer.ok();
      if (told) known.version = std::move(*answer);
    }
    versions.push_back(known.version);
    if (told) now[pod.name] = std::move(known);
  }
  known_[cluster] = std::move(now);
  co_return versions;
}

}  // namespace dohle::reconcile
