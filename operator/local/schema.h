// An openAPIV3Schema, read once: between schema.cc, which reads it, and schema_validator.cc, which applies
// it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/local/cel.h"
#include "operator/local/regular_expression.h"

namespace dohle::local {

inline constexpr int kMaxSchemaDepth = 40;

struct SchemaRule {
  CelProgram program;
  std::optional<CelProgram> message_expression;
  std::string message;
};

struct Schema {
  std::string type;  // "" if none is given
  std::map<std::string, Schema, std::less<>> properties;
  std::unique_ptr<Schema> additional;  // of maps: their values
  std::unique_ptr<Schema> items;
  std::vector<std::string> required;
  std::vector<nlohmann::json> choices;  // enum
  std::optional<double> minimum, maximum;
  bool exclusive_minimum = false, exclusive_maximum = false;
  std::optional<int64_t> min_length, max_length, min_items, max_items, min_properties, max_properties;
  std::string pattern;
  std::optional<RegularExpression> expression;
  std::string format;
  bool nullable = false;
  bool int_or_string = false;
  bool preserve_unknown = false;
  std::optional<nlohmann::json> default_value;
  bool is_set = false;  // x-kubernetes-list-type
  std::vector<std::string> list_keys;
  std::vector<SchemaRule> rules;
};

// kInvalidArgument with the path inside the schema.
StatusOr<Schema> ReadSchema(const nlohmann::json& json, const std::string& path, int depth);

}  // namespace dohle::local
