// How libraries that are preloaded are told what to do: by the first line of a file that an environment
// variable names, read by system calls alone, so that what the library replaces isn't called.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// Into `line`, of `size` bytes, without its end. 0: the variable isn't set, or the file isn't there or is
// empty.
static int read_control(const char* variable, char* line, size_t size) {
  const char* path = getenv(variable);
  if (path == NULL) return 0;
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return 0;
  const long n = syscall(SYS_read, fd, line, size - 1);
  syscall(SYS_close, fd);
  if (n <= 0) return 0;
  line[n] = 0;
  line[strcspn(line, "\n")] = 0;
  return 1;
}
