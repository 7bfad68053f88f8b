// The visitor that writes structural schemas (apiextensions.k8s.io/v1 JSONSchemaProps). Pure; one thread.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "operator/api/fields.h"

namespace dohle::api {

enum class SchemaOf {
  kSpec,    // with defaults, bounds and rules
  kStatus,  // forms only, so that an operator newer than the CRD can write it
};

class SchemaWriter : public FieldVisitor {
 public:
  // Into `schema`, an object's schema, which must stay.
  SchemaWriter(nlohmann::json& schema, SchemaOf of) : schema_(schema), of_(of) {}

  void Boolean(const Field& field, bool& value) override;
  void Integer(const Field& field, int64_t& value, bool& present) override;
  void Number(const Field& field, double& value) override;
  void Text(const Field& field, std::string& value, bool& present) override;
  void Time(const Field& field, int64_t& ms) override;
  void Choice(const Field& field, std::span<const std::string_view> names, size_t& index) override;
  void Pairs(const Field& field, StringPairs& value) override;
  void Raw(const Field& field, RawJson& value) override;
  void Object(const Field& field, bool& present, absl::FunctionRef<void(FieldVisitor&)> describe) override;
  void List(const Field& field, const ListAccess& list) override;

 private:
  void Add(const Field& field, nlohmann::json property, const nlohmann::json* default_value);

  nlohmann::json& schema_;
  const SchemaOf of_;
};

// Adds x-kubernetes-validations.
void AddRules(std::span<const CelRule> rules, nlohmann::json& schema);

}  // namespace dohle::api
