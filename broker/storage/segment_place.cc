#include "broker/storage/segment_place.h"

namespace dohle::storage {

Status SegmentPlace::CreateEmptyFile(std::string_view suffix) const {
  const std::string path = Path(suffix);
  const auto made = file_system->Open(path, env::OpenMode::kCreateExclusive);
  if (made.status().code() != StatusCode::kAlreadyExists) return made.status();
  DOHLE_ASSIGN_OR_RETURN(const std::unique_ptr<env::File> file,
                         file_system->Open(path, env::OpenMode::kReadWrite));
  return file->Truncate(0);
}

}  // namespace dohle::storage
