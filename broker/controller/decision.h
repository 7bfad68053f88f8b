// What every decision of the controller gets and gives: pure functions from an image and a request to records
// and a response.
#pragma once

#include <span>
#include <utility>

#include "broker/controller/controller.h"
#include "broker/metadata/record.h"
#include "lib/env/random.h"

namespace dohle::controller {

using metadata::MetadataImage;
using metadata::RecordList;
using metadata::VersionedRecord;

// A voter of the metadata quorum, as the active controller knows it.
struct VoterState {
  NodeId id = kNoNode;
  bool caught_up = false;
};

struct DecisionContext {
  const MetadataImage& image;  // everything appended so far
  const ControllerConfig& config;
  const ConfigValidator& validator;
  env::Random& random;
  Offset next_offset;                       // of the first record of this decision
  int64_t now_ms = 0;                       // monotonic
  int64_t wall_ms = 0;                      // since the Unix epoch; for nothing but restart permits
  std::span<const VoterState> voters = {};  // only where settings are altered

  int16_t metadata_version() const { return image.features.metadata_version(); }
};

// All records or none become part of the log, as one batch.
template <typename Response>
struct Decision {
  RecordList records;
  Response response;
  // There is more to do than one batch holds: decide again when these are written. The response counts that
  // comes last.
  bool more = false;
};

// At most so many records may come from one request (QuorumController.MAX_RECORDS_PER_USER_OP).
inline constexpr size_t kMaxRecordsPerRequest = 10'000;
// About so many make up one batch of what may be done in steps: each partition on its own.
inline constexpr size_t kMaxRecordsPerBatch = 10'000;
// A batch has at most so many bytes (KafkaRaftClient.MAX_BATCH_SIZE_BYTES).
inline constexpr size_t kMaxBatchBytes = 8 << 20;

// A topic's setting as the controller sees it: of the topic, else of this node, else of all brokers, else
// `fallback`, which stands for the static configuration.
std::string EffectiveTopicConfig(const DecisionContext& context, std::string_view topic,
                                 std::string_view name, std::string fallback);
bool UncleanElectionEnabled(const DecisionContext& context, std::string_view topic);
// What a topic's settings mean to elections: looked up once for all of its partitions.
struct TopicRules {
  int32_t min_isr = 1;  // min.insync.replicas, at least 1 and at most the topic's replication factor
  bool unclean_election = false;
};
TopicRules RulesOf(const DecisionContext& context, const metadata::TopicImage& topic);
// The log directory that a new replica on `broker` is given: its only one, or «unassigned» if it has to
// choose.
DirectoryId DefaultDirectory(const MetadataImage& image, NodeId broker);

}  // namespace dohle::controller
