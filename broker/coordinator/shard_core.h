// What the parts of a shard (membership, offsets) share: its groups and offsets, its timers, and the ledger
// of what is written but not yet committed.
//
// Everything here is decided and nothing done: writes and replies pile up in Effects, which the driver takes
// after each operation. State changes at once; if the write fails it is taken back.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "broker/coordinator/group.h"
#include "broker/coordinator/group_config.h"
#include "broker/coordinator/group_records.h"
#include "broker/coordinator/offset_store.h"
#include "broker/coordinator/responses.h"
#include "broker/coordinator/timer_queue.h"
#include "broker/coordinator/versioned.h"
#include "lib/base/string_map.h"
#include "lib/env/clock.h"
#include "lib/env/random.h"

namespace dohle::coordinator {

struct Instant {
  int64_t wall_ms = 0;
  env::MonotonicTime monotonic;
};

// Records that go into one batch, all or none.
struct Write {
  WritePosition position = 0;
  std::vector<Record> records;
};

struct Effects {
  std::vector<Write> writes;   // in this order, behind those of earlier operations
  std::vector<Reply> replies;  // to be sent now
};

class ShardCore {
 public:
  // Told how its write went: kNone, or what the append failed with.
  using Continuation = absl::AnyInvocable<void(kafka::ErrorCode)>;

  ShardCore(const GroupConfig& with_config, env::Random& with_random)
      : config(with_config), random(with_random) {}

  const GroupConfig& config;
  env::Random& random;
  Instant now;  // of the operation that runs
  TimerQueue timers;
  OffsetStore offsets;

  // Groups. A group lives at a stable address until it is removed and that is committed.
  Group* FindGroup(std::string_view id);
  Group* FindClassicGroup(std::string_view id);
  // As committed: without groups whose first record is still on its way, with those whose tombstone is.
  const Group* FindCommittedGroup(std::string_view id) const;
  Group& CreateGroup(std::string_view id);
  // Takes the place of what there is.
  Group& PutGroup(std::unique_ptr<Group> group);
  void RemoveGroup(std::string_view id);
  const StringMap<Versioned<std::unique_ptr<Group>>>& groups() const { return groups_; }
  // Of all groups there, sorted: what is done to one after the other must not depend on a hash.
  std::vector<std::string> GroupIds() const;

  // Offsets whose change belongs to the next Write.
  void PutOffset(std::string_view group, std::string_view topic, int32_t partition, CommittedOffset offset,
                 size_t record_index);
  void EraseOffset(std::string_view group, std::string_view topic, int32_t partition);

  // Sent now.
  void Answer(RequestId request, Response response);
  // Sent when all that was written so far is committed; an error if it fails.
  void AnswerWhenWritten(RequestId request, Response response);
  // What was changed since the last Write belongs to this one.
  void AppendRecords(std::vector<Record> records, Continuation continuation = nullptr);

  // While loading every change counts as committed.
  void set_loading(bool loading) { loading_ = loading; }
  bool has_pending_writes() const { return !pending_.empty(); }
  WritePosition committed() const { return committed_; }

  void OnWritten(WritePosition position, int64_t base_offset);
  void OnWriteFailed(kafka::ErrorCode error);
  // Fails, towards those who wait, the writes that took too long; they may still be committed.
  void ExpireWrites();
  env::MonotonicTime NextDeadline() const;

  // Answers whoever waits in a group that is no more.
  void DropGroup(Group& group, kafka::ErrorCode error);

  Effects TakeEffects() { return std::exchange(effects_, {}); }

 private:
  struct TouchedOffset {
    OffsetKey key;
    size_t record_index;  // of the record that says so
  };
  struct Touched {
    std::vector<std::string> groups;
    std::vector<TouchedOffset> offsets;
  };
  struct PendingWrite {
    WritePosition position;
    size_t record_count;
    Touched touched;
    Continuation continuation;
    std::vector<Reply> replies;
    env::MonotonicTime deadline;
    bool expired = false;
  };

  WritePosition next_position() const { return loading_ ? kLoaded : last_position_ + 1; }
  void Conclude(PendingWrite& write, kafka::ErrorCode error);
  void Revert(const Touched& touched, kafka::ErrorCode error);
  env::MonotonicTime WriteDeadline() const {
    return now.monotonic + absl::Milliseconds(config.offsets_commit_timeout_ms);
  }

  bool loading_ = false;
  StringMap<Versioned<std::unique_ptr<Group>>> groups_;
  std::deque<PendingWrite> pending_;  // deadlines ascend
  size_t expired_count_ = 0;          // of the first in pending_
  Touched touched_;                   // since the last write
  WritePosition last_position_ = 0;
  WritePosition committed_ = 0;
  Effects effects_;
};

}  // namespace dohle::coordinator
