// The few requests that the load generator sends, encoded by hand: on purpose not with lib/kafka, so that a
// fault of the codec can't hide here. All flexible versions (KIP-482). Lengths exclude nothing: every request
// begins with its four bytes of size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dohle::bench {

// Where the correlation id stands in every request: after size, API key and version.
inline constexpr size_t kCorrelationAt = 8;

// Big-endian and varint output.
class Writer {
 public:
  void I8(int8_t v) { out_.push_back(static_cast<char>(v)); }
  void I16(int16_t v) { BigEndian(static_cast<uint64_t>(v), 2); }
  void I32(int32_t v) { BigEndian(static_cast<uint64_t>(v), 4); }
  void I64(int64_t v) { BigEndian(static_cast<uint64_t>(v), 8); }
  void UVarint(uint64_t v);
  void Varint(int64_t v) { UVarint((static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63)); }
  void Bytes(std::string_view v) { out_.append(v); }
  void CompactString(std::string_view v) {
    UVarint(v.size() + 1);
    Bytes(v);
  }
  void NoTags() { I8(0); }

  size_t size() const { return out_.size(); }
  std::string Take() { return std::move(out_); }

 private:
  void BigEndian(uint64_t v, int bytes);
  std::string out_;
};

// Overwrites at `at`, big-endian.
void PutI32(std::string& bytes, size_t at, int32_t v);
void PutI64(std::string& bytes, size_t at, int64_t v);

// Bounded input: past the end it gives zeros and `ok()` turns false.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}
  int8_t I8() { return static_cast<int8_t>(BigEndian(1)); }
  int16_t I16() { return static_cast<int16_t>(BigEndian(2)); }
  int32_t I32() { return static_cast<int32_t>(BigEndian(4)); }
  int64_t I64() { return static_cast<int64_t>(BigEndian(8)); }
  uint64_t UVarint();
  std::string_view Bytes(size_t n);
  std::string_view CompactString();  // null reads as empty
  void SkipTags();

  bool ok() const { return ok_; }
  size_t position() const { return at_; }

 private:
  uint64_t BigEndian(size_t n);
  std::string_view in_;
  size_t at_ = 0;
  bool ok_ = true;
};

// One uncompressed record batch v2 of `records` records with values of `value_bytes` and no keys, stamped
// `now_ms`.
std::string RecordBatch(int records, int value_bytes, int64_t now_ms);
// As many records as fit into `batch_bytes`; at least one.
std::string RecordBatchOfSize(size_t batch_bytes, int value_bytes, int64_t now_ms);

// A request and the places in it that change from one sending to the next.
struct Request {
  std::string bytes;
  size_t partition_at = 0;
  size_t offset_at = 0;  // Fetch only
};

Request ProduceRequest(std::string_view topic, int32_t partition, int16_t acks,
                       std::string_view batch);                                                      // v9
Request FetchRequest(std::string_view topic, int32_t partition, int64_t offset, int32_t max_bytes);  // v12
Request CreateTopicRequest(std::string_view topic, int32_t partitions);                              // v7
Request DeleteTopicRequest(std::string_view topic);                                                  // v6
Request MetadataRequest(std::string_view topic);  // v12; of no topic when `topic` is empty

// What the responses say. `frame` is without the size. kNoAnswer when it isn't such a response.
inline constexpr int16_t kNoAnswer = 32767;
int16_t ProduceError(std::string_view frame);
int16_t CreateTopicError(std::string_view frame);
int16_t DeleteTopicError(std::string_view frame);

struct FetchAnswer {
  int16_t error = kNoAnswer;
  std::string_view records;
  int64_t next_offset = -1;  // after the last whole batch in `records`; -1 if there is none
};
FetchAnswer ParseFetch(std::string_view frame);

struct MetadataAnswer {
  int16_t error = kNoAnswer;
  size_t brokers = 0;
  size_t partitions = 0;  // of the topic asked for
  size_t leaderless = 0;  // of these, or still led by `gone`
};
MetadataAnswer ParseMetadata(std::string_view frame, int32_t gone = -1);

}  // namespace dohle::bench
