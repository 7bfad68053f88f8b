// Where reconcilers tell what they decided; the operator's is k8s/event_recorder.h. One executor.
#pragma once

#include <string>
#include <string_view>

#include "operator/k8s/object.h"
#include "operator/k8s/resource.h"

namespace dohle::reconcile {

class EventSink {
 public:
  virtual ~EventSink() = default;
  // On the resource that its user looks at. `reason` in CamelCase, `action` what was done or tried in
  // CamelCase, `note` a sentence. Never waits.
  virtual void Normal(const k8s::Resource& resource, const k8s::ObjectMeta& regarding,
                      std::string_view reason, std::string_view action, std::string note) = 0;
  virtual void Warning(const k8s::Resource& resource, const k8s::ObjectMeta& regarding,
                       std::string_view reason, std::string_view action, std::string note) = 0;
};

}  // namespace dohle::reconcile
