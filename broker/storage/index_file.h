// A file of fixed-size entries that only grows, with the newest ones still in memory: a broker with ten
// thousand partitions can neither map two indexes of 10 MiB each nor keep their files open.
//
// Owned by one log, no lock. Kafka preallocates the indexes of the active segment with zeros: a tail of zero
// entries isn't counted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker/storage/segment_place.h"
#include "lib/base/status.h"
#include "lib/env/file_system.h"

namespace dohle::storage {

class IndexFile {
 public:
  // `entry_size` <= kMaxEntrySize.
  static constexpr size_t kMaxEntrySize = 16;
  // `suffix` is a literal.
  IndexFile(size_t entry_size, std::string_view suffix)
      : suffix_(suffix), entry_size_(static_cast<uint8_t>(entry_size)) {}

  // Looks at the file once; later calls do nothing. kNotFound if there is none.
  Status Load(const SegmentPlace& place);
  bool loaded() const { return loaded_; }
  // Begins an empty one, over what is there.
  Status Create(const SegmentPlace& place);
  // The same without a file: Create comes before anything is written.
  void Begin();

  // The rest only after Load or Create. `place` is passed in each time, it may move.
  uint64_t count() const { return written_ + pending_.size() / entry_size_; }
  StatusOr<std::string_view> Entry(const SegmentPlace& place, uint64_t i, char* buffer);
  // Kept in memory until Write, which happens by itself when `pending_bytes` reaches kWriteBytes.
  void Append(std::string_view entry) { pending_.append(entry); }
  bool write_due() const { return pending_.size() >= kWriteBytes; }
  bool dirty() const { return !pending_.empty(); }
  // Writes the pending entries; on failure they stay pending.
  Status Write(const SegmentPlace& place);
  // Takes pending entries back: `count` of all entries stay, the written ones among them.
  void DropPending(uint64_t count);
  // Writes, cuts preallocated space off.
  Status Trim(const SegmentPlace& place);
  // Keeps the first `count` entries; the file is cut by the next Trim only, if it hasn't grown again by then.
  void Rewind(uint64_t count);
  // Keeps the first `count` entries.
  Status Truncate(const SegmentPlace& place, uint64_t count);
  // The open file, for Sync.
  StatusOr<std::shared_ptr<env::File>> Open(const SegmentPlace& place);
  void CloseFile() { file_.reset(); }

 private:
  static constexpr size_t kWriteBytes = 512;
  Status TrimZeros();

  std::shared_ptr<env::File> file_;
  std::string pending_;
  uint64_t written_ = 0;  // entries in the file
  uint64_t file_size_ = 0;
  std::string_view suffix_;
  uint8_t entry_size_;
  bool loaded_ = false;
};

}  // namespace dohle::storage
