#include "operator/api/crd.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/schema_writer.h"

namespace dohle::api {
namespace {

using Json = nlohmann::json;

struct Column {
  std::string_view name;
  std::string_view type;
  std::string_view json_path;
  bool wide = false;  // with -o wide only
};

struct Kind {
  std::string_view kind, plural, singular, short_name, doc;
  std::span<const Column> columns;
};

constexpr Column kReady = {"Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"};
constexpr Column kMessage = {"Message", "string", ".status.conditions[?(@.type==\"Ready\")].message", true};
constexpr Column kAge = {"Age", "date", ".metadata.creationTimestamp"};
constexpr Column kClusterColumns[] = {kReady,
                                      {"Phase", "string", ".status.phase"},
                                      {"Brokers", "integer", ".status.readyReplicas"},
                                      {"Version", "string", ".status.brokers[0].version"},
                                      {"Bootstrap", "string", ".status.listeners[0].bootstrap"},
                                      kAge,
                                      kMessage};
constexpr Column kTopicColumns[] = {
    {"Cluster", "string", ".spec.cluster"},           {"Partitions", "integer", ".status.partitions"},
    {"Replicas", "integer", ".status.replicas"},      kReady,
    {"Lag", "integer", ".status.largestLag.records"}, kAge,
    {"Topic", "string", ".status.topicName", true},   kMessage};

Json Columns(std::span<const Column> columns) {
  Json list = Json::array();
  for (const Column& column : columns) {
    Json entry = {{"name", column.name}, {"type", column.type}, {"jsonPath", column.json_path}};
    if (column.wide) entry["priority"] = 1;
    list.push_back(std::move(entry));
  }
  return list;
}

template <typename Spec, typename Status>
Json RootSchema(const Kind& kind, std::span<const CelRule> rules) {
  Json schema = {{"type", "object"},
                 {"description", kind.doc},
                 {"properties",
                  {{"apiVersion", {{"type", "string"}}},
                   {"kind", {{"type", "string"}}},
                   {"metadata", {{"type", "object"}}}}}};
  Spec spec;
  SchemaWriter spec_writer(schema, SchemaOf::kSpec);
  Describe(spec_writer, spec);
  Status status;
  SchemaWriter status_writer(schema, SchemaOf::kStatus);
  Describe(status_writer, status);
  AddRules(rules, schema);
  return schema;
}

Json Definition(const Kind& kind, Json schema, Json subresources) {
  Json names = {{"kind", kind.kind},
                {"listKind", fmt::format("{}List", kind.kind)},
                {"plural", kind.plural},
                {"singular", kind.singular},
                {"shortNames", {kind.short_name}},
                {"categories", {"dohle-all"}}};
  Json version = {{"name", kVersion},
                  {"served", true},
                  {"storage", true},
                  {"additionalPrinterColumns", Columns(kind.columns)},
                  {"schema", {{"openAPIV3Schema", std::move(schema)}}},
                  {"subresources", std::move(subresources)}};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata",
           {{"name", fmt::format("{}.{}", kind.plural, kGroup)},
            {"labels", {{"app.kubernetes.io/name", "dohle"}, {"app.kubernetes.io/part-of", "dohle"}}}}},
          {"spec",
           {{"group", kGroup},
            {"scope", "Namespaced"},
            {"names", std::move(names)},
            {"versions", {std::move(version)}}}}};
}

}  // namespace

Json ClusterCrd() {
  const Kind kind = {
      "Cluster",      "clusters", "cluster", "dohle", "A Kafka-compatible cluster of Dohle brokers.",
      kClusterColumns};
  return Definition(kind, RootSchema<ClusterSpec, ClusterStatus>(kind, ClusterRules()),
                    {{"status", Json::object()},
                     {"scale",
                      {{"specReplicasPath", ".spec.brokers"},
                       {"statusReplicasPath", ".status.replicas"},
                       {"labelSelectorPath", ".status.selector"}}}});
}

Json TopicCrd() {
  const Kind kind = {"Topic",      "topics", "topic", "dt", "A topic of a Cluster or of any Kafka cluster.",
                     kTopicColumns};
  return Definition(kind, RootSchema<TopicSpec, TopicStatus>(kind, TopicRules()),
                    {{"status", Json::object()}});
}

}  // namespace dohle::api
