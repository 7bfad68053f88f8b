// Every decoder against bytes that are not what they should be. The fuzzers go further; this runs always, and
// the same each time.
#include <gtest/gtest.h>

#include <random>

#include "lib/kafka/message_registry.h"
#include "lib/kafka/messages/metadata_record.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::kafka {
namespace {

constexpr size_t kMax = 1 << 20;

// Bytes among which small numbers are frequent, so that lengths and counts are often plausible.
std::string Plausible(std::mt19937& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes)
    byte = random() % 8 == 0 ? static_cast<char>(random())
                             : static_cast<char>(random() % 4 * (random() % 3 == 0));
  return bytes;
}

// A message that decodes, or nothing if chance didn't give one.
std::optional<std::string> Sample(const MessageInfo& info, int16_t version, std::mt19937& random) {
  for (int tries = 0; tries < 200; ++tries) {
    const std::string bytes = Plausible(random, 600);
    if (const auto size = info.measure(bytes, version); size.ok()) return bytes.substr(0, *size);
  }
  return std::nullopt;
}

// What is decoded can be encoded, and that is decoded to the same.
void ExpectStable(const MessageInfo& info, int16_t version, std::string_view bytes) {
  const auto once = info.reencode(bytes, version);
  if (!once.ok()) return;
  const auto twice = info.reencode(*once, version);
  ASSERT_TRUE(twice.ok()) << info.name << " v" << version << ": " << twice.status();
  ASSERT_EQ(*once, *twice) << info.name << " v" << version;
  ASSERT_TRUE(info.print(bytes, version).ok());
}

TEST(MalformedTest, MessagesCutOffAnywhereFail) {
  std::mt19937 random(4711);
  size_t samples = 0;
  size_t all = 0;
  for (const MessageInfo& info : AllMessages()) {
    for (int16_t version = info.versions.min; version <= info.versions.max; ++version) {
      ++all;
      const auto sample = Sample(info, version, random);
      if (!sample.has_value()) continue;
      ++samples;
      ExpectStable(info, version, *sample);
      for (size_t size = 0; size < sample->size(); ++size) {
        // Copied to its exact size, so that the sanitizer sees a read beyond.
        const std::vector<char> cut(sample->begin(), sample->begin() + static_cast<ptrdiff_t>(size));
        ASSERT_FALSE(info.measure({cut.data(), cut.size()}, version).ok())
            << info.name << " v" << version << " of " << size;
      }
    }
  }
  EXPECT_GT(samples, all * 9 / 10) << "chance must give most messages";
}

TEST(MalformedTest, MessagesWithFlippedBitsFailOrAreStable) {
  std::mt19937 random(815);
  for (const MessageInfo& info : AllMessages()) {
    for (int16_t version = info.versions.min; version <= info.versions.max; ++version) {
      const auto sample = Sample(info, version, random);
      if (!sample.has_value() || sample->empty()) continue;
      for (int i = 0; i < 40; ++i) {
        std::string flipped = *sample;
        flipped[random() % flipped.size()] ^= static_cast<char>(1 << random() % 8);
        ExpectStable(info, version, flipped);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(MalformedTest, HugeCountsAllocateNothing) {
  // 0x7f… as every length there is: each decoder must refuse it before it allocates.
  for (const MessageInfo& info : AllMessages()) {
    for (int16_t version = info.versions.min; version <= info.versions.max; ++version) {
      info.measure(std::string(64, '\x7f'), version).IgnoreError();
      info.measure(std::string(64, '\xff'), version).IgnoreError();
    }
  }
}

TEST(MalformedTest, MetadataRecords) {
  std::mt19937 random(99);
  size_t good = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = Plausible(random, random() % 60);
    if (bytes.size() > 3) {
      bytes[0] = 1;
      bytes[1] = static_cast<char>(random() % 30);
    }
    const auto record = DecodeMetadataRecord(bytes);
    if (!record.ok()) continue;
    ++good;
    ToString(*record);
  }
  EXPECT_GT(good, 10u);
}

std::string Batch(Codec codec) {
  BatchOptions options;
  options.codec = codec;
  RecordBatchBuilder builder(options);
  const RecordHeader headers[] = {{"header", "value"}};
  for (int i = 0; i < 10; ++i)
    builder.Append(i, "key" + std::to_string(i), std::string(static_cast<size_t>(i) * 10, 'v'), headers);
  return *builder.Build();
}

// Reads all that can be read; true if all was well.
bool ReadAll(std::string_view bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  const auto batch = RecordBatchView::Parse({exact.data(), exact.size()});
  if (!batch.ok() || !CheckHeader(*batch).ok()) return false;
  auto reader = RecordReader::Open(*batch, kMax);
  if (!reader.ok()) return false;
  Record record;
  while (reader->Next(&record)) {
  }
  return reader->status().ok();
}

TEST(MalformedTest, BatchesWithFlippedBits) {
  std::mt19937 random(5);
  for (int id = 0; id <= 4; ++id) {
    const std::string batch = Batch(*CodecFromId(id));
    EXPECT_TRUE(ReadAll(batch));
    for (int i = 0; i < 3000; ++i) {
      std::string flipped = batch;
      const size_t at = random() % flipped.size();
      flipped[at] ^= static_cast<char>(1 << random() % 8);
      ReadAll(flipped);
      if (at >= 21) {
        EXPECT_FALSE(RecordBatchView(flipped).CrcMatches()) << at;
      }
    }
  }
}

TEST(MalformedTest, BatchesWhosePayloadIsCutOff) {
  for (int id = 0; id <= 4; ++id) {
    const std::string batch = Batch(*CodecFromId(id));
    for (size_t size = kBatchHeaderSize; size < batch.size(); ++size) {
      std::string cut = batch.substr(0, size);
      StoreBigEndian(cut.data() + 8, static_cast<int32_t>(size - kBatchPrefixSize));
      EXPECT_FALSE(ReadAll(cut)) << Name(*CodecFromId(id)) << " at " << size;
    }
  }
}

}  // namespace
}  // namespace dohle::kafka
