#include "operator/local/schema.h"

#include <utility>

#include "operator/k8s/object.h"

namespace dohle::local {
namespace {

using nlohmann::json;

std::optional<double> Number(const json& schema, const char* name) {
  const auto found = schema.find(name);
  if (found == schema.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::optional<int64_t> Count(const json& schema, const char* name) {
  const auto found = schema.find(name);
  if (found == schema.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<int64_t>();
}

std::vector<std::string> Strings(const json& schema, const char* name) {
  std::vector<std::string> strings;
  const auto found = schema.find(name);
  if (found == schema.end() || !found->is_array()) return strings;
  for (const json& item : *found) {
    if (item.is_string()) strings.push_back(item.get<std::string>());
  }
  return strings;
}

Status At(const std::string& path, const Status& status) {
  return MakeStatus(StatusCode::kInvalidArgument, "{}: {}", path, Message(status));
}

Status ReadRules(const json& definition, const std::string& path, Schema& schema) {
  const auto rules = definition.find("x-kubernetes-validations");
  if (rules == definition.end() || !rules->is_array()) return OkStatus();
  for (const json& rule : *rules) {
    StatusOr<CelProgram> program = CelProgram::Parse(k8s::FindString(rule, "rule"));
    if (!program.ok()) return At(path + ": " + k8s::FindString(rule, "rule"), program.status());
    SchemaRule read{std::move(*program), std::nullopt, k8s::FindString(rule, "message")};
    if (read.message.empty()) read.message = "failed rule: " + k8s::FindString(rule, "rule");
    if (const std::string text = k8s::FindString(rule, "messageExpression"); !text.empty()) {
      StatusOr<CelProgram> message = CelProgram::Parse(text);
      if (!message.ok()) return At(path + ": " + text, message.status());
      read.message_expression = std::move(*message);
    }
    schema.rules.push_back(std::move(read));
  }
  return OkStatus();
}

void ReadBounds(const json& definition, Schema& schema) {
  schema.minimum = Number(definition, "minimum");
  schema.maximum = Number(definition, "maximum");
  schema.exclusive_minimum = k8s::FindBool(definition, "exclusiveMinimum", false);
  schema.exclusive_maximum = k8s::FindBool(definition, "exclusiveMaximum", false);
  schema.min_length = Count(definition, "minLength");
  schema.max_length = Count(definition, "maxLength");
  schema.min_items = Count(definition, "minItems");
  schema.max_items = Count(definition, "maxItems");
  schema.min_properties = Count(definition, "minProperties");
  schema.max_properties = Count(definition, "maxProperties");
}

}  // namespace

StatusOr<Schema> ReadSchema(const json& definition, const std::string& path, int depth) {
  if (!definition.is_object()) return MakeStatus(StatusCode::kInvalidArgument, "{}: not a schema", path);
  if (depth > kMaxSchemaDepth) return MakeStatus(StatusCode::kInvalidArgument, "{}: nested too deeply", path);
  Schema schema;
  schema.type = k8s::FindString(definition, "type");
  schema.required = Strings(definition, "required");
  schema.list_keys = Strings(definition, "x-kubernetes-list-map-keys");
  schema.is_set = k8s::FindString(definition, "x-kubernetes-list-type") == "set";
  schema.format = k8s::FindString(definition, "format");
  schema.nullable = k8s::FindBool(definition, "nullable", false);
  schema.int_or_string = k8s::FindBool(definition, "x-kubernetes-int-or-string", false);
  schema.preserve_unknown = k8s::FindBool(definition, "x-kubernetes-preserve-unknown-fields", false) ||
                            k8s::FindBool(definition, "x-kubernetes-embedded-resource", false);
  ReadBounds(definition, schema);
  if (const auto found = definition.find("enum"); found != definition.end() && found->is_array())
    schema.choices.assign(found->begin(), found->end());
  if (const auto found = definition.find("default"); found != definition.end()) schema.default_value = *found;
  schema.pattern = k8s::FindString(definition, "pattern");
  if (!schema.pattern.empty()) {
    StatusOr<RegularExpression> expression = RegularExpression::Parse(schema.pattern);
    if (!expression.ok()) return At(path + ".pattern", expression.status());
    schema.expression = std::move(*expression);
  }
  DOHLE_RETURN_IF_ERROR(ReadRules(definition, path, schema));
  if (const auto found = definition.find("items"); found != definition.end()) {
    DOHLE_ASSIGN_OR_RETURN(Schema items, ReadSchema(*found, path + ".items", depth + 1));
    schema.items = std::make_unique<Schema>(std::move(items));
  }
  const auto additional = definition.find("additionalProperties");
  if (additional != definition.end() && additional->is_object()) {
    DOHLE_ASSIGN_OR_RETURN(Schema values, ReadSchema(*additional, path + ".additionalProperties", depth + 1));
    schema.additional = std::make_unique<Schema>(std::move(values));
  } else if (additional != definition.end() && additional->is_boolean() && additional->get<bool>()) {
    schema.preserve_unknown = true;
  }
  const auto properties = definition.find("properties");
  if (properties == definition.end() || !properties->is_object()) return schema;
  for (const auto& [name, property] : properties->items()) {
    DOHLE_ASSIGN_OR_RETURN(Schema read, ReadSchema(property, path + ".properties." + name, depth + 1));
    schema.properties.emplace(name, std::move(read));
  }
  return schema;
}

}  // namespace dohle::local
