#include "operator/local/schema_validator.h"

#include <algorithm>
#include <utility>

#include "operator/api/nearest_name.h"
#include "operator/k8s/object.h"
#include "operator/local/schema.h"

namespace dohle::local {
namespace {

using k8s::Json;

constexpr size_t kMaxShownBytes = 100;

std::string Below(const std::string& path, const std::string& field) {
  return path.empty() ? field : path + "." + field;
}
std::string At(const std::string& path, size_t index) { return fmt::format("{}[{}]", path, index); }

// As the API server shows a value in a fault: structures by their type.
std::string Shown(const Json& value) {
  if (value.is_object()) return "\"object\"";
  if (value.is_array()) return "\"array\"";
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kMaxShownBytes) text = text.substr(0, kMaxShownBytes) + "...";
  return text;
}

std::string Nearest(const std::string& name, const Schema& schema) {
  std::vector<std::string_view> known;
  for (const auto& [property, unused] : schema.properties) known.push_back(property);
  return std::string(api::NearestName(name, known));
}

const Json* Child(const Json* object, const std::string& name) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto found = object->find(name);
  return found == object->end() ? nullptr : &*found;
}

// The item of `before` that `item` was, by its keys; in lists without keys nothing is known of that.
const Json* Former(const Schema& list, const Json& item, const Json* before) {
  if (before == nullptr || !before->is_array() || list.list_keys.empty() || !item.is_object()) return nullptr;
  for (const Json& former : *before) {
    const bool same = std::all_of(list.list_keys.begin(), list.list_keys.end(), [&](const std::string& key) {
      const Json* a = Child(&item, key);
      const Json* b = Child(&former, key);
      return a != nullptr && b != nullptr && *a == *b;
    });
    if (same) return &former;
  }
  return nullptr;
}

void SetDefaults(const Schema& schema, Json& value) {
  if (value.is_object()) {
    for (const auto& [name, property] : schema.properties) {
      const auto found = value.find(name);
      const bool unset = found == value.end() || (found->is_null() && !property.nullable);
      if (unset && property.default_value) value[name] = *property.default_value;
    }
    for (auto& [name, inner] : value.items()) {
      const auto property = schema.properties.find(name);
      if (property != schema.properties.end()) {
        SetDefaults(property->second, inner);
      } else if (schema.additional != nullptr) {
        SetDefaults(*schema.additional, inner);
      }
    }
  } else if (value.is_array() && schema.items != nullptr) {
    for (Json& item : value) SetDefaults(*schema.items, item);
  }
}

bool HasType(const Json& value, const Schema& schema) {
  if (schema.int_or_string) return value.is_number_integer() || value.is_string();
  if (schema.type.empty()) return true;
  if (schema.type == "object") return value.is_object();
  if (schema.type == "array") return value.is_array();
  if (schema.type == "string") return value.is_string();
  if (schema.type == "boolean") return value.is_boolean();
  if (schema.type == "integer") return value.is_number_integer();
  return schema.type == "number" && value.is_number();
}

class Validation {
 public:
  std::vector<FieldFault> faults;

  // The form of a value.
  void Check(const Schema& schema, const Json& value, const Json* before, const std::string& path) {
    if (Full()) return;
    if (value.is_null() && schema.nullable) return;
    if (!HasType(value, schema)) {
      return Invalid(
          path, value,
          fmt::format("must be of type {}: \"{}\"", schema.int_or_string ? "integer or string" : schema.type,
                      value.type_name()));
    }
    CheckChoices(schema, value, path);
    if (value.is_number()) CheckNumber(schema, value, path);
    if (value.is_string()) CheckString(schema, value, path);
    if (value.is_array()) CheckArray(schema, value, before, path);
    if (value.is_object()) CheckObject(schema, value, before, path);
  }

  // The rules of a value whose form is right.
  void Judge(const Schema& schema, const Json& value, const Json* before, const std::string& path) {
    if (Full() || value.is_null()) return;
    for (const SchemaRule& rule : schema.rules) JudgeOne(rule, value, before, path);
    if (value.is_array() && schema.items != nullptr) {
      for (size_t i = 0; i < value.size(); ++i)
        Judge(*schema.items, value[i], Former(schema, value[i], before), At(path, i));
    }
    if (!value.is_object()) return;
    for (const auto& [name, inner] : value.items()) {
      const auto property = schema.properties.find(name);
      if (property != schema.properties.end()) {
        Judge(property->second, inner, Child(before, name), Below(path, name));
      } else if (schema.additional != nullptr) {
        Judge(*schema.additional, inner, Child(before, name), Below(path, name));
      }
    }
  }

 private:
  bool Full() const { return faults.size() > kMaxFieldFaults; }
  void Invalid(const std::string& path, const Json& value, const std::string& why) {
    faults.push_back({path, fmt::format("Invalid value: {}: {}", Shown(value), why)});
  }

  void JudgeOne(const SchemaRule& rule, const Json& value, const Json* before, const std::string& path) {
    if (rule.program.uses_old_self() && before == nullptr) return;
    const StatusOr<bool> holds = rule.program.Evaluate(value, before);
    if (holds.ok() && *holds) return;
    std::string message = rule.message;
    if (!holds.ok()) {
      message = fmt::format("{} ({})", rule.message, Message(holds.status()));
    } else if (rule.message_expression) {
      const StatusOr<Json> made = rule.message_expression->EvaluateToJson(value, before);
      if (made.ok() && made->is_string()) message = made->get<std::string>();
    }
    Invalid(path, value, message);
  }

  void CheckChoices(const Schema& schema, const Json& value, const std::string& path) {
    if (schema.choices.empty()) return;
    if (std::find(schema.choices.begin(), schema.choices.end(), value) != schema.choices.end()) return;
    std::string supported;
    for (const Json& choice : schema.choices) supported += (supported.empty() ? "" : ", ") + Shown(choice);
    faults.push_back(
        {path, fmt::format("Unsupported value: {}: supported values: {}", Shown(value), supported)});
  }

  void CheckNumber(const Schema& schema, const Json& value, const std::string& path) {
    const auto number = value.get<double>();
    if (schema.minimum &&
        (number < *schema.minimum || (schema.exclusive_minimum && number == *schema.minimum)))
      Invalid(path, value,
              fmt::format("should be greater than{} {}", schema.exclusive_minimum ? "" : " or equal to",
                          *schema.minimum));
    if (schema.maximum &&
        (number > *schema.maximum || (schema.exclusive_maximum && number == *schema.maximum)))
      Invalid(path, value,
              fmt::format("should be less than{} {}", schema.exclusive_maximum ? "" : " or equal to",
                          *schema.maximum));
    if (schema.format == "int32" && (number < INT32_MIN || number > INT32_MAX))
      Invalid(path, value, "should fit in 32 bits");
    const bool beyond = value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX};
    if (schema.type == "integer" && beyond) Invalid(path, value, "should fit in 64 bits");
  }

  void CheckString(const Schema& schema, const Json& value, const std::string& path) {
    const auto& text = value.get_ref<const std::string&>();
    const auto characters = static_cast<int64_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
    if (schema.min_length && characters < *schema.min_length)
      Invalid(path, value, fmt::format("should be at least {} chars long", *schema.min_length));
    if (schema.max_length && characters > *schema.max_length)
      faults.push_back({path, fmt::format("Too long: may not be more than {} bytes", *schema.max_length)});
    if (schema.expression && !schema.expression->MatchesPartOf(text))
      Invalid(path, value, fmt::format("should match '{}'", schema.pattern));
  }

  void CheckArray(const Schema& schema, const Json& value, const Json* before, const std::string& path) {
    const auto size = static_cast<int64_t>(value.size());
    if (schema.min_items && size < *schema.min_items)
      Invalid(path, value, fmt::format("should have at least {} items", *schema.min_items));
    if (schema.max_items && size > *schema.max_items) {
      faults.push_back(
          {path, fmt::format("Too many: {}: must have at most {} items", size, *schema.max_items)});
      return;
    }
    CheckDuplicates(schema, value, path);
    if (schema.items == nullptr) return;
    for (size_t i = 0; i < value.size() && !Full(); ++i)
      Check(*schema.items, value[i], Former(schema, value[i], before), At(path, i));
  }

  void CheckDuplicates(const Schema& schema, const Json& value, const std::string& path) {
    if (!schema.is_set && schema.list_keys.empty()) return;
    std::vector<std::string> seen;
    for (size_t i = 0; i < value.size(); ++i) {
      Json key = value[i];
      if (!schema.is_set) {
        key = Json::object();
        for (const std::string& name : schema.list_keys) {
          if (const Json* part = Child(&value[i], name)) key[name] = *part;
        }
      }
      std::string text = key.dump(-1, ' ', false, Json::error_handler_t::replace);
      if (std::find(seen.begin(), seen.end(), text) != seen.end())
        faults.push_back({At(path, i), "Duplicate value: " + text});
      seen.push_back(std::move(text));
    }
  }

  void CheckObject(const Schema& schema, const Json& value, const Json* before, const std::string& path) {
    const auto size = static_cast<int64_t>(value.size());
    if (schema.min_properties && size < *schema.min_properties)
      Invalid(path, value, fmt::format("should have at least {} properties", *schema.min_properties));
    if (schema.max_properties && size > *schema.max_properties)
      faults.push_back(
          {path, fmt::format("Too many: {}: must have at most {} items", size, *schema.max_properties)});
    for (const std::string& name : schema.required) {
      if (!value.contains(name)) faults.push_back({Below(path, name), "Required value"});
    }
    for (const auto& [name, inner] : value.items()) {
      if (Full()) return;
      const auto property = schema.properties.find(name);
      if (property != schema.properties.end()) {
        Check(property->second, inner, Child(before, name), Below(path, name));
      } else if (schema.additional != nullptr) {
        Check(*schema.additional, inner, Child(before, name), Below(path, name));
      } else if (!schema.preserve_unknown && Child(before, name) == nullptr) {
        const std::string nearest = Nearest(name, schema);
        faults.push_back({Below(path, name), nearest.empty()
                                                 ? "unknown field"
                                                 : fmt::format("unknown field, did you mean {}?", nearest)});
      }
    }
  }
};

}  // namespace

StatusOr<SchemaValidator> SchemaValidator::FromDefinition(const Json& definition, std::string_view version) {
  const Json* versions = k8s::Find(definition, "spec.versions");
  if (versions != nullptr && versions->is_array()) {
    for (const Json& candidate : *versions) {
      const Json* schema = k8s::Find(candidate, "schema.openAPIV3Schema");
      if (k8s::FindString(candidate, "name") != version || schema == nullptr) continue;
      DOHLE_ASSIGN_OR_RETURN(Schema read, ReadSchema(*schema, "openAPIV3Schema", 0));
      // What every object has; its form is checked elsewhere.
      for (const char* field : {"apiVersion", "kind", "metadata"}) {
        Schema& property = read.properties[field];
        property = Schema();
        property.preserve_unknown = true;
      }
      SchemaValidator validator;
      validator.schema_ = std::make_shared<const Schema>(std::move(read));
      return validator;
    }
  }
  return MakeStatus(StatusCode::kInvalidArgument,
                    "the CustomResourceDefinition {} has no schema of version {}",
                    k8s::FindString(definition, "metadata.name"), version);
}

std::vector<FieldFault> SchemaValidator::Admit(Json& object, const Json* before) const {
  SetDefaults(*schema_, object);
  Validation validation;
  validation.Check(*schema_, object, before, "");
  if (validation.faults.empty()) validation.Judge(*schema_, object, before, "");
  return std::move(validation.faults);
}

ObjectRule SchemaValidator::Rule() const {
  return [validator = *this](Json& object, const Json* before) {
    return StatusOf(validator.Admit(object, before));
  };
}

}  // namespace dohle::local
