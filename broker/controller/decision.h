// What every decision of the controller gets and gives: pure functions from an image and a request to records
// and a response.
#pragma once

#include <utility>

#include "broker/controller/controller.h"
#include "broker/metadata/record.h"
#include "lib/env/random.h"

namespace dohle::controller {

using metadata::MetadataImage;
using metadata::RecordList;
using metadata::VersionedRecord;

struct DecisionContext {
  const MetadataImage& image;  // everything appended so far
  const ControllerConfig& config;
  const ConfigValidator& validator;
  env::Random& random;
  Offset next_offset;  // of the first record of this decision
  int64_t now_ms = 0;

  int16_t metadata_version() const { return image.features.metadata_version(); }
};

// All records or none become part of the log, as one batch.
template <typename Response>
struct Decision {
  RecordList records;
  Response response;
};

// At most so many records may come from one request (QuorumController.MAX_RECORDS_PER_USER_OP).
inline constexpr size_t kMaxRecordsPerRequest = 10'000;

// A topic's setting as the controller sees it: of the topic, else of this node, else of all brokers, else
// `fallback`, which stands for the static configuration.
std::string EffectiveTopicConfig(const DecisionContext& context, std::string_view topic,
                                 std::string_view name, std::string fallback);
// min.insync.replicas of the topic, at most `replication_factor` and at least 1.
int32_t EffectiveMinIsr(const DecisionContext& context, std::string_view topic, size_t replication_factor);
bool UncleanElectionEnabled(const DecisionContext& context, std::string_view topic);
// The log directory that a new replica on `broker` is given: its only one, or «unassigned» if it has to
// choose.
DirectoryId DefaultDirectory(const MetadataImage& image, NodeId broker);

}  // namespace dohle::controller
