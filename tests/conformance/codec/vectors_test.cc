// Our codec against what Apache Kafka's own classes wrote (Vectors.java), both ways. run.sh makes the vectors
// and starts this with DOHLE_VECTORS naming their directory.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "lib/kafka/control_record.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/message_registry.h"
#include "lib/kafka/messages/api_keys.h"
#include "lib/kafka/messages/metadata_record.h"
#include "lib/kafka/printer.h"
#include "lib/kafka/record.h"
#include "lib/kafka/record_batch_builder.h"

namespace dohle::kafka {
namespace {

std::string Directory() {
  const char* directory = std::getenv("DOHLE_VECTORS");
  return directory != nullptr ? directory : "";
}

std::string ReadFile(const std::string& name) {
  std::ifstream in(Directory() + "/" + name, std::ios::binary);
  EXPECT_TRUE(in) << name << " is missing: run tests/conformance/codec/run.sh";
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string_view Sized(Reader& reader) { return reader.Raw(static_cast<size_t>(reader.Int32())); }

TEST(VectorsTest, MessagesDecodePrintAndEncodeLikeKafkas) {
  std::map<std::string_view, MessageInfo> infos;
  for (const MessageInfo& info : AllMessages()) infos.emplace(info.name, info);
  std::set<std::pair<std::string_view, int16_t>> seen;
  size_t printed = 0;
  const std::string file = ReadFile("messages.bin");
  Reader in(file);
  while (!in.empty()) {
    const std::string_view name = in.Raw(static_cast<size_t>(in.Int16()));
    const int16_t version = in.Int16();
    const std::string_view bytes = Sized(in);
    const std::string_view text = Sized(in);
    ASSERT_TRUE(in.ok());
    ASSERT_TRUE(infos.contains(name)) << name;
    const MessageInfo& info = infos.at(name);
    ASSERT_TRUE(info.versions.contains(version)) << name << " v" << version;
    seen.emplace(info.name, version);
    const auto again = info.reencode(bytes, version);
    ASSERT_TRUE(again.ok()) << name << " v" << version << ": " << again.status() << "\n" << text;
    ASSERT_EQ(*again, bytes) << name << " v" << version << "\n" << text;
    const auto ours = info.print(bytes, version);
    if (text.size() <= Printer::kMaxTotal) {
      ASSERT_EQ(*ours, text) << name << " v" << version;
      ++printed;
    }
  }
  size_t expected = 0;
  for (const auto& [name, info] : infos)
    expected += static_cast<size_t>(info.versions.max - info.versions.min + 1);
  EXPECT_EQ(seen.size(), expected) << "every version of every message";
  EXPECT_GT(printed, expected * 5);
}

TEST(VectorsTest, FramedMetadataRecords) {
  const std::string file = ReadFile("metadata.bin");
  Reader in(file);
  std::set<size_t> seen;
  while (!in.empty()) {
    const int16_t version = in.Int16();
    const std::string_view bytes = Sized(in);
    const auto record = DecodeMetadataRecord(bytes);
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(EncodeMetadataRecord(*record, version), bytes) << ToString(*record);
    EXPECT_EQ(EncodedSize(*record, version), bytes.size());
    seen.insert(record->index());
  }
  EXPECT_EQ(seen.size(), kMetadataRecords.size());
}

TEST(VectorsTest, ErrorCodes) {
  std::istringstream in(ReadFile("errors.txt"));
  size_t count = 0;
  int code = 0;
  std::string name;
  std::string retriable;
  while (in >> code >> name >> retriable) {
    const ErrorCode error = ErrorFromCode(static_cast<int16_t>(code));
    EXPECT_EQ(ToCode(error), code);
    EXPECT_EQ(Name(error), name);
    EXPECT_EQ(IsRetriable(error), retriable == "true") << name;
    ++count;
  }
  EXPECT_EQ(count, AllErrors().size());
}

TEST(VectorsTest, ApisAndHeaderVersions) {
  std::istringstream in(ReadFile("headers.txt"));
  std::map<int, std::set<int>> versions;
  int key = 0;
  int version = 0;
  int request = 0;
  int response = 0;
  std::string name;
  while (in >> key >> name >> version >> request >> response) {
    const auto api = static_cast<ApiKey>(key);
    EXPECT_EQ(ApiName(api), name);
    EXPECT_EQ(RequestHeaderVersion(api, static_cast<int16_t>(version)), request) << name << " v" << version;
    EXPECT_EQ(ResponseHeaderVersion(api, static_cast<int16_t>(version)), response) << name << " v" << version;
    versions[key].insert(version);
  }
  EXPECT_EQ(versions.size(), kApis.size());
  for (const ApiInfo& api : kApis) {
    const std::set<int>& theirs = versions[static_cast<int>(api.key)];
    ASSERT_FALSE(theirs.empty()) << api.name;
    EXPECT_EQ(*theirs.begin(), api.versions.min) << api.name;
    EXPECT_EQ(*theirs.rbegin(), api.versions.max) << api.name;
  }
}

// As Vectors.java describes bytes: their number and Java's Arrays.hashCode.
std::string Hash(std::optional<std::string_view> bytes) {
  if (!bytes.has_value()) return "null";
  uint32_t hash = 1;
  for (const char c : *bytes) hash = 31 * hash + static_cast<uint32_t>(static_cast<int8_t>(c));
  char text[32];
  std::snprintf(text, sizeof(text), "%zu:%x", bytes->size(), hash);
  return text;
}

std::string DescribeHeader(const RecordBatchView& batch) {
  std::ostringstream out;
  out << std::boolalpha << "batch " << batch.base_offset().value() << ' ' << batch.last_offset().value()
      << ' ' << batch.partition_leader_epoch().value() << ' ' << batch.producer_id().value() << ' '
      << batch.producer_epoch().value() << ' ' << batch.base_sequence() << ' ' << batch.last_sequence() << ' '
      << batch.is_transactional() << ' ' << batch.is_control() << ' ' << Name(*batch.codec()) << ' '
      << static_cast<int>(batch.timestamp_type()) << ' ' << batch.max_timestamp() << ' '
      << batch.record_count() << '\n';
  return out.str();
}

std::string Describe(const Record& record) {
  std::string text = std::to_string(record.offset.value()) + " " + std::to_string(record.timestamp_ms) + " " +
                     Hash(record.key) + " " + Hash(record.value);
  for (const RecordHeader& header : record.headers) text += " " + Hash(header.key) + "=" + Hash(header.value);
  return text + "\n";
}

BatchOptions OptionsOf(const RecordBatchView& batch) {
  BatchOptions options;
  options.base_offset = batch.base_offset();
  options.partition_leader_epoch = batch.partition_leader_epoch();
  options.codec = *batch.codec();
  if (batch.timestamp_type() == TimestampType::kLogAppendTime)
    options.log_append_time_ms = batch.max_timestamp();
  options.producer_id = batch.producer_id();
  options.producer_epoch = batch.producer_epoch();
  options.base_sequence = batch.base_sequence();
  options.transactional = batch.is_transactional();
  return options;
}

void Put(std::ofstream& out, std::string_view bytes) {
  char size[4];
  StoreBigEndian(size, static_cast<uint32_t>(bytes.size()));
  out.write(size, sizeof(size));
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Reads Kafka's batches, and writes them anew with our builder for Vectors.java to check.
TEST(VectorsTest, RecordBatches) {
  const std::string file = ReadFile("batches.bin");
  std::ofstream written(Directory() + "/written.bin", std::ios::binary);
  Reader in(file);
  size_t same = 0;
  while (!in.empty()) {
    const std::string_view bytes = Sized(in);
    const std::string_view expected = Sized(in);
    const auto batch = RecordBatchView::Parse(bytes);
    ASSERT_TRUE(batch.ok()) << batch.status();
    ASSERT_EQ(batch->size(), bytes.size());
    ASSERT_TRUE(CheckCrc(*batch).ok());
    ASSERT_TRUE(CheckProducedHeader(*batch).ok());
    auto reader = RecordReader::Open(*batch, size_t{64} << 20);
    ASSERT_TRUE(reader.ok());
    std::string text = DescribeHeader(*batch);
    RecordBatchBuilder builder(OptionsOf(*batch));
    for (Record record; reader->Next(&record);) {
      text += Describe(record);
      builder.Append(record.timestamp_ms, record.key, record.value, record.headers);
    }
    ASSERT_TRUE(reader->status().ok()) << reader->status();
    ASSERT_EQ(text, expected);
    const auto rebuilt = builder.Build();
    ASSERT_TRUE(rebuilt.ok());
    if (*batch->codec() == Codec::kNone && batch->timestamp_type() == TimestampType::kCreateTime) {
      ASSERT_EQ(*rebuilt, bytes);
      ++same;
    }
    Put(written, *rebuilt);
    Put(written, expected);
  }
  EXPECT_GT(same, 30u);
  for (const bool commit : {true, false}) {
    BatchOptions options;
    options.base_offset = Offset(77);
    options.producer_id = ProducerId(5);
    options.producer_epoch = ProducerEpoch(6);
    options.partition_leader_epoch = LeaderEpoch(7);
    const std::string marker = EndTransactionBatch(options, commit, 99, 123456);
    auto reader = RecordReader::Open(RecordBatchView(marker), 1000);
    Record record;
    ASSERT_TRUE(reader->Next(&record));
    Put(written, marker);
    Put(written,
        DescribeHeader(RecordBatchView(marker)) + Describe(record) + (commit ? "COMMIT 99\n" : "ABORT 99\n"));
  }
}

}  // namespace
}  // namespace dohle::kafka
