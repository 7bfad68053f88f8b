// YAML as people write Kubernetes' objects in it, as JSON, with the lines of its fields. Plain scalars mean
// what they mean to kubectl (YAML 1.1, as go-yaml reads it: yes and on are true, 010 is 8). Pure; the only
// place of operator/local that knows yaml-cpp.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/status.h"
#include "operator/k8s/json.h"

namespace dohle::local {

inline constexpr size_t kMaxYamlBytes = size_t{4} << 20;
inline constexpr int kMaxYamlDepth = 60;          // below what k8s::ParseJson takes
inline constexpr size_t kMaxYamlNodes = 200'000;  // of one document, with aliases followed

struct YamlDocument {
  std::shared_ptr<const k8s::Json> value;
  int line = 1;                      // where it begins
  std::map<std::string, int> lines;  // of each field by its path, "spec.listeners[0].port"

  // The line of a field, or of what holds it, if it isn't there.
  int LineOf(const std::string& path) const;
};

struct YamlFault {
  int line = 1;
  std::string field;  // "" if it isn't about one
  std::string sentence;
};

// Splits `text` into its documents and parses each; empty ones are left out. A fault in one doesn't stop the
// others. The first hands each document over as it comes: a tree takes ten times the memory of its text.
void ParseYaml(std::string_view text, const std::function<void(YamlDocument)>& take,
               std::vector<YamlFault>* faults);
void ParseYaml(std::string_view text, std::vector<YamlDocument>* documents, std::vector<YamlFault>* faults);

}  // namespace dohle::local
