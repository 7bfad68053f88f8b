// The fields of Cluster and Topic, described once (cluster_fields.cc, topic_fields.cc) for all who walk them:
// decoding and encoding (decode.h, encode.h), the CRD (crd.h), the reference (reference.h). Pure; any thread.
//
// A description calls one method of the visitor for each field, in the order in which people read them, with
// the value itself: a visitor reads it, sets it, or takes it for the default (of a struct as made).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "operator/api/cluster.h"
#include "operator/api/topic.h"

namespace dohle::api {

// A rule in the Common Expression Language that the API server and operator/local hold, and what they say
// when it is broken: a sentence that names the remedy. Rules with oldSelf are held on updates only.
struct CelRule {
  std::string rule;
  std::string message;
};

// What a text must look like. The pattern is what the CRD carries, `matches` what decoding asks: the same, as
// a test holds.
struct TextForm {
  std::string_view pattern;  // RE2, anchored at both ends, no quotes
  std::string_view sentence;
  bool (*matches)(std::string_view text) = nullptr;
};

struct Field {
  std::string_view name;
  std::string_view doc;  // Markdown; one sentence or a few
  bool required = false;
  std::optional<int64_t> minimum, maximum;     // of numbers
  size_t min_length = 0, max_length = 0;       // of a text, in bytes; 0: no bound
  const TextForm* form = nullptr;              // of a text
  size_t min_items = 0, max_items = 0;         // of a list or a map; 0: no bound
  std::string_view list_key;                   // the field that tells a list's items apart
  bool integers_too = false;                   // a map's values may be written without quotes
  bool raw_list = false;                       // Raw: a list of objects; else an object
  std::span<const CelRule> rules, item_rules;  // of the value; of each item of a list
};

class FieldVisitor;

struct ListAccess;

// `present` says whether an optional value is there; a visitor that sets the value sets it too.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;

  virtual void Boolean(const Field& field, bool& value) = 0;
  virtual void Integer(const Field& field, int64_t& value, bool& present) = 0;
  virtual void Number(const Field& field, double& value) = 0;
  virtual void Text(const Field& field, std::string& value, bool& present) = 0;
  // Milliseconds since 1970, written as RFC 3339; 0: unknown.
  virtual void Time(const Field& field, int64_t& ms) = 0;
  virtual void Choice(const Field& field, std::span<const std::string_view> names, size_t& index) = 0;
  virtual void Pairs(const Field& field, StringPairs& value) = 0;
  virtual void Raw(const Field& field, RawJson& value) = 0;
  virtual void Object(const Field& field, bool& present, absl::FunctionRef<void(FieldVisitor&)> describe) = 0;
  virtual void List(const Field& field, const ListAccess& list) = 0;

  // The C++ types in terms of the above.
  void Integer32(const Field& field, int32_t& value);
  void OptionalInteger32(const Field& field, std::optional<int32_t>& value);
  void Integer64(const Field& field, int64_t& value);
  void PlainText(const Field& field, std::string& value);  // "": not set
  void OptionalText(const Field& field, std::optional<std::string>& value);
  void TextChoice(const Field& field, std::span<const std::string_view> names, std::string& value);
  template <typename E>
  void EnumChoice(const Field& field, std::span<const std::string_view> names, E& value) {
    auto index = static_cast<size_t>(value);
    Choice(field, names, index);
    value = static_cast<E>(index);
  }
  void Group(const Field& field, absl::FunctionRef<void(FieldVisitor&)> describe);
  template <typename T>
  void ListOf(const Field& field, std::vector<T>& items, void (*describe)(FieldVisitor&, T&));
  // An object that may not be there; the defaults of its fields hold once it is.
  template <typename T>
  void OptionalObject(const Field& field, std::optional<T>& value, void (*describe)(FieldVisitor&, T&)) {
    T object = value.value_or(T{});
    bool present = value.has_value();
    Object(field, present, [&](FieldVisitor& visitor) { describe(visitor, object); });
    if (present) value = std::move(object);
  }
};

// A std::vector of something described, for a visitor that doesn't know of what.
struct ListAccess {
  absl::FunctionRef<size_t()> size;
  absl::FunctionRef<void(size_t)> resize;  // the items are as made
  absl::FunctionRef<void(size_t, FieldVisitor&)> describe;
  absl::FunctionRef<void(FieldVisitor&)> describe_new;  // an item as made, which is thrown away
};

template <typename T>
void FieldVisitor::ListOf(const Field& field, std::vector<T>& items, void (*describe)(FieldVisitor&, T&)) {
  const auto describe_new = [&](FieldVisitor& visitor) {
    T item{};
    describe(visitor, item);
  };
  List(field, {.size = [&] { return items.size(); },
               .resize = [&](size_t size) { items.assign(size, T{}); },
               .describe = [&](size_t i, FieldVisitor& visitor) { describe(visitor, items[i]); },
               .describe_new = describe_new});
}

// Each describes one field of the object's root: `spec` or `status`.
void Describe(FieldVisitor& visitor, ClusterSpec& spec);
void Describe(FieldVisitor& visitor, ClusterStatus& status);
void Describe(FieldVisitor& visitor, TopicSpec& spec);
void Describe(FieldVisitor& visitor, TopicStatus& status);
// The list `conditions`, as both kinds have it.
void DescribeConditions(FieldVisitor& visitor, std::vector<Condition>& conditions);
// `autoscaling` of a status; likewise.
void DescribeAutoscaling(FieldVisitor& visitor, std::optional<AutoscalingStatus>& status);

// Rules over a whole object, with its metadata.name.
std::span<const CelRule> ClusterRules();
std::span<const CelRule> TopicRules();

// Names of the enumerations, in their order.
std::span<const std::string_view> DeletionPolicyNames();
std::span<const std::string_view> AdoptionPolicyNames();
std::span<const std::string_view> ListenerTypeNames();
std::span<const std::string_view> KeyOrderNames();
std::string_view Name(DeletionPolicy policy);
std::string_view Name(AdoptionPolicy policy);
std::string_view Name(ListenerType type);

}  // namespace dohle::api
