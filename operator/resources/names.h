// How the objects of a Cluster are called and labelled, and where things are in a broker's container. Pure.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace dohle::resources {

inline constexpr std::string_view kClusterLabel = "dohle.dev/cluster";
inline constexpr std::string_view kBrokerIdLabel = "dohle.dev/broker-id";
inline constexpr std::string_view kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr std::string_view kManagedBy = "dohle-operator";
// On Pods: a digest of what they are made of and can't change while they run, templates and all.
inline constexpr std::string_view kRevisionAnnotation = "dohle.dev/revision";
// On Pods: what was asked for when they were made (made_of.h).
inline constexpr std::string_view kMadeOfAnnotation = "dohle.dev/made-of";

// On claims: the quorum that the data belongs to (quorum.h).
inline constexpr std::string_view kControllersAnnotation = "dohle.dev/controllers";
inline constexpr std::string_view kClusterIdAnnotation = "dohle.dev/cluster-id";
inline constexpr std::string_view kFoundersAnnotation = "dohle.dev/founders";
inline constexpr std::string_view kFormedAnnotation = "dohle.dev/formed";
// On claims: this one's broker formats itself as a first voter.
inline constexpr std::string_view kFounderAnnotation = "dohle.dev/founder";
// On claims: how far its broker's removal is (member.h).
inline constexpr std::string_view kRemovalAnnotation = "dohle.dev/removal";

// On claims: the spec's size that they were last given, and what they have been grown to since (volumes/).
inline constexpr std::string_view kSizeAnnotation = "dohle.dev/size";
inline constexpr std::string_view kGrownAnnotation = "dohle.dev/grown";

// On Clusters, by their users (kubectl-dohle sets them too).
inline constexpr std::string_view kFenceAnnotation = "dohle.dev/fence";  // "0,2", or "*": these stay stopped
inline constexpr std::string_view kRollAnnotation =
    "dohle.dev/roll";  // any other text than before: all restart
// "1,4": these brokers go first when there are too many.
inline constexpr std::string_view kRemoveBrokersAnnotation = "dohle.dev/remove-brokers";
inline constexpr std::string_view kApproveAnnotation =
    "dohle.dev/approve";  // the id of a plan that waits for it

// On Pods that have a rack: the node that was looked at for it (once it is there the broker starts), and what
// that node's label says; "" = nothing.
inline constexpr std::string_view kRackNodeAnnotation = "dohle.dev/rack-node";
inline constexpr std::string_view kRackAnnotation = "dohle.dev/rack";

inline constexpr std::string_view kBrokerContainer = "broker";
inline constexpr std::string_view kConfigMountPath = "/etc/dohle";
inline constexpr std::string_view kPodInfoMountPath = "/etc/dohle-pod";
inline constexpr std::string_view kDataMountPath = "/var/lib/dohle";
inline constexpr std::string_view kPropertiesFile = "server.properties";

inline std::string PodName(std::string_view cluster, int32_t id) {
  return fmt::format("{}-broker-{}", cluster, id);
}
inline std::string ClaimName(std::string_view volume, std::string_view cluster, int32_t id) {
  return fmt::format("{}-{}-{}", volume, cluster, id);
}
inline std::string HeadlessServiceName(std::string_view cluster) {
  return fmt::format("{}-brokers", cluster);
}
// A Pod's name in the headless Service.
inline std::string PodHost(std::string_view cluster, std::string_view ns, int32_t id) {
  return fmt::format("{}.{}.{}.svc", PodName(cluster, id), HeadlessServiceName(cluster), ns);
}
// Of all internal listeners.
inline std::string BootstrapServiceName(std::string_view cluster) {
  return fmt::format("{}-bootstrap", cluster);
}
// Of one listener that is reached from outside, and of one broker on it.
inline std::string ExternalBootstrapName(std::string_view cluster, std::string_view listener) {
  return fmt::format("{}-{}-bootstrap", cluster, listener);
}
inline std::string ExternalBrokerName(std::string_view cluster, std::string_view listener, int32_t id) {
  return fmt::format("{}-{}-{}", cluster, listener, id);
}
inline std::string ConfigMapName(std::string_view cluster) { return fmt::format("{}-config", cluster); }
inline std::string ServiceAccountName(std::string_view cluster) { return fmt::format("{}-broker", cluster); }
inline std::string DisruptionBudgetName(std::string_view cluster) { return std::string(cluster); }

}  // namespace dohle::resources
