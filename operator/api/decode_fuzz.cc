// Any JSON as a Cluster and as a Topic: no crash, faults are bounded, and what was read without fault is read
// again as the same from what is written.
#include <nlohmann/json.hpp>
#include <string_view>

#include "lib/base/check.h"
#include "operator/api/decode.h"
#include "operator/api/encode.h"
#include "operator/api/yaml.h"

namespace {

using nlohmann::json;

constexpr int kMaxNesting = 64;  // as k8s::ParseJson holds

template <typename Decode>
void ThereAndBack(const json& object, Decode decode) {
  const auto decoded = decode(object);
  DOHLE_CHECK(decoded.faults.size() <= dohle::api::kMaxFaults);
  dohle::api::ToString(decoded.faults);
  json again = {{"spec", dohle::api::EncodeSpec(decoded.value)}};
  if (object.is_object() && object.contains("metadata")) again["metadata"] = object["metadata"];
  const auto read_again = decode(again);
  if (decoded.ok()) DOHLE_CHECK(read_again.ok());
  if (decoded.ok()) DOHLE_CHECK(dohle::api::EncodeSpec(read_again.value) == again["spec"]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dohle::api;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  bool too_deep = false;
  const json::parser_callback_t bounded = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMaxNesting;
    return !too_deep;
  };
  const json object = json::parse(text, bounded, /*allow_exceptions=*/false);
  if (object.is_discarded() || too_deep) return 0;
  for (const UnknownFields unknown : {UnknownFields::kIgnored, UnknownFields::kFaults}) {
    ThereAndBack(object, [&](const json& from) { return DecodeClusterSpec(from, unknown); });
    ThereAndBack(object, [&](const json& from) { return DecodeTopicSpec(from, unknown); });
  }
  const json cluster_status = EncodeStatus(DecodeClusterStatus(object));
  DOHLE_CHECK(EncodeStatus(DecodeClusterStatus({{"status", cluster_status}})) == cluster_status);
  const json topic_status = EncodeStatus(DecodeTopicStatus(object));
  DOHLE_CHECK(EncodeStatus(DecodeTopicStatus({{"status", topic_status}})) == topic_status);
  ToYaml(object);
  return 0;
}
