// The Pod of one broker. Pure.
//
// It runs as nobody, on a read-only root, without capabilities or a token of the API server, under the
// runtime's default seccomp profile: what the "restricted" Pod security standard asks.
#pragma once

#include <cstdint>

#include "operator/resources/desired_object.h"
#include "operator/resources/services.h"
#include "operator/resources/subject.h"

namespace dohle::resources {

// With the revision annotation: a digest of all that makes a restart necessary when it changes.
DesiredObject BuildPod(const Subject& subject, int32_t id, const ServiceFactsByName& services);

// 64-bit FNV-1a as 16 hexadecimal digits: the same in every build, unlike absl's hash.
std::string Digest(std::string_view text);

}  // namespace dohle::resources
