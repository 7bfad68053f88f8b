// ControlHistory: what the quorum's control records say at each point of the log. They count as soon as they
// are appended, committed or not (KIP-853), and are taken back when the log is cut.
//
// Of the metadata log's lane.
#pragma once

#include <vector>

#include "broker/metadata/control_records.h"

namespace dohle::metadata {

class ControlHistory {
 public:
  // Begins anew: `state` holds for everything below the first record that follows.
  void Reset(ControlState state);
  // From the record at `offset` on. In ascending order.
  void Add(Offset offset, ControlState state);
  // Forgets the records from `offset` on. Whether the latest state changed.
  bool TruncateTo(Offset offset);
  // Forgets what lies below but the state that holds there.
  void ForgetBelow(Offset offset);

  const ControlState& Latest() const { return states_.back().state; }
  // Where its record stands; kNoOffset if it comes from a snapshot or the configuration.
  Offset latest_offset() const { return states_.back().offset; }
  // What the records below `end` say.
  const ControlState& At(Offset end) const;

 private:
  struct Entry {
    Offset offset;
    ControlState state;
  };
  std::vector<Entry> states_{{kNoOffset, {}}};
};

}  // namespace dohle::metadata
