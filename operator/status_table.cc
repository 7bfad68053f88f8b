#include "operator/status_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/base/aligned_text.h"

namespace dohle {
namespace {

std::string Lag(const TopicRow& topic) {
  if (!topic.largest_lag) return "-";
  return fmt::format("{} records, {:.0f} s ({})", topic.largest_lag->records, topic.largest_lag->seconds,
                     topic.largest_lag->group);
}

std::string Why(const std::vector<api::Condition>& conditions) {
  const api::Condition* degraded = api::FindCondition(conditions, "Degraded");
  if (degraded != nullptr && degraded->status == "True") return degraded->message;
  const api::Condition* ready = api::FindCondition(conditions, "Ready");
  return ready == nullptr || ready->status == "True" ? "" : ready->message;
}

bool Ready(const std::vector<api::Condition>& conditions) {
  const api::Condition* ready = api::FindCondition(conditions, "Ready");
  return ready != nullptr && ready->status == "True";
}

std::string Bootstrap(const api::ClusterStatus& cluster) {
  std::vector<std::string> servers;
  for (const api::ListenerStatus& listener : cluster.listeners) {
    if (!listener.bootstrap.empty()) servers.push_back(listener.bootstrap);
  }
  return fmt::format("{}", fmt::join(servers, ","));
}

}  // namespace

TopicRow RowOf(const k8s::ObjectName& name, const api::TopicStatus& status) {
  TopicRow row;
  row.name = name.name;
  row.ready = Ready(status.conditions);
  row.why = Why(status.conditions);
  row.partitions = status.partitions;
  row.bytes = status.bytes;
  row.bytes_in_per_second = status.bytes_in_per_second;
  row.bytes_out_per_second = status.bytes_out_per_second;
  row.largest_lag = status.largest_lag;
  return row;
}

std::string HumanBytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string StatusTable(const TableInput& input) {
  std::vector<TextRow> clusters = {{"CLUSTER", "PHASE", "BROKERS", "LEADERS", "BYTES", "BOOTSTRAP", ""}};
  for (const auto& [name, status] : input.clusters) {
    int64_t leaders = 0;
    int64_t bytes = 0;
    for (const api::BrokerStatus& broker : status.brokers) {
      leaders += broker.leaders;
      bytes += broker.bytes;
    }
    clusters.push_back({name.name, status.phase, fmt::format("{}/{}", status.ready_replicas, status.replicas),
                        std::to_string(leaders), HumanBytes(static_cast<double>(bytes)), Bootstrap(status),
                        Why(status.conditions)});
  }
  std::vector<const TopicRow*> ordered;
  for (const TopicRow& topic : input.topics) ordered.push_back(&topic);
  std::stable_sort(ordered.begin(), ordered.end(), [](const TopicRow* a, const TopicRow* b) {
    return a->bytes_in_per_second + a->bytes_out_per_second >
           b->bytes_in_per_second + b->bytes_out_per_second;
  });
  std::vector<TextRow> topics = {{"TOPIC", "READY", "PARTITIONS", "BYTES", "IN", "OUT", "LARGEST LAG", ""}};
  for (size_t i = 0; i < ordered.size() && i < kMaxTableTopics; ++i) {
    const TopicRow& topic = *ordered[i];
    topics.push_back({topic.name, topic.ready ? "yes" : "no", std::to_string(topic.partitions),
                      HumanBytes(static_cast<double>(topic.bytes)),
                      HumanBytes(topic.bytes_in_per_second) + "/s",
                      HumanBytes(topic.bytes_out_per_second) + "/s", Lag(topic), topic.why});
  }
  std::string text = AlignedText(clusters) + "\n" + AlignedText(topics);
  if (ordered.size() > kMaxTableTopics) {
    text += fmt::format("... and {} topics more\n", ordered.size() - kMaxTableTopics);
  }
  if (!input.faults.empty()) text += "\n";
  for (const std::string& fault : input.faults) text += fault + "\n";
  return text;
}

void ChangedLines::Add(const std::string& what, const std::string& text, std::vector<std::string>& lines) {
  const Told now{std::hash<std::string>()(text), !text.empty(), look_};
  const auto [told, is_new] = told_.try_emplace(what, now);
  if (!is_new && told->second.fingerprint == now.fingerprint) {
    told->second.look = look_;
    return;
  }
  told->second = now;
  lines.push_back(text.empty() ? what : what + " is " + text);
}

std::vector<std::string> ChangedLines::Of(const TableInput& input) {
  ++look_;
  std::vector<std::string> lines;
  for (const std::string& fault : input.faults) Add(fault, "", lines);
  for (const auto& [name, status] : input.clusters) {
    const std::string why = Why(status.conditions);
    Add("cluster " + name.name,
        status.phase + (status.phase == "Ready" ? ", clients connect to " + Bootstrap(status) : "") +
            (why.empty() ? "" : ": " + why),
        lines);
  }
  for (const TopicRow& topic : input.topics) {
    Add("topic " + topic.name,
        (topic.ready ? fmt::format("ready with {} partitions", topic.partitions) : "not ready") +
            (topic.why.empty() ? "" : ": " + topic.why),
        lines);
  }
  std::vector<std::string> gone;
  for (auto it = told_.begin(); it != told_.end();) {
    const auto told = it++;
    if (told->second.look == look_) continue;
    if (told->second.of_resource) gone.push_back(told->first + " is gone");
    told_.erase(told);
  }
  std::sort(gone.begin(), gone.end());
  lines.insert(lines.end(), gone.begin(), gone.end());
  return lines;
}

}  // namespace dohle
