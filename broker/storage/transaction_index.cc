#include "broker/storage/transaction_index.h"

#include "broker/storage/big_endian.h"

namespace dohle::storage {

std::string EncodeAbortedTransaction(const AbortedTransactionEntry& entry) {
  std::string bytes;
  bytes.reserve(kAbortedTransactionBytes);
  AppendBig<int16_t>(bytes, 0);
  AppendBig<int64_t>(bytes, entry.producer_id.value());
  AppendBig<int64_t>(bytes, entry.first_offset.value());
  AppendBig<int64_t>(bytes, entry.last_offset.value());
  AppendBig<int64_t>(bytes, entry.last_stable_offset.value());
  return bytes;
}

StatusOr<std::vector<AbortedTransactionEntry>> ReadTransactionIndex(const SegmentPlace& place) {
  const std::string path = place.Path(kTransactionIndexSuffix);
  std::vector<AbortedTransactionEntry> entries;
  auto content = place.file_system->ReadWhole(path);
  if (content.status().code() == StatusCode::kNotFound) return entries;
  if (!content.ok()) return content.status();
  if (content->size() % kAbortedTransactionBytes != 0)
    return MakeStatus(StatusCode::kDataLoss, "{} ends within an entry", path);
  for (size_t at = 0; at < content->size(); at += kAbortedTransactionBytes) {
    const char* entry = content->data() + at;
    if (LoadBig<int16_t>(entry) != 0)
      return MakeStatus(StatusCode::kDataLoss, "{} has an entry of version {}", path,
                        LoadBig<int16_t>(entry));
    entries.push_back({ProducerId(LoadBig<int64_t>(entry + 2)), Offset(LoadBig<int64_t>(entry + 10)),
                       Offset(LoadBig<int64_t>(entry + 18)), Offset(LoadBig<int64_t>(entry + 26))});
  }
  return entries;
}

Status AppendToTransactionIndex(const SegmentPlace& place, const AbortedTransactionEntry& entry) {
  DOHLE_ASSIGN_OR_RETURN(
      std::unique_ptr<env::File> file,
      place.file_system->Open(place.Path(kTransactionIndexSuffix), env::OpenMode::kCreate));
  DOHLE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  // A cut last entry (from a full disk) is written over.
  return file->WriteAt(size - size % kAbortedTransactionBytes, EncodeAbortedTransaction(entry));
}

Status TruncateTransactionIndex(const SegmentPlace& place, Offset offset) {
  const std::string path = place.Path(kTransactionIndexSuffix);
  auto file = place.file_system->Open(path, env::OpenMode::kReadWrite);
  if (file.status().code() == StatusCode::kNotFound) return OkStatus();
  if (!file.ok()) return file.status();
  DOHLE_ASSIGN_OR_RETURN(const uint64_t size, (*file)->Size());
  uint64_t keep = 0;
  char entry[kAbortedTransactionBytes];
  while (keep + kAbortedTransactionBytes <= size) {
    DOHLE_ASSIGN_OR_RETURN(const size_t read, (*file)->ReadAt(keep, entry, sizeof(entry)));
    if (read != sizeof(entry) || Offset(LoadBig<int64_t>(entry + 18)) >= offset) break;
    keep += kAbortedTransactionBytes;
  }
  if (keep == 0) return place.file_system->Remove(path);
  return keep == size ? OkStatus() : (*file)->Truncate(keep);
}

}  // namespace dohle::storage
