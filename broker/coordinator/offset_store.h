// The committed offsets of a shard's groups, with those of open transactions beside them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "broker/coordinator/versioned.h"
#include "lib/base/ids.h"
#include "lib/base/string_map.h"
#include "lib/base/uuid.h"

namespace dohle::coordinator {

inline constexpr int64_t kNoExpiry = -1;
inline constexpr int64_t kNotWrittenYet = INT64_MAX;

struct CommittedOffset {
  int64_t offset = 0;
  int64_t commit_timestamp_ms = 0;
  int64_t expire_timestamp_ms = kNoExpiry;  // brought by the commit itself (versions 2 to 4 of OffsetCommit)
  int64_t record_offset = kNotWrittenYet;   // of the record that says so
  Uuid topic_id;                            // zero: unknown
  int32_t leader_epoch = -1;
  std::string metadata;

  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

struct OffsetKey {
  std::string group;
  std::string topic;
  int32_t partition = 0;

  friend bool operator==(const OffsetKey&, const OffsetKey&) = default;
  friend bool operator<(const OffsetKey& a, const OffsetKey& b) {
    return std::tie(a.group, a.topic, a.partition) < std::tie(b.group, b.topic, b.partition);
  }
};

class OffsetStore {
 public:
  using Partitions = absl::flat_hash_map<int32_t, Versioned<CommittedOffset>>;
  using Topics = StringMap<Partitions>;

  void Put(std::string_view group, std::string_view topic, int32_t partition, CommittedOffset offset,
           WritePosition position);
  // An erasure at kLoaded ends open transactions' commits of the partition too; at another position Commit
  // does.
  void Erase(std::string_view group, std::string_view topic, int32_t partition, WritePosition position);

  // Null if the group has nothing. Entries may be vacant for a reader: ask each Versioned.
  const Topics* Find(std::string_view group) const;
  const CommittedOffset* Latest(std::string_view group, std::string_view topic, int32_t partition) const;
  bool HasAny(std::string_view group) const;  // newest versions
  const StringMap<Topics>& groups() const { return groups_; }

  // `record_offset`: where the version of `committed` was written.
  void Commit(const OffsetKey& key, WritePosition committed, int64_t record_offset);
  void Revert(const OffsetKey& key, WritePosition committed);

  // Transactions (KIP-98): their commits count from when the marker comes.
  void PutTransactional(ProducerId producer, OffsetKey key, CommittedOffset offset);
  void EndTransaction(ProducerId producer, bool commit);
  bool HasOpenTransactions(std::string_view group) const;
  bool HasOpenTransaction(std::string_view group, std::string_view topic, int32_t partition) const;
  // The partitions of a group that open transactions have commits for.
  std::vector<OffsetKey> OpenPartitions(std::string_view group) const;
  // Groups and topics of all commits of open transactions.
  std::vector<std::pair<OffsetKey, Uuid>> OpenCommits() const;

  size_t size() const { return size_; }  // newest versions that are there

 private:
  Versioned<CommittedOffset>* FindSlot(const OffsetKey& key);
  void DropIfVacant(const OffsetKey& key);
  void ForgetOpen(const OffsetKey& key);

  StringMap<Topics> groups_;
  size_t size_ = 0;
  std::map<ProducerId, std::map<OffsetKey, CommittedOffset>> transactional_;
  std::map<OffsetKey, std::set<ProducerId>> open_;
};

}  // namespace dohle::coordinator
