// DOHLE_CHECK(condition): for our own bugs only, never for bytes from outside. Prints where and what, then
// aborts.
#pragma once

namespace dohle::internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);
}  // namespace dohle::internal

#define DOHLE_CHECK(condition)                                        \
  do {                                                                \
    if (!(condition)) [[unlikely]]                                    \
      ::dohle::internal::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)
