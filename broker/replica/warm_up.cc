#include "broker/replica/warm_up.h"

#include <algorithm>
#include <memory>

namespace dohle::replica {
namespace {

constexpr size_t kChunkBytes = 256 * 1024;

bool ByteIsCached(const env::FileSlice& slice, uint64_t at) {
  char byte = 0;
  return slice.file->ReadAtIfCached(slice.position + at, &byte, 1).ok();
}

bool ReadThrough(const env::FileSlice& slice) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(kChunkBytes);
  for (uint64_t done = 0; done < slice.length;) {
    const auto n = static_cast<size_t>(std::min<uint64_t>(kChunkBytes, slice.length - done));
    const auto got = slice.file->ReadAt(slice.position + done, buffer.get(), n);
    if (!got.ok() || *got == 0) return false;
    done += *got;
  }
  return true;
}

}  // namespace

bool SeemsCached(const env::FileSlice& slice) {
  if (slice.length == 0) return true;
  return ByteIsCached(slice, slice.length - 1) && ByteIsCached(slice, 0);
}

env::Task<void> WarmUp(env::BlockingPool& pool, env::FileSlice slice) {
  auto read = [&slice] { return ReadThrough(slice); };
  co_await env::RunBlocking<bool>(pool, read);
}

}  // namespace dohle::replica
