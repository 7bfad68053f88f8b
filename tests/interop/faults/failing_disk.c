// Makes a program's disk fail: a library to be preloaded.
//
// FAILING_DISK names a file. As long as it is there, its one line says what happens: "EIO /some/directory" lets
// every access to what lies below fail as on a broken device, "ENOSPC …" what needs room, "EROFS …" what changes
// anything. It is looked at on each call, so that a test can break and mend the disk while the program runs.
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "control_file.h"

enum kind { READS, GROWS, CHANGES, SYNCS };

// The errno with which an access of that kind to the path fails, 0 if it doesn't.
static int failure(enum kind kind, const char* path) {
  char line[4096];
  if (path == NULL || !read_control("FAILING_DISK", line, sizeof(line))) return 0;
  char* prefix = strchr(line, ' ');
  if (prefix == NULL) return 0;
  *prefix++ = 0;
  const size_t length = strlen(prefix);
  if (strncmp(path, prefix, length) != 0 || (path[length] != '/' && path[length] != 0)) return 0;
  if (strcmp(line, "EIO") == 0) return EIO;
  if (strcmp(line, "ENOSPC") == 0 && kind == GROWS) return ENOSPC;
  if (strcmp(line, "EROFS") == 0 && (kind == GROWS || kind == CHANGES)) return EROFS;
  return 0;
}

static int failure_of(enum kind kind, int fd) {
  const int before = errno;
  char link[64], path[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, path, sizeof(path) - 1);
  errno = before;
  if (n <= 0 || path[0] != '/') return 0;
  path[n] = 0;
  return failure(kind, path);
}

#define FAIL_IF(error)      \
  do {                      \
    const int e_ = (error); \
    if (e_ != 0) {          \
      errno = e_;           \
      return -1;            \
    }                       \
  } while (0)

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int failure_to_open(const char* path, int flags) {
  const int exists = access(path, F_OK) == 0;
  if ((flags & O_CREAT) != 0 && !exists) return failure(GROWS, path);
  return failure((flags & O_ACCMODE) == O_RDONLY ? READS : CHANGES, path);
}

#define OPEN(name)                                   \
  int name(const char* path, int flags, ...) {       \
    va_list arguments;                               \
    va_start(arguments, flags);                      \
    const mode_t mode = va_arg(arguments, mode_t);   \
    va_end(arguments);                               \
    const int before = errno;                        \
    FAIL_IF(failure_to_open(path, flags));           \
    errno = before;                                  \
    return NEXT(name)(path, flags, mode);            \
  }
OPEN(open)
OPEN(open64)

#define ACCESS(kind, result, name, parameters, arguments) \
  result name parameters {                                \
    FAIL_IF(failure_of(kind, fd));                        \
    return NEXT(name) arguments;                          \
  }
ACCESS(GROWS, ssize_t, write, (int fd, const void* from, size_t n), (fd, from, n))
ACCESS(GROWS, ssize_t, writev, (int fd, const struct iovec* from, int n), (fd, from, n))
ACCESS(GROWS, ssize_t, pwrite, (int fd, const void* from, size_t n, off_t at), (fd, from, n, at))
ACCESS(GROWS, ssize_t, pwrite64, (int fd, const void* from, size_t n, off64_t at), (fd, from, n, at))
ACCESS(GROWS, ssize_t, pwritev, (int fd, const struct iovec* from, int n, off_t at), (fd, from, n, at))
ACCESS(GROWS, ssize_t, pwritev64, (int fd, const struct iovec* from, int n, off64_t at), (fd, from, n, at))
ACCESS(READS, ssize_t, pread, (int fd, void* to, size_t n, off_t at), (fd, to, n, at))
ACCESS(READS, ssize_t, pread64, (int fd, void* to, size_t n, off64_t at), (fd, to, n, at))
ACCESS(CHANGES, int, ftruncate, (int fd, off_t size), (fd, size))
ACCESS(CHANGES, int, ftruncate64, (int fd, off64_t size), (fd, size))
ACCESS(SYNCS, int, fsync, (int fd), (fd))
ACCESS(SYNCS, int, fdatasync, (int fd), (fd))
ACCESS(SYNCS, int, syncfs, (int fd), (fd))

int mkdir(const char* path, mode_t mode) {
  FAIL_IF(failure(GROWS, path));
  return NEXT(mkdir)(path, mode);
}
int rename(const char* from, const char* to) {
  FAIL_IF(failure(CHANGES, to));
  return NEXT(rename)(from, to);
}
int unlink(const char* path) {
  FAIL_IF(failure(CHANGES, path));
  return NEXT(unlink)(path);
}
int remove(const char* path) {
  FAIL_IF(failure(CHANGES, path));
  return NEXT(remove)(path);
}
