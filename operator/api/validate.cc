#include "operator/api/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "operator/api/forms.h"
#include "operator/api/owned_config.h"
#include "operator/api/quantity.h"

namespace dohle::api {
namespace {

constexpr size_t kMaxClusterNameBytes = 40;
constexpr size_t kMaxTopicNameBytes = 249;

class Faults {
 public:
  explicit Faults(std::vector<Fault>& faults) : faults_(faults) {}

  void Tell(std::string path, std::string sentence) {
    const bool told =
        std::any_of(faults_.begin(), faults_.end(), [&](const Fault& fault) { return fault.path == path; });
    if (!told && faults_.size() < kMaxFaults) faults_.push_back({std::move(path), std::move(sentence)});
  }

 private:
  std::vector<Fault>& faults_;
};

// The first {...} in `text` that isn't a placeholder, or a brace alone; "" if there is none.
std::string_view UnknownPlaceholder(std::string_view text) {
  while (true) {
    const size_t open = text.find_first_of("{}");
    if (open == std::string_view::npos) return {};
    const size_t close = text.find('}', open);
    const std::string_view found =
        text.substr(open, close == std::string_view::npos ? std::string_view::npos : close - open + 1);
    if (std::find(kAdvertisedPlaceholders.begin(), kAdvertisedPlaceholders.end(), found) ==
        kAdvertisedPlaceholders.end()) {
      return found;
    }
    text = text.substr(close + 1);
  }
}

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(".-_:{}[]").find(c) != std::string_view::npos;
}

void ValidateListener(const std::string& path, const Listener& listener, Faults& faults) {
  if (listener.name == "controller" || listener.name == "metrics") {
    faults.Tell(path + ".name",
                "can't be controller or metrics, which every broker serves besides: choose another one");
  }
  if (listener.port == kMetricsPort || listener.port == kControllerPort) {
    faults.Tell(path + ".port",
                fmt::format("can't be {} (metrics) or {} (the controller): choose another one", kMetricsPort,
                            kControllerPort));
  }
  if (listener.node_port && listener.type != ListenerType::kNodePort) {
    faults.Tell(path + ".nodePort", "is for listeners of type nodePort: remove it or set type to nodePort");
  }
  if (const auto& host = listener.advertised_host) {
    if (const std::string_view unknown = UnknownPlaceholder(*host); !unknown.empty()) {
      faults.Tell(path + ".advertisedHost", fmt::format("has {}, which isn't one of {}", unknown,
                                                        fmt::join(kAdvertisedPlaceholders, ", ")));
    } else if (!std::all_of(host->begin(), host->end(), IsHostCharacter)) {
      faults.Tell(path + ".advertisedHost", "must be a host name or an address");
    }
  }
  if (const auto& port = listener.advertised_port) {
    const bool plain = port->find('{') == std::string::npos;
    int value = 0;
    const auto [end, error] = std::from_chars(port->data(), port->data() + port->size(), value);
    if (plain && (error != std::errc() || end != port->data() + port->size() || value < 1 || value > 65535)) {
      faults.Tell(path + ".advertisedPort", "must be a port from 1 to 65535");
    }
    if (port->find("{nodePort}") != std::string::npos && listener.type == ListenerType::kInternal) {
      faults.Tell(path + ".advertisedPort", "has {nodePort}, which listeners of type internal don't have");
    }
  }
}

void ValidateListeners(const std::vector<Listener>& listeners, Faults& faults) {
  for (size_t i = 0; i < listeners.size(); ++i) {
    const std::string path = fmt::format("spec.listeners[{}]", i);
    ValidateListener(path, listeners[i], faults);
    for (size_t j = 0; j < i; ++j) {
      if (listeners[j].name == listeners[i].name) {
        faults.Tell(path + ".name", "is the same as of another listener: each needs one of its own");
      }
      if (listeners[j].port == listeners[i].port) {
        faults.Tell(path + ".port", "is the same as of another listener: each needs one of its own");
      }
    }
  }
  if (std::none_of(listeners.begin(), listeners.end(),
                   [](const Listener& listener) { return listener.type == ListenerType::kInternal; })) {
    faults.Tell(
        "spec.listeners",
        "must have one of type internal, through which the brokers and the operator reach each other: "
        "add one");
  }
}

void ValidateLabels(const std::string& path, const StringPairs& labels, Faults& faults) {
  for (const auto& [key, value] : labels) {
    if (key.starts_with("dohle.dev/") || key.starts_with("app.kubernetes.io/")) {
      faults.Tell(path, fmt::format("can't have {}, which is the operator's: choose another prefix", key));
    }
  }
}

void ValidateAutoscaling(const ClusterAutoscaling& autoscaling, Faults& faults) {
  if (autoscaling.min_brokers > autoscaling.max_brokers) {
    faults.Tell("spec.autoscaling.minBrokers",
                fmt::format("must be at most maxBrokers, {}", autoscaling.max_brokers));
  }
  if (!autoscaling.target_bytes_per_second && !autoscaling.target_cpu_percent &&
      !autoscaling.target_disk_percent) {
    faults.Tell("spec.autoscaling",
                "must have targetBytesPerSecondPerBroker, targetCpuPercent or targetDiskPercent");
  }
}

void ValidateAutoscaling(const TopicSpec& spec, Faults& faults) {
  const TopicAutoscaling& autoscaling = *spec.autoscaling;
  if (autoscaling.max_partitions < spec.partitions) {
    faults.Tell("spec.autoscaling.maxPartitions",
                fmt::format("must be at least spec.partitions, {}", spec.partitions));
  }
  if (!autoscaling.target_bytes_per_second && !autoscaling.target_lag_seconds) {
    faults.Tell("spec.autoscaling", "must have targetBytesPerSecondPerPartition or targetLagSeconds");
  }
}

bool PortsInRange(std::string_view addresses) {
  while (!addresses.empty()) {
    const size_t comma = std::min(addresses.find(','), addresses.size());
    const std::string_view address = addresses.substr(0, comma);
    const std::string_view port = address.substr(address.rfind(':') + 1);
    int value = 0;
    std::from_chars(port.data(), port.data() + port.size(), value);
    if (value < 1 || value > 65535) return false;
    addresses.remove_prefix(std::min(comma + 1, addresses.size()));
  }
  return true;
}

void ValidateStorage(const Storage& storage, Faults& faults) {
  for (size_t i = 0; i < storage.volumes.size(); ++i) {
    const StorageVolume& volume = storage.volumes[i];
    const std::optional<AutoGrow>& grow = volume.auto_grow ? volume.auto_grow : storage.auto_grow;
    if (!grow) continue;
    const auto size = ParseQuantity(volume.size);
    const auto most = ParseQuantity(grow->max_size);
    if (!size || !most || *size <= *most) continue;
    faults.Tell(volume.auto_grow ? fmt::format("spec.storage.volumes[{}].autoGrow.maxSize", i)
                                 : std::string("spec.storage.autoGrow.maxSize"),
                fmt::format("is {}, less than volume {} has to begin with ({}): raise it", grow->max_size,
                            volume.name, volume.size));
  }
}

}  // namespace

void Validate(std::string_view name, const ClusterSpec& spec, std::vector<Fault>& found) {
  Faults faults(found);
  if (!name.empty() && (name.size() > kMaxClusterNameBytes || !kNameForm.matches(name))) {
    faults.Tell(
        "metadata.name",
        fmt::format("must be at most {} lower case letters, digits and dashes and begin with a letter, "
                    "as Services are named after it: choose another name",
                    kMaxClusterNameBytes));
  }
  if (spec.controllers && *spec.controllers % 2 == 0)
    faults.Tell("spec.controllers", "must be odd: an even number survives no more than one less");
  ValidateListeners(spec.listeners, faults);
  for (const auto& [key, value] : spec.config) {
    if (const OwnedConfig* owned = FindOwnedBrokerConfig(key)) {
      faults.Tell(fmt::format("spec.config[\"{}\"]", key),
                  fmt::format("can't be set here: {}", owned->instead));
    }
  }
  if (spec.autoscaling) ValidateAutoscaling(*spec.autoscaling, faults);
  ValidateStorage(spec.storage, faults);
  ValidateLabels("spec.podMetadata.labels", spec.pod_labels, faults);
  ValidateLabels("spec.serviceMetadata.labels", spec.service_labels, faults);
}

void Validate(std::string_view name, const TopicSpec& spec, std::vector<Fault>& found) {
  Faults faults(found);
  const bool misspelt = std::any_of(found.begin(), found.end(), [](const Fault& fault) {
    return fault.path == "spec.cluster" || fault.path == "spec.bootstrapServers";
  });
  if (!misspelt && spec.cluster.has_value() == spec.bootstrap_servers.has_value()) {
    faults.Tell("spec",
                "must have either cluster, the name of a Cluster in this namespace, or bootstrapServers, the "
                "addresses of any Kafka cluster");
  }
  if (spec.bootstrap_servers && !PortsInRange(*spec.bootstrap_servers)) {
    faults.Tell("spec.bootstrapServers", "has a port that isn't from 1 to 65535");
  }
  if (spec.autoscaling) ValidateAutoscaling(spec, faults);
  if (!spec.topic_name) {
    if (name.size() > kMaxTopicNameBytes) {
      faults.Tell("metadata.name", fmt::format("must have at most {} characters, as the topic is called so: "
                                               "choose a shorter name or set spec.topicName",
                                               kMaxTopicNameBytes));
    }
    return;
  }
  if (*spec.topic_name == "." || *spec.topic_name == "..") {
    faults.Tell("spec.topicName", "can't be . or ..: choose another one");
  }
  if (spec.topic_name->starts_with("__")) {
    faults.Tell("spec.topicName",
                "can't begin with __, which is for the brokers' own topics: choose another one");
  }
}

}  // namespace dohle::api
