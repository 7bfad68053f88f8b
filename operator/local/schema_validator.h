// Admission by a CustomResourceDefinition, as the API server does it: unknown fields are refused, defaults
// set, the openAPIV3Schema and then its x-kubernetes-validations (cel.h) held. Pure.
//
// Known of a schema: type, properties, additionalProperties, items, required, enum, minimum, maximum (and
// exclusive...), minLength, maxLength, pattern, minItems, maxItems, minProperties, maxProperties, format
// int32 and int64, nullable, default, x-kubernetes-int-or-string, -preserve-unknown-fields,
// -embedded-resource, -list-type and -list-map-keys, -validations.
//
// In contrast to a server, which only warns, an unknown field is an error, with the known field that was
// probably meant, unless the stored object has it already.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/status.h"
#include "operator/k8s/json.h"
#include "operator/local/api_store.h"
#include "operator/local/field_fault.h"

namespace dohle::local {

struct Schema;

class SchemaValidator {
 public:
  // Of one version of a CRD. kInvalidArgument: it has none of that name, or its schema can't be used, with
  // the place.
  static StatusOr<SchemaValidator> FromDefinition(const k8s::Json& definition, std::string_view version);

  // Sets what has a default in `object` and returns what is wrong with it. `before` is null when it is made.
  std::vector<FieldFault> Admit(k8s::Json& object, const k8s::Json* before) const;
  // The same for ApiStore::AddRule.
  ObjectRule Rule() const;

 private:
  std::shared_ptr<const Schema> schema_;
};

}  // namespace dohle::local
