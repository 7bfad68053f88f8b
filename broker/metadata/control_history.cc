#include "broker/metadata/control_history.h"

#include <utility>

#include "lib/base/check.h"

namespace dohle::metadata {

void ControlHistory::Reset(ControlState state) {
  states_.clear();
  states_.push_back({kNoOffset, std::move(state)});
}

void ControlHistory::Add(Offset offset, ControlState state) {
  DOHLE_CHECK(offset >= latest_offset());
  states_.push_back({offset, std::move(state)});
}

bool ControlHistory::TruncateTo(Offset offset) {
  const size_t before = states_.size();
  while (states_.size() > 1 && states_.back().offset >= offset) states_.pop_back();
  return states_.size() != before;
}

void ControlHistory::ForgetBelow(Offset offset) {
  while (states_.size() > 1 && states_[1].offset < offset) states_.erase(states_.begin());
}

const ControlState& ControlHistory::At(Offset end) const {
  size_t i = states_.size() - 1;
  while (i > 0 && states_[i].offset >= end) --i;
  return states_[i].state;
}

}  // namespace dohle::metadata
