// The Pod of one broker. Pure.
//
// It runs as nobody, on a read-only root, without capabilities and without a token of the API server, under
// the runtime's default seccomp profile: what the "restricted" Pod security standard asks.
//
// The startup probe asks /readyz each second: a broker is ready a second after it serves, and one that
// recovers its logs is left an hour for it. With a rack an init container waits until the operator, which may
// read nodes, has annotated the Pod with what the node's label says; the Pod itself needs no rights for it.
// There is no preStop: SIGTERM lets a broker hand over and stop in order, clients follow by themselves, and a
// pause before it would only keep partitions away for longer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "operator/resources/desired_object.h"
#include "operator/resources/services.h"
#include "operator/resources/subject.h"

namespace dohle::resources {

// With two annotations: what is asked for (made_of.h), by which it is restarted, and the revision, a digest
// of the Pod's spec and of server.properties, by which Pods of older templates are known. Labels and
// annotations are in neither, as they change without a restart.
DesiredObject BuildPod(const Subject& subject, const Member& member, const ServiceFactsByName& services);

// 64-bit FNV-1a as 16 hexadecimal digits: the same in every build and on every machine.
std::string Digest(std::string_view text);

}  // namespace dohle::resources
