#include "operator/status_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace dohle {
namespace {

using Row = std::vector<std::string>;

// Columns as wide as their widest cell, two blanks apart.
std::string Align(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    text += line + "\n";
  }
  return text;
}

std::string Lag(const api::TopicStatus& topic) {
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
  std::vector<Row> clusters = {{"CLUSTER", "PHASE", "BROKERS", "LEADERS", "BYTES", "BOOTSTRAP", ""}};
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
  std::vector<std::pair<double, Row>> ordered;
  for (const auto& [name, status] : input.topics) {
    ordered.emplace_back(
        status.bytes_in_per_second + status.bytes_out_per_second,
        Row{name.name, Ready(status.conditions) ? "yes" : "no", std::to_string(status.partitions),
            HumanBytes(static_cast<double>(status.bytes)), HumanBytes(status.bytes_in_per_second) + "/s",
            HumanBytes(status.bytes_out_per_second) + "/s", Lag(status), Why(status.conditions)});
  }
  std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second.front() < b.second.front();
  });
  std::vector<Row> topics = {{"TOPIC", "READY", "PARTITIONS", "BYTES", "IN", "OUT", "LARGEST LAG", ""}};
  for (size_t i = 0; i < ordered.size() && i < kMaxTableTopics; ++i) topics.push_back(ordered[i].second);
  std::string text = Align(clusters) + "\n" + Align(topics);
  if (ordered.size() > kMaxTableTopics) {
    text += fmt::format("... and {} topics more\n", ordered.size() - kMaxTableTopics);
  }
  if (!input.faults.empty()) text += "\n";
  for (const std::string& fault : input.faults) text += fault + "\n";
  return text;
}

std::vector<std::string> ChangedLines(const TableInput& input, std::map<std::string, std::string>& told) {
  std::map<std::string, std::string> now;
  for (const auto& [name, status] : input.clusters) {
    const std::string why = Why(status.conditions);
    now["cluster " + name.name] =
        status.phase + (status.phase == "Ready" ? ", clients connect to " + Bootstrap(status) : "") +
        (why.empty() ? "" : ": " + why);
  }
  for (const auto& [name, status] : input.topics) {
    const std::string why = Why(status.conditions);
    now["topic " + name.name] =
        (Ready(status.conditions) ? fmt::format("ready with {} partitions", status.partitions)
                                  : "not ready") +
        (why.empty() ? "" : ": " + why);
  }
  for (const std::string& fault : input.faults) now[fault] = "";
  std::vector<std::string> lines;
  for (const auto& [what, text] : now) {
    const auto before = told.find(what);
    if (before != told.end() && before->second == text) continue;
    lines.push_back(text.empty() ? what : what + " is " + text);
  }
  for (const auto& [what, text] : told) {
    if (!now.contains(what) && !text.empty()) lines.push_back(what + " is gone");
  }
  told = std::move(now);
  return lines;
}

}  // namespace dohle
