// The records within a batch (format v2, KIP-98), read one after the other, from compressed batches too.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/ids.h"
#include "lib/kafka/record_batch.h"

namespace dohle::kafka {

struct RecordHeader {
  std::string_view key;
  std::optional<std::string_view> value;

  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};

struct Record {
  Offset offset;
  int64_t timestamp_ms = kNoTimestamp;
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::vector<RecordHeader> headers;

  friend bool operator==(const Record&, const Record&) = default;
};

// Iterates over the records of one batch:
//
//   DOHLE_ASSIGN_OR_RETURN(RecordReader reader, RecordReader::Open(batch, max_size));
//   Record record;
//   while (reader.Next(&record)) …
//   DOHLE_RETURN_IF_ERROR(reader.status());
//
// A compressed batch is decompressed piece by piece: memory is the codec's window and the largest record. The
// whole must not have more than `max_size` bytes. Checks all that a record claims: its sizes, its offset
// within the batch, and that nothing is left behind the last one. Doesn't check the CRC.
class RecordReader {
 public:
  // The batch must outlive the reader. Fails for an unknown codec.
  static absl::StatusOr<RecordReader> Open(const RecordBatchView& batch, size_t max_size);

  // False at the end or on failure. What `record` views is gone with the next call, unless the batch is
  // not compressed: then it lives as long as the batch. Reuses the record's memory.
  bool Next(Record* record);

  // OK; kInvalidArgument: malformed; kResourceExhausted: more than max_size.
  const absl::Status& status() const { return status_; }
  // Whether it was the codec that failed, and no record.
  bool decompression_failed() const { return decompression_failed_; }

 private:
  RecordReader(const RecordBatchView& batch, size_t max_size) : batch_(batch), max_size_(max_size) {}

  bool Fail(std::string_view what);
  // Whether `size` bytes lie at available_; reads more if need be. At the end of the data fewer may lie
  // there.
  bool Fill(size_t size);
  bool ReadLength(size_t* length);
  bool Parse(std::string_view body, Record* record);

  RecordBatchView batch_;
  size_t max_size_;
  std::unique_ptr<Decompressor> stream_;  // null if the batch is not compressed
  std::string buffer_;                    // of what was decompressed
  std::string_view available_;            // what was not yet parsed: of buffer_, or of the batch
  size_t decompressed_ = 0;
  int32_t index_ = 0;
  int64_t last_delta_ = -1;
  absl::Status status_;
  bool decompression_failed_ = false;
};

}  // namespace dohle::kafka
