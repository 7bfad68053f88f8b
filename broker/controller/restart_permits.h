// Restart permits: whoever is about to stop a broker asks the active controller for one, so that nobody else
// stops another in the meantime that the same partition or the quorum needs. Asked for as a dynamic setting
// of the broker, kRestartPermit, whose value is a time; so it is replicated, and the next controller knows
// it. It ends at that time, when the broker registers again as another incarnation, or when the setting is
// deleted. Pure decisions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/controller/api_error.h"
#include "broker/controller/decision.h"

namespace dohle::controller {

// Until when the permit holds, milliseconds since the Unix epoch.
inline constexpr std::string_view kRestartPermit = "dohle.restart.permit.until.ms";
// A permit that is asked for longer is refused: whoever forgets it must not hold up everybody else.
inline constexpr int64_t kLongestPermitMs = 15 * 60 * 1000;
// A voter that hasn't had all of the metadata log for longer is not counted upon.
inline constexpr int64_t kVoterLagLimitMs = 5'000;

// Whether a broker may be stopped any moment.
bool HoldsPermit(const DecisionContext& context, NodeId broker);

// Whether `broker` may have a permit until then. With it, everybody who holds one and everybody who is fenced
// or shutting down away, each partition that has the broker in its ISR must keep min.insync.replicas of them,
// and the quorum a majority of voters that are caught up. What no restart can keep up (a replication factor
// of 1 or not above min.insync.replicas, a quorum of one or two) may go only if nobody else holds a permit
// and all others are there. Refused with POLICY_VIOLATION and a sentence that names what forbids it.
ApiError CheckPermit(const DecisionContext& context, NodeId broker, std::string_view until_ms);

// The end of a permit of somebody who is back, or gone for good.
void AppendEndOfPermit(const MetadataImage& image, NodeId broker, RecordList* records);

}  // namespace dohle::controller
