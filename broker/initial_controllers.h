// The voters that a metadata quorum begins with, as text (KIP-853): --initial-controllers of Kafka's storage
// tool, dohle.initial.controllers in the configuration. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/raft/types.h"
#include "lib/base/status.h"

namespace dohle {

// "1@host:9093:directory-id,…"; an IPv6 address stands in brackets. They are reached on `listener`.
// kInvalidArgument, with a sentence, if it hasn't that form or names a node twice.
StatusOr<std::vector<raft::Voter>> ParseInitialControllers(std::string_view text,
                                                           const std::string& listener);

}  // namespace dohle
