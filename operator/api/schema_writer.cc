#include "operator/api/schema_writer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/forms.h"
#include "operator/api/writer.h"

namespace dohle::api {
namespace {

using Json = nlohmann::json;

constexpr char kPreserve[] = "x-kubernetes-preserve-unknown-fields";

// As a literal of CEL in single quotes; patterns hold no quotes.
std::string Literal(std::string_view text) {
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\\') literal += '\\';
    literal += c;
  }
  return literal + "'";
}

bool HasDefault(const Json& schema) {
  const auto properties = schema.find("properties");
  if (properties == schema.end()) return false;
  for (const auto& [name, property] : properties->items()) {
    if (property.contains("default")) return true;
  }
  return false;
}

}  // namespace

void AddRules(std::span<const CelRule> rules, Json& schema) {
  for (const CelRule& rule : rules) {
    schema["x-kubernetes-validations"].push_back({{"rule", rule.rule}, {"message", rule.message}});
  }
}

void SchemaWriter::Add(const Field& field, Json property, const Json* default_value) {
  property["description"] = field.doc;
  if (of_ == SchemaOf::kSpec) {
    if (field.form != nullptr) {
      const CelRule rule = {fmt::format("self.matches({})", Literal(field.form->pattern)),
                            std::string(field.form->sentence)};
      AddRules({&rule, 1}, property);
    }
    AddRules(field.rules, property);
    if (default_value != nullptr && !field.required) property["default"] = *default_value;
  }
  if (field.required) schema_["required"].push_back(field.name);
  schema_["properties"][std::string(field.name)] = std::move(property);
}

void SchemaWriter::Boolean(const Field& field, bool& value) {
  const Json default_value = value;
  Add(field, {{"type", "boolean"}}, &default_value);
}

void SchemaWriter::Integer(const Field& field, int64_t& value, bool& present) {
  const bool fits =
      field.minimum && *field.minimum >= INT32_MIN && field.maximum && *field.maximum <= INT32_MAX;
  Json property = {{"type", "integer"}, {"format", fits ? "int32" : "int64"}};
  if (of_ == SchemaOf::kSpec) {
    if (field.minimum && *field.minimum != INT32_MIN) property["minimum"] = *field.minimum;
    if (field.maximum && *field.maximum != INT32_MAX) property["maximum"] = *field.maximum;
  }
  const Json default_value = value;
  Add(field, std::move(property), present ? &default_value : nullptr);
}

void SchemaWriter::Number(const Field& field, double&) { Add(field, {{"type", "number"}}, nullptr); }

void SchemaWriter::Text(const Field& field, std::string& value, bool& present) {
  Json property = {{"type", "string"}};
  if (of_ == SchemaOf::kSpec) {
    if (field.min_length != 0) property["minLength"] = field.min_length;
    if (field.max_length != 0) property["maxLength"] = field.max_length;
  }
  const Json default_value = value;
  Add(field, std::move(property), present ? &default_value : nullptr);
}

void SchemaWriter::Time(const Field& field, int64_t&) {
  Add(field, {{"type", "string"}, {"format", "date-time"}}, nullptr);
}

void SchemaWriter::Choice(const Field& field, std::span<const std::string_view> names, size_t& index) {
  Json property = {{"type", "string"}};
  if (of_ == SchemaOf::kSpec) property["enum"] = names;
  const bool present = index < names.size();
  const Json default_value = present ? Json(names[index]) : Json();
  Add(field, std::move(property), present ? &default_value : nullptr);
}

void SchemaWriter::Pairs(const Field& field, StringPairs&) {
  Json values = field.integers_too ? Json{{"x-kubernetes-int-or-string", true}} : Json{{"type", "string"}};
  Json property = {{"type", "object"}, {"additionalProperties", std::move(values)}};
  if (field.max_items != 0) property["maxProperties"] = field.max_items;
  Add(field, std::move(property), nullptr);
}

void SchemaWriter::Raw(const Field& field, RawJson& value) {
  Json anything = {{"type", "object"}, {kPreserve, true}};
  Json property = std::move(anything);
  if (field.raw_list) {
    property = {{"type", "array"}, {"items", std::move(property)}, {"x-kubernetes-list-type", "atomic"}};
    if (field.max_items != 0) property["maxItems"] = field.max_items;
  }
  const Json default_value = value.empty() ? Json() : Json::parse(value, nullptr, false);
  Add(field, std::move(property), value.empty() ? nullptr : &default_value);
}

void SchemaWriter::Object(const Field& field, bool& present,
                          absl::FunctionRef<void(FieldVisitor&)> describe) {
  Json property = {{"type", "object"}};
  SchemaWriter writer(property, of_);
  describe(writer);
  // Without it the defaults of its fields would have no object to stand in; one that may be missing stays so.
  const Json empty = Json::object();
  const bool defaulted = present && HasDefault(property);
  Add(field, std::move(property), defaulted ? &empty : nullptr);
}

void SchemaWriter::List(const Field& field, const ListAccess& list) {
  Json item = {{"type", "object"}};
  SchemaWriter writer(item, of_);
  list.describe_new(writer);
  if (of_ == SchemaOf::kSpec) AddRules(field.item_rules, item);
  Json property = {{"type", "array"}, {"items", std::move(item)}, {"x-kubernetes-list-type", "atomic"}};
  if (!field.list_key.empty()) {
    property["x-kubernetes-list-type"] = "map";
    property["x-kubernetes-list-map-keys"] = {field.list_key};
  }
  if (of_ == SchemaOf::kSpec) {
    if (field.min_items != 0) property["minItems"] = field.min_items;
    if (field.max_items != 0) property["maxItems"] = field.max_items;
  }
  Json holder = Json::object();
  Writer default_writer(holder);
  default_writer.List(field, list);
  const Json default_value = holder.value(std::string(field.name), Json());
  Add(field, std::move(property), default_value.is_null() ? nullptr : &default_value);
}

}  // namespace dohle::api
