// The quorum's own records in the metadata log and in snapshots: who leads, who votes, which kraft.version
// (KIP-595, KIP-630, KIP-853). Batches of them have the control bit.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/raft/raft.h"
#include "lib/base/status.h"
#include "lib/kafka/record_batch.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::metadata {

void AppendLeaderChangeRecord(const raft::AppendLeaderChange& change, int64_t now_ms,
                              kafka::RecordBatchBuilder* batch);
void AppendKraftVersionRecord(int16_t level, int64_t now_ms, kafka::RecordBatchBuilder* batch);
void AppendVotersRecord(const raft::VoterSet& voters, int64_t now_ms, kafka::RecordBatchBuilder* batch);
void AppendSnapshotHeader(int64_t last_contained_log_timestamp_ms, int64_t now_ms,
                          kafka::RecordBatchBuilder* batch);
void AppendSnapshotFooter(int64_t now_ms, kafka::RecordBatchBuilder* batch);

// What a control record says, as far as this node remembers it.
struct ControlState {
  int16_t kraft_version = 0;
  raft::VoterSet voters;

  friend bool operator==(const ControlState&, const ControlState&) = default;
};
enum class SnapshotMark { kNone, kHeader, kFooter };
// Applies one control record. Unknown types are skipped, as Kafka does; malformed ones are kDataLoss.
StatusOr<SnapshotMark> ApplyControlRecord(std::string_view key, std::string_view value, ControlState* state,
                                          int64_t* last_contained_log_timestamp_ms = nullptr);

// Applies a batch of them, whose sizes have been checked. Whether it said anything of versions or voters.
StatusOr<bool> ApplyControlBatch(const kafka::RecordBatchView& batch, ControlState* state);

}  // namespace dohle::metadata
