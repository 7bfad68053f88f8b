// Events, kept as they were told. One executor.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "operator/reconcile/event_sink.h"

namespace dohle::tests {

class EventLog : public reconcile::EventSink {
 public:
  void Normal(const k8s::Resource& resource, const k8s::ObjectMeta& regarding, std::string_view reason,
              std::string_view action, std::string note) override;
  void Warning(const k8s::Resource& resource, const k8s::ObjectMeta& regarding, std::string_view reason,
               std::string_view action, std::string note) override {
    Normal(resource, regarding, reason, action, std::move(note));
  }
  // Of all objects.
  int Count(std::string_view reason) const;
  std::string Text() const;

  std::map<std::pair<std::string, std::string>, int> counts;  // by uid and reason
  std::vector<std::string> lines;                             // "NAMESPACE/NAME REASON: NOTE"
};

}  // namespace dohle::tests
