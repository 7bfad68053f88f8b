// What a broker's Pod is made of as far as people have a say in it: the Cluster's spec, and what Kubernetes
// chose for it. Pure.
//
// It stands on the Pod (kMadeOfAnnotation) and tells, later, whether the broker has to be restarted for
// what is asked now. What the operator itself makes of the spec (templates, its own settings in
// server.properties, the defaults that it comes with) is left out on purpose: another operator makes
// something else of the same spec, and that is no reason to restart anybody. It comes with the next Pod that
// is made anyway. So whatever is made of server.properties and of the Pod's arguments has to go with those of
// the operators before: a container that is started again in an older Pod reads the new file.
//
// A record is read by later and by earlier operators. A key that one of them doesn't have is one that the
// other one added: it counts only if it isn't as by default. So keys keep their names and the form of their
// values; inside of a value a new field is written only if it is set.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "operator/k8s/json.h"
#include "operator/resources/member.h"
#include "operator/resources/services.h"
#include "operator/resources/subject.h"

namespace dohle::resources {

// An object, by the fields of the spec. Of `config` there are digests, as values may be secret.
k8s::Json MadeOf(const Subject& subject, const Member& member, const ServiceFactsByName& services);

// What has changed that brokers can't change while they run: "image, config num.partitions", "" = nothing.
// Nothing at all if `recorded` is no record.
std::optional<std::string> ChangesSince(std::string_view recorded, const k8s::Json& wanted);

}  // namespace dohle::resources
