// The generated code on messages whose bytes are known.
#include <gtest/gtest.h>

#include "lib/kafka/message_registry.h"
#include "lib/kafka/messages/api_versions_response.h"
#include "lib/kafka/messages/fetch_response.h"
#include "lib/kafka/messages/legacy_offset_commit_key.h"
#include "lib/kafka/messages/metadata_record.h"
#include "lib/kafka/messages/metadata_request.h"
#include "lib/kafka/messages/offset_commit_key.h"
#include "lib/kafka/messages/offset_commit_value.h"
#include "lib/kafka/messages/produce_request.h"
#include "lib/kafka/messages/request_header.h"

namespace dohle::kafka {
namespace {

template <typename M>
std::string Bytes(const M& message, int16_t version) {
  Writer writer(EncodedSize(message, version));
  Encode(message, version, writer);
  const auto flat = Flatten(writer.Finish());
  EXPECT_EQ(flat->size(), EncodedSize(message, version));
  return *flat;
}

TEST(MessagesTest, RequestHeaderOfAnApiVersionsRequest) {
  const std::string bytes(
      "\0\x12\0\x03\0\0\0\x2a\0\x06"
      "client"
      "\0",
      17);
  RequestHeader header;
  ASSERT_TRUE(DecodeWhole(bytes, 2, &header).ok());
  EXPECT_EQ(header.request_api_key, static_cast<int16_t>(ApiKey::kApiVersions));
  EXPECT_EQ(header.correlation_id, 42);
  EXPECT_EQ(header.client_id, Text("client"));
  EXPECT_EQ(Bytes(header, 2), bytes);
}

TEST(MessagesTest, ProduceRequestRoundTripsInEveryVersion) {
  ProduceRequest request;
  request.transactional_id = "tx";
  request.acks = -1;
  request.timeout_ms = 1500;
  auto& topic = request.topic_data.emplace_back();
  topic.name = "topic";
  topic.topic_id = Uuid(7, 9);
  auto& partition = topic.partition_data.emplace_back();
  partition.index = 3;
  const std::string batch(5000, 'b');
  partition.records = Records(std::string_view(batch));
  for (int16_t version = ProduceRequest::kVersions.min; version <= ProduceRequest::kVersions.max; ++version) {
    const std::string bytes = Bytes(request, version);
    ProduceRequest decoded;
    ASSERT_TRUE(DecodeWhole(bytes, version, &decoded).ok()) << version;
    ProduceRequest expected = request;
    if (version <= 12) {
      expected.topic_data[0].topic_id = Uuid();
    } else {
      expected.topic_data[0].name = "";
    }
    EXPECT_EQ(decoded, expected) << ToString(decoded);
  }
}

TEST(MessagesTest, TaggedFieldsAreWrittenOnlyWhenTheyDiffer) {
  FetchResponse response;
  response.responses.emplace_back().partitions.emplace_back();
  const size_t plain = EncodedSize(response, 18);
  auto& partition = response.responses[0].partitions[0];
  partition.current_leader.leader_id = 5;
  // tag, size, leader id, leader epoch, no tags of its own
  EXPECT_EQ(EncodedSize(response, 18), plain + 1 + 1 + 4 + 4 + 1);
  FetchResponse decoded;
  const std::string bytes = Bytes(response, 18);
  ASSERT_TRUE(DecodeWhole(bytes, 18, &decoded).ok());
  EXPECT_EQ(decoded, response);
  EXPECT_EQ(EncodedSize(response, 11), EncodedSize(FetchResponse(decoded), 11));
}

TEST(MessagesTest, NullOnlyWhereTheVersionKnowsIt) {
  MetadataRequest request;
  request.topics.reset();
  EXPECT_EQ(Bytes(request, 0), std::string("\0\0\0\0", 4));
  EXPECT_EQ(Bytes(request, 1), "\xff\xff\xff\xff");
  MetadataRequest decoded;
  ASSERT_TRUE(DecodeWhole(std::string_view("\xff\xff\xff\xff", 4), 1, &decoded).ok());
  EXPECT_FALSE(decoded.topics.has_value());
  EXPECT_FALSE(DecodeWhole(std::string_view("\xff\xff\xff\xff", 4), 0, &decoded).ok());
}

TEST(MessagesTest, UnknownVersionIsUnimplemented) {
  ProduceRequest request;
  Reader reader("");
  EXPECT_EQ(Decode(reader, 14, &request).code(), absl::StatusCode::kUnimplemented);
}

TEST(MessagesTest, DecodingBorrows) {
  const std::string bytes(
      "\0\x12\0\x03\0\0\0\x2a\0\x06"
      "client"
      "\0",
      17);
  RequestHeader header;
  ASSERT_TRUE(DecodeWhole(bytes, 2, &header).ok());
  EXPECT_EQ(header.client_id->data(), bytes.data() + 10);
}

TEST(ApiKeysTest, TableAndHeaderVersions) {
  ASSERT_NE(FindApi(0), nullptr);
  EXPECT_EQ(FindApi(0)->versions, (VersionRange{3, 13}));
  EXPECT_EQ(FindApi(4), nullptr);
  EXPECT_EQ(FindApi(-1), nullptr);
  EXPECT_EQ(FindApi(999), nullptr);
  EXPECT_EQ(ApiName(ApiKey::kFetch), "Fetch");
  EXPECT_EQ(ApiName(static_cast<ApiKey>(999)), "Unknown");
  EXPECT_EQ(RequestHeaderVersion(ApiKey::kProduce, 8), 1);
  EXPECT_EQ(RequestHeaderVersion(ApiKey::kProduce, 9), 2);
  EXPECT_EQ(ResponseHeaderVersion(ApiKey::kProduce, 9), 1);
  EXPECT_EQ(ResponseHeaderVersion(ApiKey::kApiVersions, 4), 0);
  EXPECT_EQ(RequestHeaderVersion(ApiKey::kApiVersions, 4), 2);
}

TEST(MetadataRecordTest, FramedRoundTrip) {
  TopicRecord topic;
  topic.name = "t";
  topic.topic_id = Uuid(1, 2);
  const MetadataRecord record = topic;
  const std::string bytes = EncodeMetadataRecord(record, 0);
  EXPECT_EQ(bytes.substr(0, 5), std::string("\x01\x02\x00\x02t", 5));
  EXPECT_EQ(bytes.size(), EncodedSize(record, 0));
  const auto decoded = DecodeMetadataRecord(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, record);
  EXPECT_EQ(InfoOf(*decoded).name, "TopicRecord");
}

TEST(MetadataRecordTest, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(DecodeMetadataRecord(std::string_view("\x01\x7f\x00", 3)).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(DecodeMetadataRecord(std::string_view("\x02\x02\x00", 3)).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DecodeMetadataRecord("").status().code(), absl::StatusCode::kInvalidArgument);
  TopicRecord topic;
  EXPECT_FALSE(DecodeMetadataRecord(EncodeMetadataRecord(topic, 0) + "x").ok());
}

TEST(CoordinatorRecordTest, KeysHaveTheirTypeAndValuesTheirVersionInFront) {
  OffsetCommitKey key;
  key.group = "g";
  key.topic = "t";
  key.partition = 2;
  const std::string bytes = EncodeCoordinatorKey(key);
  EXPECT_EQ(bytes, std::string("\0\1\0\1g\0\1t\0\0\0\2", 12));
  EXPECT_EQ(CoordinatorRecordType(bytes), OffsetCommitKey::kCoordinatorRecordType);
  OffsetCommitKey decoded;
  ASSERT_TRUE(DecodeCoordinatorKey(bytes, &decoded).ok());
  EXPECT_EQ(decoded, key);
  LegacyOffsetCommitKey legacy;
  EXPECT_FALSE(DecodeCoordinatorKey(bytes, &legacy).ok());
  EXPECT_EQ(CoordinatorRecordType("x"), -1);

  OffsetCommitValue value;
  value.offset = 5;
  const std::string value_bytes = EncodeVersionPrefixed(value, 3);
  EXPECT_EQ(value_bytes.substr(0, 2), std::string("\0\3", 2));
  OffsetCommitValue decoded_value;
  int16_t version = -1;
  ASSERT_TRUE(DecodeVersionPrefixed(value_bytes, &decoded_value, &version).ok());
  EXPECT_EQ(version, 3);
  EXPECT_EQ(decoded_value, value);
  EXPECT_EQ(DecodeVersionPrefixed(std::string("\0\x7f", 2), &decoded_value).code(),
            absl::StatusCode::kUnimplemented);
}

TEST(ToStringTest, IsBoundedAndShowsNoControlCharacters) {
  ProduceRequest request;
  request.transactional_id = "a\nb";
  for (int i = 0; i < 100000; ++i) request.topic_data.emplace_back().name = "some topic";
  const std::string text = ToString(request);
  EXPECT_LT(text.size(), 20000u);
  EXPECT_NE(text.find("transactional_id=\"a.b\""), std::string::npos) << text.substr(0, 100);
  EXPECT_NE(text.find("of 100000"), std::string::npos);
}

TEST(RegistryTest, HoldsEveryMessageInOrder) {
  const auto messages = AllMessages();
  EXPECT_GT(messages.size(), 260u);
  EXPECT_TRUE(std::is_sorted(messages.begin(), messages.end(),
                             [](const MessageInfo& a, const MessageInfo& b) { return a.name < b.name; }));
}

}  // namespace
}  // namespace dohle::kafka
