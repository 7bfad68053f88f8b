// Any JSON as a schema and as an object of it (a line feed between the two): no crash, and what was admitted
// is admitted again as it is.
#include <nlohmann/json.hpp>

#include "lib/base/check.h"
#include "operator/k8s/object.h"
#include "operator/local/schema_validator.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dohle;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const StatusOr<k8s::Json> schema = k8s::ParseJson(text.substr(0, line));
  StatusOr<k8s::Json> object = k8s::ParseJson(text.substr(line + 1));
  if (!schema.ok() || !object.ok()) return 0;
  const k8s::Json definition = {
      {"spec", {{"versions", {{{"name", "v1"}, {"schema", {{"openAPIV3Schema", *schema}}}}}}}}};
  const auto validator = local::SchemaValidator::FromDefinition(definition, "v1");
  if (!validator.ok() || !validator->Admit(*object, nullptr).empty()) return 0;
  k8s::Json again = *object;
  DOHLE_CHECK(validator->Admit(again, nullptr).empty());
  validator->Admit(again, &*object);
  return 0;
}
