// Who leads after brokers come and go, and ElectLeaders (KIP-460), as pure decisions.
#pragma once

#include "broker/controller/api_error.h"
#include "broker/controller/decision.h"
#include "lib/kafka/messages/elect_leaders_request.h"
#include "lib/kafka/messages/elect_leaders_response.h"

namespace dohle::controller {

Decision<kafka::ElectLeadersResponse> ElectLeaders(const DecisionContext& context,
                                                   const kafka::ElectLeadersRequest& request);

// A broker's change, for all partitions that it concerns.
struct BrokerChange {
  NodeId removed = kNoNode;            // leaves every ISR and leads no more
  NodeId added = kNoNode;              // counts as active already
  NodeId stopped_uncleanly = kNoNode;  // leaves ISRs and is no eligible leader either
};
// Partitions to look at: those where somebody is in the ISR, in the ELR, or those that nobody leads.
enum class Concerned : uint8_t { kInIsr, kInElr, kLeaderless };
// Appends the records of the partitions that change, until there are kMaxRecordsPerBatch `records` in all.
// `broker` is whose ISR or ELR membership counts. False: there was no room for more; what is appended won't
// be needed again once it is part of the image.
[[nodiscard]] bool AppendLeaderAndIsrUpdates(const DecisionContext& context, const BrokerChange& change,
                                             Concerned concerned, NodeId broker, RecordList* records);
// The same for one partition, whoever is concerned.
void AppendLeaderAndIsrUpdate(const DecisionContext& context, const BrokerChange& change,
                              const TopicRules& rules, const TopicId& topic, PartitionIndex index,
                              const metadata::PartitionRegistration& partition, RecordList* records);

// Elections that nobody asked for. `more`: there are further ones, decide again.
struct Elections {
  RecordList records;
  bool more = false;
};
inline constexpr size_t kMaxElections = 1'000;  // at once, as with Kafka
// Partitions that another than the preferred replica leads, as far as that one can.
Elections ElectPreferred(const DecisionContext& context);
// Partitions that nobody leads, as far as somebody can: uncleanly where the topic allows it.
Elections ElectForLeaderless(const DecisionContext& context);

bool LeadsAny(const MetadataImage& image, NodeId broker);

}  // namespace dohle::controller
