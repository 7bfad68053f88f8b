#include "lib/kafka/compression.h"

#include <lz4frame.h>
#include <lz4hc.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>

#include "lib/base/status.h"
#include "lib/kafka/compression_internal.h"
#include "lib/kafka/endian.h"

namespace dohle::kafka {
namespace {

constexpr std::string_view kNames[] = {"none", "gzip", "snappy", "lz4", "zstd"};
constexpr size_t kSnappyBlockSize = 32 * 1024;  // snappy-java's
constexpr size_t kPiece = 64 * 1024;

Status LibraryError(std::string_view library, std::string_view what) {
  return MakeStatus(StatusCode::kInternal, "{}: {}", library, what);
}

StatusOr<std::string> CompressGzip(std::string_view data, int level) {
  z_stream stream{};
  const int zlib_level = level == kDefaultCompressionLevel ? Z_DEFAULT_COMPRESSION : std::clamp(level, 1, 9);
  constexpr int kGzipWindow = 15 + 16;  // 16 asks zlib for the gzip format
  constexpr int kMemoryLevel = 8;
  if (deflateInit2(&stream, zlib_level, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    return MakeStatus(StatusCode::kResourceExhausted, "zlib: no memory");
  }
  if (data.size() > std::numeric_limits<uInt>::max()) return LibraryError("zlib", "more than 4 GiB");
  std::string out(deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return LibraryError("zlib", "deflate did not finish");
  return out;
}

StatusOr<std::string> CompressSnappy(std::string_view data) {
  std::string out(kXerialMagic);
  out.append(kXerialVersions);
  for (size_t at = 0; at < data.size(); at += kSnappyBlockSize) {
    const std::string_view block = data.substr(at, kSnappyBlockSize);
    const size_t start = out.size();
    out.resize(start + sizeof(uint32_t) + snappy::MaxCompressedLength(block.size()));
    size_t compressed = 0;
    snappy::RawCompress(block.data(), block.size(), out.data() + start + sizeof(uint32_t), &compressed);
    StoreBigEndian(out.data() + start, static_cast<uint32_t>(compressed));
    out.resize(start + sizeof(uint32_t) + compressed);
  }
  return out;
}

StatusOr<std::string> CompressLz4(std::string_view data, int level) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.compressionLevel =
      level == kDefaultCompressionLevel ? 0 : std::clamp(level, 1, LZ4HC_CLEVEL_MAX);
  std::string out(LZ4F_compressFrameBound(data.size(), &preferences), '\0');
  const size_t size = LZ4F_compressFrame(out.data(), out.size(), data.data(), data.size(), &preferences);
  if (LZ4F_isError(size) != 0) return LibraryError("lz4", LZ4F_getErrorName(size));
  out.resize(size);
  return out;
}

StatusOr<std::string> CompressZstd(std::string_view data, int level) {
  const int zstd_level = level == kDefaultCompressionLevel
                             ? ZSTD_CLEVEL_DEFAULT
                             : std::clamp(level, ZSTD_minCLevel(), ZSTD_maxCLevel());
  std::string out(ZSTD_compressBound(data.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), data.data(), data.size(), zstd_level);
  if (ZSTD_isError(size) != 0) return LibraryError("zstd", ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

}  // namespace

std::optional<Codec> CodecFromId(int id) {
  if (id < 0 || id > static_cast<int>(Codec::kZstd)) return std::nullopt;
  return static_cast<Codec>(id);
}

std::optional<Codec> CodecFromName(std::string_view name) {
  const auto* found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<Codec>(found - std::begin(kNames));
}

std::string_view Name(Codec codec) { return kNames[static_cast<size_t>(codec)]; }

StatusOr<std::string> Compress(Codec codec, std::string_view data, int level) {
  switch (codec) {
    case Codec::kNone:
      return std::string(data);
    case Codec::kGzip:
      return CompressGzip(data, level);
    case Codec::kSnappy:
      return CompressSnappy(data);
    case Codec::kLz4:
      return CompressLz4(data, level);
    case Codec::kZstd:
      return CompressZstd(data, level);
  }
  return MakeStatus(StatusCode::kInvalidArgument, "unknown codec {}", static_cast<int>(codec));
}

StatusOr<std::string> Decompress(Codec codec, std::string_view data, size_t max_size) {
  DOHLE_ASSIGN_OR_RETURN(const std::unique_ptr<Decompressor> stream,
                         Decompressor::Open(codec, data, max_size));
  std::string out;
  while (true) {
    const size_t used = out.size();
    out.resize(used + std::max(kPiece, used));
    DOHLE_ASSIGN_OR_RETURN(const size_t n, stream->Read(out.data() + used, out.size() - used));
    out.resize(used + n);
    if (out.size() > max_size) {
      return MakeStatus(StatusCode::kResourceExhausted, "{} data grows beyond {} bytes", Name(codec),
                        max_size);
    }
    if (n == 0) return out;
  }
}

}  // namespace dohle::kafka
