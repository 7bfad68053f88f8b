// What the texts in Cluster and Topic must look like. Pure; any thread.
#pragma once

#include "operator/api/fields.h"

namespace dohle::api {

extern const TextForm kNameForm;          // the first label of a DNS name, beginning with a letter (RFC 1035)
extern const TextForm kListenerNameForm;  // the same without dashes
extern const TextForm kSizeForm;          // a Kubernetes quantity of bytes that is more than nothing
extern const TextForm kThrottleForm;      // a size, or Auto
extern const TextForm kShareForm;         // "3", or "33%"
extern const TextForm kAdvertisedPortForm;
extern const TextForm kBootstrapServersForm;
extern const TextForm kTopicNameForm;  // Kafka's Topic.validate; its length is a matter of its own

}  // namespace dohle::api
