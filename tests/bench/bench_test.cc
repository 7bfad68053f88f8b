// The parts of the load generator that a wrong figure could come from.
#include <gtest/gtest.h>

#include <random>

#include "lib/base/crc32c.h"
#include "tests/bench/histogram.h"
#include "tests/bench/wire.h"

namespace dohle::bench {
namespace {

TEST(Histogram, PercentilesAreRightToTheirPrecision) {
  Histogram histogram;
  for (uint64_t v = 1; v <= 100'000; ++v) histogram.Record(v * 1000);
  for (const double fraction : {0.5, 0.99, 0.999}) {
    EXPECT_NEAR(static_cast<double>(histogram.Percentile(fraction)), fraction * 1e8, 0.017 * fraction * 1e8);
  }
  EXPECT_EQ(histogram.total(), 100'000U);
}

TEST(Histogram, OneSlowAnswerIsSeenAtTheTopOnly) {
  Histogram histogram;
  for (int i = 0; i < 999; ++i) histogram.Record(50);
  histogram.Record(UINT64_MAX / 2);
  EXPECT_EQ(histogram.Percentile(0.99), 50U);
  EXPECT_GT(histogram.Percentile(1.0), UINT64_MAX / 4);
}

TEST(Histogram, EmptyIsZero) { EXPECT_EQ(Histogram().Percentile(0.99), 0U); }

TEST(Batch, HasTheSizeAskedForAndARightCrc) {
  for (const int value_bytes : {100, 1024}) {
    const std::string batch = RecordBatchOfSize(65536, value_bytes, 1'700'000'000'000);
    EXPECT_LE(batch.size(), 65536U);
    EXPECT_GT(batch.size(), 65536U - 1100U);
    Reader length(std::string_view(batch).substr(8));
    EXPECT_EQ(static_cast<size_t>(length.I32()) + 12, batch.size());
    Reader crc(std::string_view(batch).substr(17));
    EXPECT_EQ(static_cast<uint32_t>(crc.I32()), Crc32c(std::string_view(batch).substr(21)));
  }
}

TEST(Requests, SizeAndPlacesToChange) {
  Request fetch = FetchRequest("topic", 3, 77, 1000);
  EXPECT_EQ(static_cast<size_t>(Reader(fetch.bytes).I32()), fetch.bytes.size() - 4);
  EXPECT_EQ(Reader(std::string_view(fetch.bytes).substr(fetch.partition_at)).I32(), 3);
  EXPECT_EQ(Reader(std::string_view(fetch.bytes).substr(fetch.offset_at)).I64(), 77);
  PutI64(fetch.bytes, fetch.offset_at, 0x0102030405060708);
  EXPECT_EQ(Reader(std::string_view(fetch.bytes).substr(fetch.offset_at)).I64(), 0x0102030405060708);
}

TEST(Answers, TruncatedOnesAreNone) {
  EXPECT_EQ(ProduceError("\0\0\0\1"), kNoAnswer);
  EXPECT_EQ(ParseFetch("").error, kNoAnswer);
  EXPECT_EQ(ParseMetadata(std::string_view("\0\0\0\1\0\0\0\0\0\xff", 10)).error, kNoAnswer);
  EXPECT_EQ(CreateTopicError({}), kNoAnswer);
}

TEST(Answers, NoBytesHurtTheReader) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::minstd_rand random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string frame(random() % 64, '\0');
    for (char& c : frame) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 3);
    ParseFetch(frame);
    ParseMetadata(frame);
    ProduceError(frame);
    CreateTopicError(frame);
  }
}

}  // namespace
}  // namespace dohle::bench
