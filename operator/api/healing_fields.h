// The fields of spec.healing of a Cluster; part of cluster_fields.cc's description.
#pragma once

#include "operator/api/cluster.h"
#include "operator/api/fields.h"

namespace dohle::api {

void DescribeHealing(FieldVisitor& v, Healing& healing);

}  // namespace dohle::api
