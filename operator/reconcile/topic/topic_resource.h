// A Topic as the operator keeps it. Thousands of them are kept: only what is looked at stays. Pure.
#pragma once

#include <memory>
#include <string>

#include "lib/base/status.h"
#include "operator/api/topic.h"
#include "operator/k8s/json.h"
#include "operator/k8s/object.h"

namespace dohle::reconcile {

struct TopicResource {
  k8s::ObjectMeta meta;  // without labels and annotations
  api::TopicSpec spec;
  api::TopicStatus status;
  std::string faults;  // what is wrong with the spec, with paths and remedies; "" = nothing

  // What Kafka calls it.
  const std::string& KafkaName() const { return spec.topic_name ? *spec.topic_name : meta.name.name; }
};
using TopicRef = std::shared_ptr<const TopicResource>;

// kInvalidArgument if `object` isn't an object of the API at all; what is wrong within its spec is in
// `faults`.
StatusOr<TopicResource> ReadTopicResource(const k8s::Json& object);

}  // namespace dohle::reconcile
