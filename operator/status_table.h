// What runs, as text: a table for terminals that is drawn again and again, and lines for logs. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/string_map.h"
#include "operator/api/cluster.h"
#include "operator/api/topic.h"
#include "operator/k8s/resource.h"

namespace dohle {

// What is shown of a Topic. There may be thousands, looked at every half second.
struct TopicRow {
  std::string name;
  bool ready = false;
  std::string why;  // it isn't; "" mostly
  int32_t partitions = 0;
  int64_t bytes = 0;
  double bytes_in_per_second = 0, bytes_out_per_second = 0;
  std::optional<api::TopicLag> largest_lag;
};
TopicRow RowOf(const k8s::ObjectName& name, const api::TopicStatus& status);

struct TableInput {
  std::map<k8s::ObjectName, api::ClusterStatus> clusters;
  std::vector<TopicRow> topics;     // in the order of their names
  std::vector<std::string> faults;  // of manifests, "FILE:LINE: FIELD: sentence"
};

// At most kMaxTableTopics topics, those with the most traffic first.
inline constexpr size_t kMaxTableTopics = 30;
std::string StatusTable(const TableInput& input);

// Tells what has changed since it told last.
class ChangedLines {
 public:
  // One line for each resource whose line is another one; then those that are gone.
  std::vector<std::string> Of(const TableInput& input);

 private:
  struct Told {
    size_t fingerprint = 0;  // of the text
    bool of_resource = false;
    uint64_t look = 0;
  };
  void Add(const std::string& what, const std::string& text, std::vector<std::string>& lines);

  StringMap<Told> told_;
  uint64_t look_ = 0;
};

// "1.5 MiB", "0 B".
std::string HumanBytes(double bytes);

}  // namespace dohle
