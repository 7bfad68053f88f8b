#include "operator/api/healing_fields.h"

#include <array>

namespace dohle::api {
namespace {

constexpr std::array<std::string_view, 2> kHealingModes = {"Auto", "Report"};

}  // namespace

void DescribeHealing(FieldVisitor& v, Healing& healing) {
  v.EnumChoice(
      {.name = "mode",
       .doc =
           "With `Auto` the operator restarts brokers that hang, and deletes Pods by force whose Nodes are "
           "gone or out of service; with `Report` it only says in `status.plan` and as Degraded what it "
           "would do."},
      kHealingModes, healing.mode);
}

}  // namespace dohle::api
