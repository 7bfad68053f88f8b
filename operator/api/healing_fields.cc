#include "operator/api/healing_fields.h"

#include <array>

namespace dohle::api {
namespace {

constexpr std::array<std::string_view, 2> kHealingModes = {"Auto", "Report"};

}  // namespace

void DescribeHealing(FieldVisitor& v, Healing& healing) {
  v.EnumChoice(
      {.name = "mode",
       .doc = "With `Auto` the operator restarts brokers that hang, deletes Pods by force whose Nodes are "
              "gone or out of service, and replaces claims whose volumes can't be used, if nothing is lost "
              "by that; with `Report` it only says in `status.plan` and as Degraded what it would do."},
      kHealingModes, healing.mode);
  v.Integer32(
      {.name = "replaceAfterSeconds",
       .doc = "For how long a volume may come back, after its Node or its disk was lost or its data couldn't "
              "be used, before its claim is replaced and the broker fetches what it had from the others.",
       .minimum = 10,
       .maximum = 604800},
      healing.replace_after_seconds);
}

}  // namespace dohle::api
