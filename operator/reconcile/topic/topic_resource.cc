#include "operator/reconcile/topic/topic_resource.h"

#include <utility>

#include "operator/api/decode.h"

namespace dohle::reconcile {

StatusOr<TopicResource> ReadTopicResource(const k8s::Json& object) {
  TopicResource resource;
  DOHLE_ASSIGN_OR_RETURN(resource.meta, k8s::ReadMeta(object));
  resource.meta.labels = {};
  resource.meta.annotations = {};
  resource.meta.owners = {};
  api::Decoded<api::TopicSpec> spec = api::DecodeTopicSpec(object);
  resource.spec = std::move(spec.value);
  resource.faults = api::ToString(spec.faults);
  resource.status = api::DecodeTopicStatus(object);
  return resource;
}

}  // namespace dohle::reconcile
