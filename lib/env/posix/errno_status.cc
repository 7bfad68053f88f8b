#include "lib/env/posix/errno_status.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "lib/env/file_system.h"

namespace dohle::env {
namespace {

StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return StatusCode::kNotFound;
    case EEXIST:
      return StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EFBIG:
      return StatusCode::kResourceExhausted;
    case EROFS:
    case EACCES:
    case EPERM:
      return StatusCode::kPermissionDenied;
    case EIO:
    case EUCLEAN:
    case ENXIO:
    case ENODEV:
    case EBADMSG:
      return StatusCode::kDataLoss;
    case EINVAL:
    case ENAMETOOLONG:
    case EADDRNOTAVAIL:
      return StatusCode::kInvalidArgument;
    case EISDIR:
    case ENOTDIR:
    case ENOTEMPTY:
    case EADDRINUSE:
    case EXDEV:
    case EBUSY:
      return StatusCode::kFailedPrecondition;
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPIPE:
      return StatusCode::kUnavailable;
    case ETIMEDOUT:
      return StatusCode::kDeadlineExceeded;
    default:
      return StatusCode::kInternal;
  }
}

std::string_view Advice(int error) {
  switch (error) {
    case ENOSPC:
      return "; free space or add a disk";
    case EDQUOT:
      return "; raise the quota or free space";
    case EMFILE:
      return "; raise the process's limit of open files (ulimit -n)";
    case ENFILE:
      return "; raise the system's limit of open files (fs.file-max)";
    case EROFS:
      return "; the file system is mounted read-only: look for disk errors in the kernel log";
    case EIO:
      return "; the device may be failing: look in the kernel log";
    case EADDRINUSE:
      return "; stop the program that holds the port, or configure another port";
    default:
      return "";
  }
}

}  // namespace

Status ErrnoStatus(int error, std::string_view what, std::string_view subject) {
  Status status = MakeStatus(CodeOf(error), "cannot {} {}: {}{}", what, subject,
                             std::generic_category().message(error), Advice(error));
  return absl::IsDataLoss(status) ? MarkDeviceFailure(std::move(status)) : status;
}

}  // namespace dohle::env
