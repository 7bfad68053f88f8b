// Any text as YAML: no crash, and what it gave is JSON that is read back as it was.
#include <nlohmann/json.hpp>

#include "lib/base/check.h"
#include "operator/k8s/object.h"
#include "operator/local/yaml_document.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dohle;
  std::vector<local::YamlDocument> documents;
  std::vector<local::YamlFault> faults;
  local::ParseYaml({reinterpret_cast<const char*>(data), size}, &documents, &faults);
  for (const local::YamlDocument& document : documents) {
    const StatusOr<k8s::Json> again = k8s::ParseJson(document.value->dump());
    DOHLE_CHECK(again.ok() && *again == *document.value);
    for (const auto& [path, line] : document.lines)
      DOHLE_CHECK(document.LineOf(path + ".x") >= 1 && line >= 1);
  }
  return 0;
}
