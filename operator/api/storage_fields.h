// The fields of spec.storage of a Cluster; part of cluster_fields.cc's description.
#pragma once

#include "operator/api/cluster.h"
#include "operator/api/fields.h"

namespace dohle::api {

void DescribeStorage(FieldVisitor& v, Storage& storage);

}  // namespace dohle::api
