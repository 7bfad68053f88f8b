// What runs, as text: a table for terminals that is drawn again and again, and lines for logs. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/api/cluster.h"
#include "operator/api/topic.h"
#include "operator/k8s/resource.h"

namespace dohle {

struct TableInput {
  std::map<k8s::ObjectName, api::ClusterStatus> clusters;
  std::map<k8s::ObjectName, api::TopicStatus> topics;
  std::vector<std::string> faults;  // of manifests, "FILE:LINE: FIELD: sentence"
};

// At most kMaxTableTopics topics, those with the most traffic first.
inline constexpr size_t kMaxTableTopics = 30;
std::string StatusTable(const TableInput& input);

// One line for each resource whose line has changed since `told`, which is brought up to date.
std::vector<std::string> ChangedLines(const TableInput& input, std::map<std::string, std::string>& told);

// "1.5 MiB", "0 B".
std::string HumanBytes(double bytes);

}  // namespace dohle
