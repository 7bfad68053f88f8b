#include "broker/metadata/control_records.h"

#include <algorithm>

#include "lib/kafka/control_record.h"
#include "lib/kafka/messages/kraft_version_record.h"
#include "lib/kafka/messages/leader_change_message.h"
#include "lib/kafka/messages/snapshot_footer_record.h"
#include "lib/kafka/messages/snapshot_header_record.h"
#include "lib/kafka/messages/voters_record.h"
#include "lib/kafka/reader.h"
#include "lib/kafka/record.h"
#include "lib/kafka/writer.h"

namespace dohle::metadata {
namespace {

using kafka::ControlRecordType;

constexpr size_t kMaxControlBatchBytes = size_t{1} << 20;

template <typename Message>
void Append(ControlRecordType type, const Message& message, int64_t now_ms,
            kafka::RecordBatchBuilder* batch) {
  kafka::Writer writer(kafka::EncodedSize(message, 0));
  kafka::Encode(message, 0, writer);
  const std::string key = kafka::ControlRecordKey(type);
  const std::string value = writer.Finish().bytes;
  batch->Append(now_ms, key, value);
}

template <typename Record>
Status Read(std::string_view value, Record* record) {
  kafka::Reader reader(value);
  if (const Status status = kafka::Decode(reader, 0, record); !status.ok()) {
    return MakeStatus(StatusCode::kDataLoss, "malformed {} in the metadata log: {}", Record::kName,
                      Message(status));
  }
  return OkStatus();
}

}  // namespace

void AppendLeaderChangeRecord(const raft::AppendLeaderChange& change, int64_t now_ms,
                              kafka::RecordBatchBuilder* batch) {
  kafka::LeaderChangeMessage message;
  message.version = 0;
  message.leader_id = change.granting_voters.empty() ? -1 : change.granting_voters.front().value();
  for (const NodeId id : change.voters) message.voters.emplace_back().voter_id = id.value();
  for (const NodeId id : change.granting_voters) message.granting_voters.emplace_back().voter_id = id.value();
  Append(ControlRecordType::kLeaderChange, message, now_ms, batch);
}

void AppendKraftVersionRecord(int16_t level, int64_t now_ms, kafka::RecordBatchBuilder* batch) {
  kafka::KRaftVersionRecord message;
  message.version = 0;
  message.kraft_version = level;
  Append(ControlRecordType::kKraftVersion, message, now_ms, batch);
}

void AppendVotersRecord(const raft::VoterSet& voters, int64_t now_ms, kafka::RecordBatchBuilder* batch) {
  kafka::VotersRecord message;
  message.version = 0;
  for (const raft::Voter& voter : voters.voters) {
    auto& out = message.voters.emplace_back();
    out.voter_id = voter.key.id.value();
    out.voter_directory_id = voter.key.directory_id;
    for (const raft::VoterEndpoint& endpoint : voter.endpoints) {
      auto& listener = out.endpoints.emplace_back();
      listener.name = endpoint.name;
      listener.host = endpoint.host;
      listener.port = endpoint.port;
    }
    out.kraft_version_feature.min_supported_version = voter.min_kraft_version;
    out.kraft_version_feature.max_supported_version = voter.max_kraft_version;
  }
  Append(ControlRecordType::kKraftVoters, message, now_ms, batch);
}

void AppendSnapshotHeader(int64_t last_contained_log_timestamp_ms, int64_t now_ms,
                          kafka::RecordBatchBuilder* batch) {
  kafka::SnapshotHeaderRecord message;
  message.version = 0;
  message.last_contained_log_timestamp = last_contained_log_timestamp_ms;
  Append(ControlRecordType::kSnapshotHeader, message, now_ms, batch);
}

void AppendSnapshotFooter(int64_t now_ms, kafka::RecordBatchBuilder* batch) {
  kafka::SnapshotFooterRecord message;
  message.version = 0;
  Append(ControlRecordType::kSnapshotFooter, message, now_ms, batch);
}

StatusOr<SnapshotMark> ApplyControlRecord(std::string_view key, std::string_view value, ControlState* state,
                                          int64_t* last_contained_log_timestamp_ms) {
  const StatusOr<ControlRecordType> type = kafka::ParseControlRecordKey(key);
  if (type.status().code() == StatusCode::kUnimplemented) return SnapshotMark::kNone;
  if (!type.ok())
    return MakeStatus(StatusCode::kDataLoss, "malformed control record: {}", Message(type.status()));
  switch (*type) {
    case ControlRecordType::kSnapshotHeader: {
      kafka::SnapshotHeaderRecord header;
      DOHLE_RETURN_IF_ERROR(Read(value, &header));
      if (last_contained_log_timestamp_ms != nullptr) {
        *last_contained_log_timestamp_ms = header.last_contained_log_timestamp;
      }
      return SnapshotMark::kHeader;
    }
    case ControlRecordType::kSnapshotFooter:
      return SnapshotMark::kFooter;
    case ControlRecordType::kKraftVersion: {
      kafka::KRaftVersionRecord version;
      DOHLE_RETURN_IF_ERROR(Read(value, &version));
      state->kraft_version = version.kraft_version;
      return SnapshotMark::kNone;
    }
    case ControlRecordType::kKraftVoters: {
      kafka::VotersRecord record;
      DOHLE_RETURN_IF_ERROR(Read(value, &record));
      state->voters.voters.clear();
      for (const auto& in : record.voters) {
        raft::Voter& voter = state->voters.voters.emplace_back();
        voter.key = {NodeId(in.voter_id), in.voter_directory_id};
        for (const auto& listener : in.endpoints) {
          voter.endpoints.push_back(
              {std::string(listener.name.view()), std::string(listener.host.view()), listener.port});
        }
        voter.min_kraft_version = in.kraft_version_feature.min_supported_version;
        voter.max_kraft_version = in.kraft_version_feature.max_supported_version;
      }
      std::sort(state->voters.voters.begin(), state->voters.voters.end(),
                [](const raft::Voter& a, const raft::Voter& b) { return a.key.id < b.key.id; });
      return SnapshotMark::kNone;
    }
    case ControlRecordType::kLeaderChange:
    case ControlRecordType::kAbort:
    case ControlRecordType::kCommit:
      return SnapshotMark::kNone;
  }
  return SnapshotMark::kNone;
}

StatusOr<bool> ApplyControlBatch(const kafka::RecordBatchView& batch, ControlState* state) {
  StatusOr<kafka::RecordReader> reader = kafka::RecordReader::Open(batch, kMaxControlBatchBytes);
  if (!reader.ok()) return reader.status();
  const ControlState before = *state;
  kafka::Record record;
  while (reader->Next(&record)) {
    DOHLE_RETURN_IF_ERROR(
        ApplyControlRecord(record.key.value_or(""), record.value.value_or(""), state).status());
  }
  DOHLE_RETURN_IF_ERROR(reader->status());
  return *state != before;
}

}  // namespace dohle::metadata
