// Prints Dohle's configuration tables, one key a line, in the form of ConfigDump.java.
#include <fmt/format.h>

#include "broker/server/config/config_def.h"
#include "broker/server/config/topic_config.h"

namespace dohle::server {
namespace {

std::string Text(const Validator& validator) {
  switch (validator.kind) {
    case Validator::Kind::kAny:
      return "any";
    case Validator::Kind::kRange:
      return fmt::format("range {} {}", validator.a, validator.b);
    case Validator::Kind::kOneOf:
      return fmt::format("one-of {}", validator.a);
    case Validator::Kind::kOneOfAnyCase:
      return fmt::format("one-of-any-case {}", validator.a);
    case Validator::Kind::kList:
      return fmt::format("list {} {} {}", validator.a, validator.may_be_empty, validator.may_be_null);
    case Validator::Kind::kNotEmpty:
      return "NonEmptyString";
    case Validator::Kind::kNotNull:
      return "NonNullValidator";
    case Validator::Kind::kGzipLevel:
      return "LambdaValidator";
    case Validator::Kind::kThrottledReplicas:
      return "ThrottledReplicaListValidator";
    case Validator::Kind::kQuorumVoters:
      return "ControllerQuorumVotersValidator";
    case Validator::Kind::kBootstrapServers:
      return "ControllerQuorumBootstrapServersValidator";
    case Validator::Kind::kOffsetReset:
      return "Validator";
  }
  return "";
}

std::string_view Text(UpdateMode mode) {
  switch (mode) {
    case UpdateMode::kReadOnly:
      return "read-only";
    case UpdateMode::kPerBroker:
      return "per-broker";
    case UpdateMode::kClusterWide:
      return "cluster-wide";
    case UpdateMode::kDynamic:
      return "dynamic";
  }
  return "";
}

std::string_view Text(Importance importance) {
  switch (importance) {
    case Importance::kHigh:
      return "HIGH";
    case Importance::kMedium:
      return "MEDIUM";
    case Importance::kLow:
      return "LOW";
  }
  return "";
}

void Dump(std::string_view resource, ConfigResource kind) {
  for (const ConfigKey& key : KeysOf(kind)) {
    if (kind == ConfigResource::kBroker && IsDohleKey(key.name)) continue;
    const std::string value = DefaultOf(key).value_or(key.required ? "<required>" : "<null>");
    fmt::print("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", resource, key.name, Name(key.type), value,
               Text(key.importance), Text(key.mode), key.internal ? "internal" : "public",
               Text(key.validator));
  }
}

}  // namespace
}  // namespace dohle::server

int main() {
  using dohle::server::ConfigResource;
  dohle::server::Dump("BROKER", ConfigResource::kBroker);
  dohle::server::Dump("TOPIC", ConfigResource::kTopic);
  dohle::server::Dump("GROUP", ConfigResource::kGroup);
  dohle::server::Dump("CLIENT_METRICS", ConfigResource::kClientMetrics);
  for (const auto& key : dohle::server::KeysOf(ConfigResource::kTopic)) {
    const auto synonyms = dohle::server::BrokerSynonymsOfTopicKey(key.name);
    if (!synonyms.empty()) fmt::print("SYNONYMS\t{}\t{}\n", key.name, fmt::join(synonyms, ","));
  }
}
