#include "lib/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace dohle::internal {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: internal invariant broken: %s\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace dohle::internal
