#include "lib/kafka/compression.h"

#include <gtest/gtest.h>
#include <snappy.h>

#include <random>

namespace dohle::kafka {
namespace {

constexpr size_t kMax = size_t{64} << 20;

std::string Words(size_t size) {
  std::mt19937 random(17);
  std::string text;
  while (text.size() < size) text += "word" + std::to_string(random() % 1000) + " ";
  text.resize(size);
  return text;
}

class CodecTest : public testing::TestWithParam<Codec> {};

TEST_P(CodecTest, RoundTripsAllSizes) {
  for (const size_t size : {0, 1, 100, 32767, 32768, 32769, 65536, 1000000}) {
    const std::string data = Words(size);
    const auto compressed = Compress(GetParam(), data);
    ASSERT_TRUE(compressed.ok()) << compressed.status();
    const auto back = Decompress(GetParam(), *compressed, kMax);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, data);
    if (size == 1000000 && GetParam() != Codec::kNone) {
      EXPECT_LT(compressed->size(), size / 2);
    }
  }
}

TEST_P(CodecTest, StreamsInPiecesOfAnySize) {
  const std::string data = Words(100000);
  const std::string compressed = *Compress(GetParam(), data);
  for (const size_t piece : {1, 7, 4096, 1 << 20}) {
    auto stream = Decompressor::Open(GetParam(), compressed, kMax);
    ASSERT_TRUE(stream.ok());
    std::string out;
    std::string buffer(piece, '\0');
    while (true) {
      const auto n = (*stream)->Read(buffer.data(), buffer.size());
      ASSERT_TRUE(n.ok()) << n.status();
      if (*n == 0) break;
      out.append(buffer, 0, *n);
    }
    EXPECT_EQ(out, data) << piece;
    EXPECT_EQ(*(*stream)->Read(buffer.data(), buffer.size()), 0u) << "the end stays the end";
  }
}

TEST_P(CodecTest, BoundsItsOutput) {
  const std::string zeros(10 << 20, '\0');
  const std::string bomb = *Compress(GetParam(), zeros);
  EXPECT_EQ(Decompress(GetParam(), bomb, 1 << 20).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Decompress(GetParam(), bomb, zeros.size()).ok());
  EXPECT_FALSE(Decompress(GetParam(), bomb, zeros.size() - 1).ok());
}

TEST_P(CodecTest, NoticesEveryCut) {
  if (GetParam() == Codec::kNone) return;
  const std::string data = Words(70000);
  const std::string compressed = *Compress(GetParam(), data);
  for (size_t size = 0; size < compressed.size(); size += size < 200 ? 1 : 97) {
    const auto back = Decompress(GetParam(), std::string_view(compressed).substr(0, size), kMax);
    // Snappy's framing has no end mark: what ends between blocks is shorter but whole.
    if (back.ok()) {
      EXPECT_EQ(GetParam(), Codec::kSnappy);
      EXPECT_LT(back->size(), data.size());
      EXPECT_TRUE(data.starts_with(*back));
    }
  }
}

TEST_P(CodecTest, LevelsBeyondTheRangeAreItsEnds) {
  const std::string data = Words(5000);
  for (const int level : {-200000, -1, 0, 1, 6, 9, 12, 22, 100}) {
    const auto compressed = Compress(GetParam(), data, level);
    ASSERT_TRUE(compressed.ok()) << level;
    EXPECT_EQ(*Decompress(GetParam(), *compressed, kMax), data) << level;
  }
}

INSTANTIATE_TEST_SUITE_P(All, CodecTest,
                         testing::Values(Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4,
                                         Codec::kZstd),
                         [](const auto& codec) { return std::string(Name(codec.param)); });

TEST(CompressionTest, NamesAndNumbers) {
  EXPECT_EQ(CodecFromId(4), Codec::kZstd);
  EXPECT_EQ(CodecFromId(5), std::nullopt);
  EXPECT_EQ(CodecFromId(-1), std::nullopt);
  EXPECT_EQ(CodecFromName("lz4"), Codec::kLz4);
  EXPECT_EQ(CodecFromName("LZ4"), std::nullopt);
}

TEST(CompressionTest, ReadsRawSnappy) {
  const std::string data = Words(50000);
  std::string raw;
  snappy::Compress(data.data(), data.size(), &raw);
  EXPECT_EQ(*Decompress(Codec::kSnappy, raw, kMax), data);
}

TEST(CompressionTest, ReadsConcatenatedStreams) {
  for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    const std::string twice = *Compress(codec, "first ") + *Compress(codec, "second");
    const auto back = Decompress(codec, twice, kMax);
    ASSERT_TRUE(back.ok()) << Name(codec) << back.status();
    EXPECT_EQ(*back, "first second") << Name(codec);
  }
}

TEST(CompressionTest, ASnappyBlockThatLiesAboutItsLengthAllocatesNothing) {
  // A raw block that claims 2^31 bytes and holds none.
  EXPECT_EQ(Decompress(Codec::kSnappy, "\x80\x80\x80\x80\x08", size_t{1} << 32).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace dohle::kafka
