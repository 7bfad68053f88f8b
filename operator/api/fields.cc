#include "operator/api/fields.h"

#include <algorithm>
#include <array>

namespace dohle::api {
namespace {

constexpr std::array<std::string_view, 2> kDeletionPolicies = {"Delete", "Retain"};
constexpr std::array<std::string_view, 2> kAdoptionPolicies = {"Adopt", "Refuse"};
constexpr std::array<std::string_view, 2> kKeyOrders = {"Strict", "Relaxed"};
constexpr std::array<std::string_view, 3> kListenerTypes = {"internal", "nodePort", "loadBalancer"};
constexpr std::array<std::string_view, 3> kConditionStatuses = {"True", "False", "Unknown"};

void DescribeCondition(FieldVisitor& v, Condition& c) {
  v.PlainText({.name = "type", .doc = "What it is about, as `Ready`.", .required = true}, c.type);
  v.TextChoice({.name = "status", .doc = "Whether it holds.", .required = true}, kConditionStatuses,
               c.status);
  v.PlainText({.name = "reason", .doc = "Why, in one word for programs."}, c.reason);
  v.PlainText({.name = "message", .doc = "Why, in a sentence, with the remedy if there is one."}, c.message);
  v.Integer64({.name = "observedGeneration", .doc = "The generation of the object that it speaks of."},
              c.observed_generation);
  v.Time({.name = "lastTransitionTime", .doc = "When its status last changed."}, c.last_transition_time_ms);
}

}  // namespace

void FieldVisitor::Integer32(const Field& field, int32_t& value) {
  std::optional<int32_t> optional = value;
  OptionalInteger32(field, optional);
  value = optional.value_or(value);
}

void FieldVisitor::OptionalInteger32(const Field& field, std::optional<int32_t>& value) {
  Field bounded = field;
  if (!bounded.minimum) bounded.minimum = INT32_MIN;
  if (!bounded.maximum) bounded.maximum = INT32_MAX;
  int64_t wide = value.value_or(0);
  bool present = value.has_value();
  Integer(bounded, wide, present);
  if (present) value = static_cast<int32_t>(wide);
}

void FieldVisitor::Integer64(const Field& field, int64_t& value) {
  bool present = true;
  Integer(field, value, present);
}

void FieldVisitor::PlainText(const Field& field, std::string& value) {
  bool present = !value.empty();
  Text(field, value, present);
}

void FieldVisitor::OptionalText(const Field& field, std::optional<std::string>& value) {
  bool present = value.has_value();
  std::string text = value.value_or("");
  Text(field, text, present);
  if (present) value = std::move(text);
}

void FieldVisitor::TextChoice(const Field& field, std::span<const std::string_view> names,
                              std::string& value) {
  const auto found = std::find(names.begin(), names.end(), value);
  auto index = static_cast<size_t>(found - names.begin());  // names.size(): none of them
  Choice(field, names, index);
  if (index < names.size()) value = names[index];
}

void FieldVisitor::Group(const Field& field, absl::FunctionRef<void(FieldVisitor&)> describe) {
  bool present = true;
  Object(field, present, describe);
}

void DescribeConditions(FieldVisitor& visitor, std::vector<Condition>& conditions) {
  visitor.ListOf({.name = "conditions",
                  .doc = "What holds of it, and why: `Ready`, `Progressing`, `Degraded`.",
                  .list_key = "type"},
                 conditions, DescribeCondition);
}

void DescribeAutoscaling(FieldVisitor& visitor, std::optional<AutoscalingStatus>& status) {
  visitor.OptionalObject<AutoscalingStatus>(
      {.name = "autoscaling", .doc = "What `spec.autoscaling` comes to."}, status,
      [](FieldVisitor& v, AutoscalingStatus& s) {
        v.Integer32({.name = "wanted", .doc = "How many the load asks for."}, s.wanted);
        v.PlainText({.name = "reason", .doc = "Why, in one word for programs."}, s.reason);
        v.PlainText({.name = "message", .doc = "Why, in a sentence, with the figures as they were then."},
                    s.message);
        v.Time({.name = "since", .doc = "Since when it is so."}, s.since_ms);
        v.Time({.name = "lastScaleTime", .doc = "When the number was last changed."}, s.scaled_ms);
      });
}

std::span<const std::string_view> DeletionPolicyNames() { return kDeletionPolicies; }
std::span<const std::string_view> AdoptionPolicyNames() { return kAdoptionPolicies; }
std::span<const std::string_view> ListenerTypeNames() { return kListenerTypes; }
std::span<const std::string_view> KeyOrderNames() { return kKeyOrders; }
std::string_view Name(DeletionPolicy policy) { return kDeletionPolicies[static_cast<size_t>(policy)]; }
std::string_view Name(AdoptionPolicy policy) { return kAdoptionPolicies[static_cast<size_t>(policy)]; }
std::string_view Name(ListenerType type) { return kListenerTypes[static_cast<size_t>(type)]; }

}  // namespace dohle::api
