// Whether a history keeps the broker's promises. Pure.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/history.h"

namespace dohle::sim {

// All of the below and what the workload found itself; empty: all is well. Bounded in number.
std::vector<std::string> Check(const History& history);

// Offsets are dense and ascending from the log's start to its high watermark.
void CheckOffsets(const History& history, std::vector<std::string>* violations);
// Nothing is there that was never sent, nothing twice, and the records of an idempotent producer are in
// order.
void CheckRecords(const History& history, std::vector<std::string>* violations);
// What was acknowledged is there, where it was said to be.
void CheckAcknowledged(const History& history, std::vector<std::string>* violations);
// What was read is still there, unchanged.
void CheckReads(const History& history, std::vector<std::string>* violations);
// Committed offsets don't go back behind what was acknowledged.
void CheckCommits(const History& history, std::vector<std::string>* violations);

}  // namespace dohle::sim
