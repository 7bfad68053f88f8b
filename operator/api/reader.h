// The visitor that reads JSON into what it visits. Pure; one thread. Used by decode.cc only.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/decode.h"
#include "operator/api/fault.h"
#include "operator/api/fields.h"

namespace dohle::api {

class Reader : public FieldVisitor {
 public:
  // Of `object`, which stands at `path` ("" for the root). What must stay: object, faults.
  Reader(const nlohmann::json& object, std::string path, UnknownFields unknown, std::vector<Fault>& faults);

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

  // After all fields were visited: tells of those that none of them was.
  void TellUnknownFields();

 private:
  // The field's value; null if it isn't there (or is null), which is a fault if it is required.
  const nlohmann::json* Take(const Field& field);
  std::string PathOf(std::string_view field) const;
  void Tell(const Field& field, std::string sentence);
  void TellAt(std::string path, std::string sentence);
  void TellType(const Field& field, std::string_view wanted, const nlohmann::json& got);
  bool WithinItems(const Field& field, size_t size, std::string_view of_what);
  void CheckKeys(const Field& field, const nlohmann::json& items);

  const nlohmann::json& object_;
  const std::string path_;
  const UnknownFields unknown_;
  std::vector<Fault>& faults_;
  std::vector<std::string_view> visited_;
};

}  // namespace dohle::api
