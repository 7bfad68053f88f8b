// The visitor that writes what it visits as JSON. Pure; one thread.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "operator/api/fields.h"

namespace dohle::api {

// Into the fields of `object`, which must stay. What isn't set, empty texts and empty lists are left out.
class Writer : public FieldVisitor {
 public:
  explicit Writer(nlohmann::json& object) : object_(object) {}

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
  void Set(const Field& field, nlohmann::json value);

  nlohmann::json& object_;
};

}  // namespace dohle::api
