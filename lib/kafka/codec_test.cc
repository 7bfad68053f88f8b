// Reader and Writer against bytes written by hand.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>

#include "lib/base/status.h"
#include "lib/kafka/reader.h"
#include "lib/kafka/writer.h"

namespace dohle::kafka {
namespace {

std::string Written(const std::function<void(Writer&)>& write) {
  Writer writer;
  write(writer);
  return writer.Finish().bytes;
}

TEST(WriterTest, NumbersAreBigEndian) {
  EXPECT_EQ(Written([](Writer& w) { w.Int32(0x01020304); }), std::string("\x01\x02\x03\x04"));
  EXPECT_EQ(Written([](Writer& w) { w.Int16(-2); }), std::string("\xff\xfe"));
  EXPECT_EQ(Written([](Writer& w) { w.Float64(1.0); }), std::string("\x3f\xf0\0\0\0\0\0\0", 8));
}

TEST(WriterTest, Varints) {
  EXPECT_EQ(Written([](Writer& w) { w.UnsignedVarint(300); }), "\xac\x02");
  EXPECT_EQ(Written([](Writer& w) { w.Varint(-1); }), "\x01");
  EXPECT_EQ(Written([](Writer& w) { w.Varint(std::numeric_limits<int32_t>::min()); }),
            "\xff\xff\xff\xff\x0f");
  EXPECT_EQ(Written([](Writer& w) { w.Varlong(std::numeric_limits<int64_t>::min()); }).size(), 10u);
}

TEST(WriterTest, StringsInBothForms) {
  EXPECT_EQ(Written([](Writer& w) { w.String("ab", false); }), std::string("\0\2ab", 4));
  EXPECT_EQ(Written([](Writer& w) { w.String("ab", true); }), "\3ab");
  EXPECT_EQ(Written([](Writer& w) { w.OptionalString(std::nullopt, false, true); }), "\xff\xff");
  EXPECT_EQ(Written([](Writer& w) { w.OptionalString(std::nullopt, true, true); }), std::string("\0", 1));
  EXPECT_EQ(Written([](Writer& w) { w.OptionalString(std::nullopt, true, false); }), "\1");
}

TEST(WriterTest, CutsStringsThatTheProtocolCantCarry) {
  const std::string text(40000, 'x');
  SizeCounter size;
  size.String(text, false);
  EXPECT_EQ(size.size(), 2u + 32767u);
  const std::string bytes = Written([&](Writer& w) { w.String(text, false); });
  EXPECT_EQ(bytes.size(), size.size());
  EXPECT_EQ(Reader(bytes).String(false).size(), 32767u);
}

TEST(WriterTest, SplicesLargeBorrowedRecordsOnly) {
  const std::string large(Writer::kMinSpliceSize, 'l');
  Records records(std::string_view("small"));
  records.Append(std::string_view(large));
  records.Append(std::string(Writer::kMinSpliceSize, 'o'));
  Writer writer;
  writer.WriteRecords(records, false);
  writer.Int8(7);
  const EncodedMessage message = writer.Finish();
  ASSERT_EQ(message.splices.size(), 1u);
  EXPECT_EQ(message.splices[0].position, 4u + 5u);
  EXPECT_EQ(message.size(), 4 + 5 + 2 * Writer::kMinSpliceSize + 1);
  const auto flat = Flatten(message);
  ASSERT_TRUE(flat.ok());
  EXPECT_EQ(flat->substr(4), "small" + large + std::string(Writer::kMinSpliceSize, 'o') + "\7");
}

// A file of fixed content.
class FixedFile : public env::File {
 public:
  explicit FixedFile(std::string content) : content_(std::move(content)) {}

  StatusOr<size_t> ReadAt(uint64_t position, char* buffer, size_t n) const override {
    if (position >= content_.size()) return 0;
    return content_.copy(buffer, n, position);
  }
  StatusOr<size_t> ReadAtIfCached(uint64_t position, char* buffer, size_t n) const override {
    return ReadAt(position, buffer, n);
  }
  Status WriteAt(uint64_t, std::span<const std::string_view>) override {
    return absl::UnimplementedError("fixed");
  }
  Status Truncate(uint64_t) override { return absl::UnimplementedError("fixed"); }
  StatusOr<uint64_t> Size() const override { return content_.size(); }
  Status Sync() override { return OkStatus(); }

 private:
  std::string content_;
};

TEST(WriterTest, SplicesFileSlicesWhateverTheirSize) {
  const auto file = std::make_shared<FixedFile>("0123456789");
  Records records(env::FileSlice{file, 2, 3});
  records.Append(env::FileSlice{file, 7, 1});
  Writer writer;
  writer.WriteRecords(records, true);
  writer.Int8('!');
  const EncodedMessage message = writer.Finish();
  EXPECT_EQ(message.splices.size(), 2u);
  EXPECT_EQ(message.bytes, "\5!");
  EXPECT_EQ(message.size(), 6u);
  EXPECT_EQ(*Flatten(message),
            "\5"
            "2347"
            "!");
  Writer beyond;
  beyond.WriteRecords(Records(env::FileSlice{file, 8, 5}), true);
  EXPECT_EQ(Flatten(beyond.Finish()).status().code(), StatusCode::kDataLoss);
}

TEST(ReaderTest, RoundTripsTheExtremes) {
  Writer w;
  w.Int64(std::numeric_limits<int64_t>::min());
  w.Uint32(std::numeric_limits<uint32_t>::max());
  w.Uint16(65535);
  w.Varint(std::numeric_limits<int32_t>::min());
  w.Varlong(std::numeric_limits<int64_t>::max());
  w.UnsignedVarint(std::numeric_limits<uint32_t>::max());
  w.Float64(-0.5);
  w.WriteUuid(Uuid(1, 2));
  const std::string bytes = w.Finish().bytes;
  Reader r(bytes);
  EXPECT_EQ(r.Int64(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(r.Uint32(), std::numeric_limits<uint32_t>::max());
  EXPECT_EQ(r.Uint16(), 65535);
  EXPECT_EQ(r.Varint(), std::numeric_limits<int32_t>::min());
  EXPECT_EQ(r.Varlong(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(r.UnsignedVarint(), std::numeric_limits<uint32_t>::max());
  EXPECT_EQ(r.Float64(), -0.5);
  EXPECT_EQ(r.ReadUuid(), Uuid(1, 2));
  EXPECT_TRUE(r.empty());
  EXPECT_TRUE(r.ok());
}

TEST(ReaderTest, FailsOnceAndThenGivesZeros) {
  Reader r(std::string_view("\x01\x02\x03", 3));
  EXPECT_EQ(r.Int32(), 0);
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.Int8(), 0);
  EXPECT_EQ(r.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ReaderTest, RefusesLengthsBeyondTheEnd) {
  Reader string(std::string_view("\0\5abcd", 6));
  string.String(false);
  EXPECT_FALSE(string.ok());
  Reader bytes(std::string_view("\x7f\xff\xff\xff", 4));
  bytes.Bytes(false);
  EXPECT_FALSE(bytes.ok());
  Reader array(
      std::string_view("\0\0\0\2"
                       "12345",
                       9));
  EXPECT_LT(array.ArrayLength(false, false, 3), 0);
  EXPECT_FALSE(array.ok());
}

TEST(ReaderTest, RefusesNullWhereAValueIsRequired) {
  Reader r(std::string_view("\xff\xff", 2));
  r.String(false);
  EXPECT_FALSE(r.ok());
  Reader nullable(std::string_view("\xff\xff", 2));
  EXPECT_EQ(nullable.OptionalString(false, true), std::nullopt);
  EXPECT_TRUE(nullable.ok());
}

TEST(ReaderTest, RefusesVarintsWithoutEnd) {
  Reader r(std::string_view("\xff\xff\xff\xff\xff\x01", 6));
  r.UnsignedVarint();
  EXPECT_FALSE(r.ok());
}

TEST(ReaderTest, SkipsUnknownTagsAndChecksKnownOnes) {
  const std::string bytes(
      "\x02"
      "\x05\x02zz"
      "\x07\x04\0\0\0\x2a",
      11);
  Reader r(bytes);
  int32_t seen = 0;
  r.TaggedFields([&](uint32_t tag, Reader& field) {
    if (tag != 7) return false;
    seen = field.Int32();
    return true;
  });
  EXPECT_EQ(seen, 42);
  EXPECT_TRUE(r.ok());
  EXPECT_TRUE(r.empty());

  Reader longer(bytes);
  longer.TaggedFields([](uint32_t, Reader& field) { return field.Int8() != 1; });
  EXPECT_FALSE(longer.ok());
}

}  // namespace
}  // namespace dohle::kafka
