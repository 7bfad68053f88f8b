#include "lib/env/file_system.h"

#include "absl/strings/cord.h"

namespace dohle::env {
namespace {

constexpr const char* kDeviceFailure = "dohle/device-failure";

}  // namespace

Status MarkDeviceFailure(Status status) {
  status.SetPayload(kDeviceFailure, absl::Cord());
  return status;
}

bool IsDeviceFailure(const Status& status) { return status.GetPayload(kDeviceFailure).has_value(); }

StatusOr<std::unique_ptr<WholeFileSystem>> FileSystem::OpenWhole(const std::string& path) {
  return MakeStatus(StatusCode::kUnimplemented, "{} is synced file by file", path);
}

StatusOr<std::string> FileSystem::ReadWhole(const std::string& path, uint64_t max_bytes) {
  DOHLE_ASSIGN_OR_RETURN(std::unique_ptr<File> file, Open(path, OpenMode::kReadOnly));
  DOHLE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size > max_bytes) {
    return MakeStatus(StatusCode::kOutOfRange, "{} has {} bytes, more than the {} that are expected there",
                      path, size, max_bytes);
  }
  std::string content(size, '\0');
  DOHLE_ASSIGN_OR_RETURN(const size_t n, file->ReadAt(0, content.data(), content.size()));
  content.resize(n);
  return content;
}

Status FileSystem::WriteWhole(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  {
    DOHLE_ASSIGN_OR_RETURN(std::unique_ptr<File> file, Open(temporary, OpenMode::kCreate));
    DOHLE_RETURN_IF_ERROR(file->Truncate(0));
    DOHLE_RETURN_IF_ERROR(file->WriteAt(0, content));
    DOHLE_RETURN_IF_ERROR(file->Sync());
  }
  DOHLE_RETURN_IF_ERROR(Rename(temporary, path));
  return SyncDirectory(ParentPath(path));
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty() && path.back() != '/') path += '/';
  path += name;
  return path;
}

std::string ParentPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  if (slash == 0) return "/";
  return std::string(path.substr(0, slash));
}

}  // namespace dohle::env
