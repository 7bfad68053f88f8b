#include "operator/api/encode.h"

#include <nlohmann/json.hpp>

#include "operator/api/writer.h"

namespace dohle::api {
namespace {

using Json = nlohmann::json;

template <typename T>
Json Encode(std::string_view name, T& value) {
  Json object = Json::object();
  Writer writer(object);
  Describe(writer, value);
  return std::move(object[std::string(name)]);
}

}  // namespace

Json EncodeStatus(ClusterStatus status) {
  if (status.plan.size() > kMaxPlanSteps) status.plan.resize(kMaxPlanSteps);
  return Encode("status", status);
}
Json EncodeStatus(TopicStatus status) { return Encode("status", status); }
Json EncodeSpec(ClusterSpec spec) { return Encode("spec", spec); }
Json EncodeSpec(TopicSpec spec) { return Encode("spec", spec); }

}  // namespace dohle::api
