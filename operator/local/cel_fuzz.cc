// Any text as a CEL rule: no crash, and it ends.
#include <nlohmann/json.hpp>

#include "operator/local/cel.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dohle::local;
  static const nlohmann::json self = nlohmann::json::parse(
      R"({"n": 3, "name": "a", "list": [1, 2, {"x": "y"}], "map": {"k": 1.5}, "on": true})");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const dohle::StatusOr<CelProgram> program = CelProgram::Parse(text);
  if (program.ok()) program->EvaluateToJson(self, &self).IgnoreError();
  return 0;
}
