#include "operator/api/decode.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/api/reader.h"
#include "operator/api/validate.h"

namespace dohle::api {
namespace {

using Json = nlohmann::json;

template <typename T>
std::vector<Fault> Read(const Json& object, UnknownFields unknown, T& value) {
  std::vector<Fault> faults;
  if (!object.is_object()) {
    faults.push_back({"", "the object must be an object"});
    return faults;
  }
  Reader reader(object, "", unknown, faults);
  Describe(reader, value);
  return faults;
}

std::string MetadataName(const Json& object) {
  if (!object.is_object()) return {};
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return {};
  const auto name = metadata->find("name");
  return name != metadata->end() && name->is_string() ? name->get<std::string>() : std::string();
}

template <typename T>
Decoded<T> DecodeSpec(const Json& object, UnknownFields unknown) {
  Decoded<T> decoded;
  decoded.faults = Read(object, unknown, decoded.value);
  Validate(MetadataName(object), decoded.value, decoded.faults);
  return decoded;
}

template <typename T>
T DecodeStatus(const Json& object) {
  T status;
  Read(object, UnknownFields::kIgnored, status);
  return status;
}

}  // namespace

std::string ToString(const std::vector<Fault>& faults) {
  std::string text;
  for (const Fault& fault : faults) {
    text += fmt::format("{}{}{}{}", text.empty() ? "" : "; ", fault.path, fault.path.empty() ? "" : " ",
                        fault.sentence);
  }
  return text;
}

Decoded<ClusterSpec> DecodeClusterSpec(const Json& object, UnknownFields unknown) {
  return DecodeSpec<ClusterSpec>(object, unknown);
}
Decoded<TopicSpec> DecodeTopicSpec(const Json& object, UnknownFields unknown) {
  return DecodeSpec<TopicSpec>(object, unknown);
}
ClusterStatus DecodeClusterStatus(const Json& object) { return DecodeStatus<ClusterStatus>(object); }
TopicStatus DecodeTopicStatus(const Json& object) { return DecodeStatus<TopicStatus>(object); }

}  // namespace dohle::api
