// The paths and queries of the API: https://kubernetes.io/docs/reference/using-api/api-concepts/ Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "operator/k8s/client.h"

namespace dohle::k8s {

using Query = std::vector<std::pair<std::string, std::string>>;

// "/api/v1/namespaces/NS/pods", or without the namespace's part if `ns` is "".
std::string CollectionPath(const Resource& resource, const std::string& ns);
// ".../NAME" and ".../NAME/status". kInvalidArgument for a name that isn't one, or if the namespace is
// missing or one too many: a delete with no name would be one of the whole collection.
StatusOr<std::string> ObjectPath(const Resource& resource, const ObjectName& name,
                                 Subresource subresource = Subresource::kNone);
// "?a=b&c=d", percent-encoded, without the pairs whose value is ""; "" if none is left.
std::string QueryString(const Query& query);

}  // namespace dohle::k8s
