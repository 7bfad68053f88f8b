#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "lib/base/status.h"
#include "lib/kafka/compression.h"
#include "lib/kafka/compression_internal.h"
#include "lib/kafka/endian.h"

namespace dohle::kafka {
namespace {

constexpr int kMaxZstdWindowLog = 27;  // what zstd -22 writes, and the Java client reads

Status Malformed(std::string_view codec, std::string_view what) {
  return MakeStatus(StatusCode::kInvalidArgument, "malformed {} data: {}", codec, what);
}

class Stored : public Decompressor {
 public:
  explicit Stored(std::string_view data) : data_(data) {}

  StatusOr<size_t> Read(char* buffer, size_t size) override {
    const size_t n = std::min(size, data_.size());
    if (n != 0) std::memcpy(buffer, data_.data(), n);
    data_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view data_;
};

class Gzip : public Decompressor {
 public:
  explicit Gzip(std::string_view data) : data_(data) {}
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  ~Gzip() override {
    if (open_) inflateEnd(&stream_);
  }

  bool Open() {
    constexpr int kGzipWindow = 15 + 16;  // 16 asks zlib for the gzip format
    open_ = inflateInit2(&stream_, kGzipWindow) == Z_OK;
    return open_;
  }

  StatusOr<size_t> Read(char* buffer, size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(buffer);
    const auto space = static_cast<uInt>(std::min<size_t>(size, std::numeric_limits<uInt>::max()));
    stream_.avail_out = space;
    while (stream_.avail_out == space) {
      Feed();
      if (ended_) {
        if (stream_.avail_in == 0) return 0;
        // RFC 1952: a file may be several members.
        if (inflateReset(&stream_) != Z_OK) return Malformed("gzip", "reset");
        ended_ = false;
      }
      const uInt before = stream_.avail_in;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      ended_ = result == Z_STREAM_END;
      if (result == Z_BUF_ERROR || (result == Z_OK && before == 0 && stream_.avail_out == space)) {
        return Malformed("gzip", "cut off");
      }
      if (result != Z_OK && !ended_)
        return Malformed("gzip", stream_.msg != nullptr ? stream_.msg : "inflate");
    }
    return space - stream_.avail_out;
  }

 private:
  void Feed() {
    if (stream_.avail_in != 0) return;
    const size_t n = std::min<size_t>(data_.size(), std::numeric_limits<uInt>::max());
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data_.data()));
    stream_.avail_in = static_cast<uInt>(n);
    data_.remove_prefix(n);
  }

  std::string_view data_;
  z_stream stream_{};
  bool open_ = false;
  bool ended_ = false;
};

class Snappy : public Decompressor {
 public:
  Snappy(std::string_view data, size_t max_block_size) : data_(data), max_block_size_(max_block_size) {
    framed_ = data_.starts_with(kXerialMagic);
  }

  StatusOr<size_t> Read(char* buffer, size_t size) override {
    while (used_ == block_.size()) {
      if (data_.empty()) return 0;
      std::string_view compressed;
      DOHLE_ASSIGN_OR_RETURN(compressed, NextBlock());
      DOHLE_RETURN_IF_ERROR(Uncompress(compressed));
    }
    const size_t n = std::min(size, block_.size() - used_);
    std::memcpy(buffer, block_.data() + used_, n);
    used_ += n;
    return n;
  }

 private:
  // Takes a compressed block off data_; an empty one if only headers are left.
  StatusOr<std::string_view> NextBlock() {
    if (!framed_) return std::exchange(data_, {});
    // Streams may be concatenated, each with its header.
    while (data_.starts_with(kXerialMagic)) {
      const size_t header = kXerialMagic.size() + kXerialVersions.size();
      if (data_.size() < header) return Malformed("snappy", "cut off");
      data_.remove_prefix(header);
    }
    if (data_.empty()) return data_;
    if (data_.size() < sizeof(uint32_t)) return Malformed("snappy", "cut off");
    const auto size = LoadBigEndian<uint32_t>(data_.data());
    data_.remove_prefix(sizeof(uint32_t));
    if (size > data_.size()) return Malformed("snappy", "cut off");
    const std::string_view block = data_.substr(0, size);
    data_.remove_prefix(size);
    return block;
  }

  Status Uncompress(std::string_view compressed) {
    used_ = 0;
    block_.clear();
    if (compressed.empty()) return OkStatus();
    size_t size = 0;
    if (!snappy::GetUncompressedLength(compressed.data(), compressed.size(), &size)) {
      return Malformed("snappy", "length of a block");
    }
    // 3 bytes of a copy make at most 64 of output: a length beyond that is a lie, told before any allocation.
    constexpr size_t kMaxRatio = 64;
    if (size > max_block_size_) {
      return MakeStatus(StatusCode::kResourceExhausted, "snappy block of more than {} bytes",
                        max_block_size_);
    }
    if (size / kMaxRatio > compressed.size()) return Malformed("snappy", "length of a block");
    block_.resize(size);
    if (!snappy::RawUncompress(compressed.data(), compressed.size(), block_.data())) {
      block_.clear();
      return Malformed("snappy", "block");
    }
    return OkStatus();
  }

  std::string_view data_;
  size_t max_block_size_;
  bool framed_ = false;
  std::string block_;  // of which used_ bytes have been given out
  size_t used_ = 0;
};

class Lz4 : public Decompressor {
 public:
  explicit Lz4(std::string_view data) : data_(data) {}
  Lz4(const Lz4&) = delete;
  Lz4& operator=(const Lz4&) = delete;
  ~Lz4() override { LZ4F_freeDecompressionContext(context_); }

  bool Open() { return LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)) == 0; }

  StatusOr<size_t> Read(char* buffer, size_t size) override {
    while (true) {
      if (data_.empty() && frame_ended_) return 0;
      size_t produced = size;
      size_t consumed = data_.size();
      const size_t result = LZ4F_decompress(context_, buffer, &produced, data_.data(), &consumed, nullptr);
      if (LZ4F_isError(result) != 0) return Malformed("lz4", LZ4F_getErrorName(result));
      data_.remove_prefix(consumed);
      frame_ended_ = result == 0;
      if (produced != 0) return produced;
      if (consumed == 0 && !frame_ended_) return Malformed("lz4", "cut off");
    }
  }

 private:
  std::string_view data_;
  LZ4F_dctx* context_ = nullptr;
  bool frame_ended_ = false;
};

class Zstd : public Decompressor {
 public:
  explicit Zstd(std::string_view data) : input_{data.data(), data.size(), 0} {}
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;
  ~Zstd() override { ZSTD_freeDStream(stream_); }

  bool Open() {
    stream_ = ZSTD_createDStream();
    return stream_ != nullptr &&
           ZSTD_isError(ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kMaxZstdWindowLog)) == 0;
  }

  StatusOr<size_t> Read(char* buffer, size_t size) override {
    ZSTD_outBuffer output{buffer, size, 0};
    while (output.pos == 0) {
      if (input_.pos == input_.size && frame_ended_) return 0;
      const size_t before = input_.pos;
      const size_t result = ZSTD_decompressStream(stream_, &output, &input_);
      if (ZSTD_isError(result) != 0) return Malformed("zstd", ZSTD_getErrorName(result));
      frame_ended_ = result == 0;
      if (output.pos == 0 && input_.pos == before && !frame_ended_) return Malformed("zstd", "cut off");
    }
    return output.pos;
  }

 private:
  ZSTD_inBuffer input_;
  ZSTD_DStream* stream_ = nullptr;
  bool frame_ended_ = false;
};

template <typename Stream>
StatusOr<std::unique_ptr<Decompressor>> Opened(std::string_view data) {
  auto stream = std::make_unique<Stream>(data);
  if (!stream->Open()) return MakeStatus(StatusCode::kResourceExhausted, "no memory to decompress");
  return stream;
}

}  // namespace

StatusOr<std::unique_ptr<Decompressor>> Decompressor::Open(Codec codec, std::string_view data,
                                                           size_t max_block_size) {
  switch (codec) {
    case Codec::kNone:
      return std::make_unique<Stored>(data);
    case Codec::kGzip:
      return Opened<Gzip>(data);
    case Codec::kSnappy:
      return std::make_unique<Snappy>(data, max_block_size);
    case Codec::kLz4:
      return Opened<Lz4>(data);
    case Codec::kZstd:
      return Opened<Zstd>(data);
  }
  return MakeStatus(StatusCode::kInvalidArgument, "unknown codec {}", static_cast<int>(codec));
}

}  // namespace dohle::kafka
