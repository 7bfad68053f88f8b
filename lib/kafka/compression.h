// The codecs of record batches: gzip (RFC 1952), snappy (in the framing of snappy-java, "xerial"; raw too
// when reading), lz4 (frames, blocks independent as the Java client demands) and zstd (RFC 8878, KIP-110).
//
// Output is always bounded by the caller and produced piece by piece: a small input that claims to be huge
// costs nothing. No state between calls: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace dohle::kafka {

// The numbers are those of a batch's attributes.
enum class Codec : int8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

// Nothing for a number or name that is no codec. Names are those of `compression.type`.
std::optional<Codec> CodecFromId(int id);
std::optional<Codec> CodecFromName(std::string_view name);
std::string_view Name(Codec codec);

// The codec's own default. Otherwise gzip 1 to 9, lz4 1 to 17, zstd -131072 to 22 (KIP-390); snappy has none.
// Beyond the range: its end.
inline constexpr int kDefaultCompressionLevel = INT32_MIN;

// kResourceExhausted if out of memory, kInternal if the library fails.
absl::StatusOr<std::string> Compress(Codec codec, std::string_view data,
                                     int level = kDefaultCompressionLevel);

// kInvalidArgument if malformed or cut off, kResourceExhausted if the result would have more than `max_size`
// bytes.
absl::StatusOr<std::string> Decompress(Codec codec, std::string_view data, size_t max_size);

// Decompresses piece by piece. `data` must outlive it. Memory: the window of the codec (zstd: at most 128
// MiB, touched only as far as used; snappy: one block, of at most `max_block_size` bytes).
class Decompressor {
 public:
  virtual ~Decompressor() = default;

  static absl::StatusOr<std::unique_ptr<Decompressor>> Open(Codec codec, std::string_view data,
                                                            size_t max_block_size);

  // Up to `size` (> 0) bytes; 0 at the end of the data. kInvalidArgument if malformed or cut off.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;
};

}  // namespace dohle::kafka
