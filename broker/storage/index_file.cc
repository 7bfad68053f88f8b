#include "broker/storage/index_file.h"

#include <algorithm>
#include <cstring>

#include "lib/base/check.h"

namespace dohle::storage {
namespace {

bool AllZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

}  // namespace

StatusOr<std::shared_ptr<env::File>> IndexFile::Open(const SegmentPlace& place) {
  if (file_ == nullptr) {
    auto opened = place.file_system->Open(place.Path(suffix_), env::OpenMode::kReadWrite);
    if (!opened.ok()) return opened.status();
    file_ = std::move(*opened);
  }
  return file_;
}

Status IndexFile::Load(const SegmentPlace& place) {
  if (loaded_) return OkStatus();
  DOHLE_RETURN_IF_ERROR(Open(place).status());
  DOHLE_ASSIGN_OR_RETURN(file_size_, file_->Size());
  written_ = file_size_ / entry_size_;
  DOHLE_RETURN_IF_ERROR(TrimZeros());
  loaded_ = true;
  file_.reset();
  return OkStatus();
}

// Entries are never all zero (a position or a timestamp is in each), so the preallocated tail begins at the
// first one that is.
Status IndexFile::TrimZeros() {
  char buffer[kMaxEntrySize];
  uint64_t low = 0;
  uint64_t high = written_;
  bool first = true;
  while (low < high) {
    // The last entry is looked at first: usually there is no such tail.
    const uint64_t middle = first ? high - 1 : low + (high - low) / 2;
    first = false;
    auto read = file_->ReadAt(middle * entry_size_, buffer, entry_size_);
    if (!read.ok()) return read.status();
    if (*read == entry_size_ && !AllZero({buffer, entry_size_})) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  written_ = low;
  return OkStatus();
}

Status IndexFile::Create(const SegmentPlace& place) {
  Begin();
  loaded_ = false;
  DOHLE_RETURN_IF_ERROR(place.CreateEmptyFile(suffix_));
  loaded_ = true;
  return OkStatus();
}

void IndexFile::Begin() {
  file_.reset();
  pending_.clear();
  written_ = 0;
  file_size_ = 0;
  loaded_ = true;
}

StatusOr<std::string_view> IndexFile::Entry(const SegmentPlace& place, uint64_t i, char* buffer) {
  DOHLE_CHECK(i < count());
  if (i >= written_) return std::string_view(pending_).substr((i - written_) * entry_size_, entry_size_);
  DOHLE_RETURN_IF_ERROR(Open(place).status());
  const uint64_t position = i * entry_size_;
  DOHLE_ASSIGN_OR_RETURN(const size_t read, place.may_block
                                                ? file_->ReadAt(position, buffer, entry_size_)
                                                : file_->ReadAtIfCached(position, buffer, entry_size_));
  if (read != entry_size_)
    return MakeStatus(StatusCode::kDataLoss, "index {} is shorter than its entries", place.Path(suffix_));
  return std::string_view(buffer, entry_size_);
}

Status IndexFile::Write(const SegmentPlace& place) {
  if (pending_.empty()) return OkStatus();
  DOHLE_RETURN_IF_ERROR(Open(place).status());
  const uint64_t position = written_ * entry_size_;
  DOHLE_RETURN_IF_ERROR(file_->WriteAt(position, std::string_view(pending_)));
  written_ += pending_.size() / entry_size_;
  file_size_ = std::max(file_size_, position + pending_.size());
  pending_.clear();
  pending_.shrink_to_fit();
  file_.reset();
  return OkStatus();
}

Status IndexFile::Trim(const SegmentPlace& place) {
  DOHLE_RETURN_IF_ERROR(Write(place));
  const uint64_t used = written_ * entry_size_;
  if (file_size_ == used) return OkStatus();
  DOHLE_RETURN_IF_ERROR(Open(place).status());
  DOHLE_RETURN_IF_ERROR(file_->Truncate(used));
  file_size_ = used;
  return OkStatus();
}

void IndexFile::DropPending(uint64_t count) {
  DOHLE_CHECK(count >= written_ && count <= this->count());
  pending_.resize((count - written_) * entry_size_);
}

void IndexFile::Rewind(uint64_t count) {
  DOHLE_CHECK(count <= this->count());
  if (count >= written_) return DropPending(count);
  pending_.clear();
  written_ = count;
}

Status IndexFile::Truncate(const SegmentPlace& place, uint64_t count) {
  const bool cut = count < written_;
  Rewind(count);
  return cut ? Trim(place) : OkStatus();
}

}  // namespace dohle::storage
