// LogReplay: stored batches, of a snapshot or of the log, into images. Honours metadata transactions
// (KIP-866): what lies between BeginTransaction and EndTransaction shows all at once, or after
// AbortTransaction never. Pure: bytes in, images out.
#pragma once

#include <optional>
#include <string_view>

#include "broker/metadata/control_records.h"
#include "broker/metadata/delta.h"
#include "lib/kafka/record_batch.h"

namespace dohle::metadata {

class LogReplay {
 public:
  explicit LogReplay(ImagePtr base) : delta_(std::move(base)) {}

  // One batch whose sizes have been checked; checks its CRC. kDataLoss if it is broken or contradicts the
  // image: the replay is then unusable.
  Status Apply(const kafka::RecordBatchView& batch);
  // One framed record at that place of the log, as the leader appends them.
  Status ApplyRecord(std::string_view framed);
  void Advance(const Provenance& provenance) { provenance_ = provenance; }

  // Everything applied, an open transaction included.
  const MetadataImage& image() const { return delta_.image(); }
  bool in_transaction() const { return before_transaction_.has_value(); }
  const ControlState& control() const { return control_; }
  void set_control(ControlState control);
  const Provenance& provenance() const { return provenance_; }
  // Marks of the snapshot that has been read.
  bool saw_header() const { return saw_header_; }
  bool saw_footer() const { return saw_footer_; }
  int64_t snapshot_timestamp_ms() const { return snapshot_timestamp_ms_; }

  // What was applied since the last call. Not within a transaction.
  MetadataUpdate Take();
  void MarkEverything() { delta_.MarkEverything(); }

 private:
  MetadataDelta delta_;
  std::optional<MetadataDelta> before_transaction_;
  ControlState control_;
  Provenance provenance_;
  bool saw_header_ = false;
  bool saw_footer_ = false;
  int64_t snapshot_timestamp_ms_ = -1;
};

}  // namespace dohle::metadata
