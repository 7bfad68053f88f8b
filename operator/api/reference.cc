#include "operator/api/reference.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "operator/api/fields.h"
#include "operator/api/forms.h"
#include "operator/api/writer.h"

namespace dohle::api {
namespace {

struct Reference {
  std::string rows;                   // of a table
  std::vector<std::string> refusals;  // messages of rules, in order
};

// Fields in order, one row each; those of objects within follow it with their path.
class ReferenceWriter : public FieldVisitor {
 public:
  ReferenceWriter(std::string prefix, bool with_defaults, Reference& out)
      : prefix_(std::move(prefix)), with_defaults_(with_defaults), out_(out) {}

  void Boolean(const Field& field, bool& value) override { Row(field, "boolean", value ? "true" : "false"); }
  void Integer(const Field& field, int64_t& value, bool& present) override {
    Row(field, Bounds(field), present ? fmt::format("{}", value) : "");
  }
  void Number(const Field& field, double&) override { Row(field, "number", ""); }
  void Text(const Field& field, std::string& value, bool&) override { Row(field, "text", value); }
  void Time(const Field& field, int64_t&) override { Row(field, "time", ""); }
  void Choice(const Field& field, std::span<const std::string_view> names, size_t& index) override {
    Row(field, fmt::format("`{}`", fmt::join(names, "`, `")),
        index < names.size() ? std::string(names[index]) : "");
  }
  void Pairs(const Field& field, StringPairs&) override { Row(field, "map of texts", ""); }
  void Raw(const Field& field, RawJson& value) override {
    Row(field, field.raw_list ? "list of objects" : "object", value);
  }
  void Object(const Field& field, bool&, absl::FunctionRef<void(FieldVisitor&)> describe) override {
    if (!prefix_.empty()) Row(field, "object", "");
    Nested(field, "", describe);
  }
  void List(const Field& field, const ListAccess& list) override {
    Row(field, "list of objects", DefaultOf(field, list));
    Nested(field, "[]", list.describe_new);
    Refuse(field.item_rules);
  }

 private:
  static std::string Bounds(const Field& field) {
    const bool below = field.minimum && *field.minimum != INT32_MIN;
    const bool above = field.maximum && *field.maximum != INT32_MAX;
    if (below && above) return fmt::format("integer, {} to {}", *field.minimum, *field.maximum);
    return below ? fmt::format("integer, at least {}", *field.minimum) : "integer";
  }
  static std::string DefaultOf(const Field& field, const ListAccess& list) {
    nlohmann::json holder = nlohmann::json::object();
    Writer writer(holder);
    writer.List(field, list);
    return holder.empty() ? "" : holder.front().dump();
  }

  void Row(const Field& field, std::string_view type, std::string value) {
    std::string doc(field.doc);
    if (field.form != nullptr) doc += fmt::format(" It {}.", field.form->sentence);
    const bool shown = with_defaults_ && !field.required && !value.empty();
    out_.rows += fmt::format("| `{}{}` | {} | {} | {} |\n", prefix_, field.name, type,
                             field.required ? "required"
                             : shown        ? "`" + value + "`"
                                            : "",
                             doc);
    Refuse(field.rules);
  }
  void Nested(const Field& field, std::string_view suffix, absl::FunctionRef<void(FieldVisitor&)> describe) {
    ReferenceWriter writer(fmt::format("{}{}{}.", prefix_, field.name, suffix), with_defaults_, out_);
    describe(writer);
    if (prefix_.empty()) Refuse(field.rules);
  }
  void Refuse(std::span<const CelRule> rules) {
    if (!with_defaults_) return;
    for (const CelRule& rule : rules) out_.refusals.push_back(rule.message);
  }

  const std::string prefix_;
  const bool with_defaults_;
  Reference& out_;
};

template <typename Spec, typename Status>
std::string Section(std::string_view intro, std::span<const CelRule> rules) {
  Reference reference;
  ReferenceWriter spec_writer("", true, reference);
  Spec spec;
  Describe(spec_writer, spec);
  Reference answer;
  ReferenceWriter status_writer("", false, answer);
  Status status;
  Describe(status_writer, status);
  for (const CelRule& rule : rules) reference.refusals.push_back(rule.message);

  constexpr std::string_view kHead = "| field | type | default | |\n|---|---|---|---|\n";
  constexpr std::string_view kStatusHead = "| field | type | | |\n|---|---|---|---|\n";
  std::string text = fmt::format("{}\n\n{}{}\nWhat the API server answers when something can't be:\n\n",
                                 intro, kHead, reference.rows);
  for (const std::string& refusal : reference.refusals) text += fmt::format("- {}\n", refusal);
  return text + fmt::format("\n{}{}\n", kStatusHead, answer.rows);
}

}  // namespace

std::string CrdReference() {
  std::string text =
      "# Cluster and Topic: every field\n\n"
      "Written by `dohle-crd` from operator/api; don't edit. The definitions are manifests/crds/*.yaml, "
      "group\n"
      "`dohle.dev`, version `v1alpha1`. `kubectl explain cluster.spec --recursive` tells the same.\n\n";
  text += Section<ClusterSpec, ClusterStatus>(
      "## Cluster\n\nShort name `dohle`. It has the subresources `status` and `scale`.", ClusterRules());
  text += Section<TopicSpec, TopicStatus>("## Topic\n\nShort name `dt`. It has the subresource `status`.",
                                          TopicRules());
  text.pop_back();
  return text;
}

}  // namespace dohle::api
