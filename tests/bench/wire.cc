#include "tests/bench/wire.h"

#include <algorithm>

#include "lib/base/crc32c.h"

namespace dohle::bench {
namespace {

constexpr size_t kBatchOverhead = 12;  // base offset and length, which the length doesn't count
constexpr size_t kCrcAt = 17;          // in a batch
constexpr size_t kCrcCoversFrom = 21;  // the attributes and all that follows
constexpr size_t kLastOffsetDeltaAt = 23;
constexpr size_t kBatchHeader = 61;
constexpr std::string_view kClientId = "dohle-load";

// Header v2.
Writer Begin(int16_t api_key, int16_t version) {
  Writer w;
  w.I32(0);
  w.I16(api_key);
  w.I16(version);
  w.I32(0);
  w.I16(static_cast<int16_t>(kClientId.size()));
  w.Bytes(kClientId);
  w.NoTags();
  return w;
}

std::string End(Writer& w) {
  std::string bytes = w.Take();
  PutI32(bytes, 0, static_cast<int32_t>(bytes.size() - 4));
  return bytes;
}

// Past the response's header v1.
Reader Body(std::string_view frame) {
  Reader r(frame);
  r.I32();
  r.SkipTags();
  return r;
}

std::string Record(int value_bytes, int offset_delta) {
  Writer body;
  body.I8(0);
  body.Varint(0);
  body.Varint(offset_delta);
  body.Varint(-1);
  body.Varint(value_bytes);
  // No two records alike, and nothing that would compress to nothing.
  uint32_t state = static_cast<uint32_t>(offset_delta) * 2654435761U + 12345;
  std::string value(static_cast<size_t>(value_bytes), '\0');
  for (char& c : value) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>('!' + (state >> 24) % 90);
  }
  body.Bytes(value);
  body.Varint(0);
  Writer record;
  record.Varint(static_cast<int64_t>(body.size()));
  record.Bytes(body.Take());
  return record.Take();
}

std::string Batch(int records, std::string_view record_bytes, int64_t now_ms) {
  Writer w;
  w.I64(0);
  w.I32(static_cast<int32_t>(kBatchHeader - kBatchOverhead + record_bytes.size()));
  w.I32(-1);
  w.I8(2);
  w.I32(0);
  w.I16(0);
  w.I32(records - 1);
  w.I64(now_ms);
  w.I64(now_ms);
  w.I64(-1);
  w.I16(-1);
  w.I32(-1);
  w.I32(records);
  w.Bytes(record_bytes);
  std::string bytes = w.Take();
  PutI32(bytes, kCrcAt, static_cast<int32_t>(Crc32c(std::string_view(bytes).substr(kCrcCoversFrom))));
  return bytes;
}

int64_t NextOffset(std::string_view records) {
  int64_t next = -1;
  while (records.size() >= kBatchHeader) {
    Reader r(records);
    const int64_t base = r.I64();
    const size_t length = kBatchOverhead + static_cast<size_t>(std::max(0, r.I32()));
    if (length > records.size()) break;
    Reader delta(records.substr(kLastOffsetDeltaAt));
    next = base + delta.I32() + 1;
    records.remove_prefix(length);
  }
  return next;
}

}  // namespace

void Writer::BigEndian(uint64_t v, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out_.push_back(static_cast<char>(v >> shift));
}

void Writer::UVarint(uint64_t v) {
  for (; v >= 0x80; v >>= 7) out_.push_back(static_cast<char>(v | 0x80));
  out_.push_back(static_cast<char>(v));
}

void PutI32(std::string& bytes, size_t at, int32_t v) {
  for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(static_cast<uint32_t>(v) >> (24 - 8 * i));
}

void PutI64(std::string& bytes, size_t at, int64_t v) {
  for (size_t i = 0; i < 8; ++i) bytes[at + i] = static_cast<char>(static_cast<uint64_t>(v) >> (56 - 8 * i));
}

uint64_t Reader::BigEndian(size_t n) {
  uint64_t v = 0;
  for (const char c : Bytes(n)) v = v << 8 | static_cast<uint8_t>(c);
  return v;
}

uint64_t Reader::UVarint() {
  uint64_t v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = static_cast<uint8_t>(I8());
    v |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return v;
  }
  ok_ = false;
  return 0;
}

std::string_view Reader::Bytes(size_t n) {
  if (n > in_.size() - at_) {
    ok_ = false;
    at_ = in_.size();
    return {};
  }
  at_ += n;
  return in_.substr(at_ - n, n);
}

std::string_view Reader::CompactString() {
  const uint64_t n = UVarint();
  return n == 0 ? std::string_view() : Bytes(n - 1);
}

void Reader::SkipTags() {
  for (uint64_t n = UVarint(); n > 0 && ok_; --n) {
    UVarint();
    Bytes(UVarint());
  }
}

std::string RecordBatch(int records, int value_bytes, int64_t now_ms) {
  std::string bytes;
  for (int i = 0; i < records; ++i) bytes += Record(value_bytes, i);
  return Batch(records, bytes, now_ms);
}

std::string RecordBatchOfSize(size_t batch_bytes, int value_bytes, int64_t now_ms) {
  std::string bytes;
  int records = 0;
  while (true) {
    const std::string next = Record(value_bytes, records);
    if (records > 0 && kBatchHeader + bytes.size() + next.size() > batch_bytes) break;
    bytes += next;
    ++records;
  }
  return Batch(records, bytes, now_ms);
}

Request ProduceRequest(std::string_view topic, int32_t partition, int16_t acks, std::string_view batch) {
  Request request;
  Writer w = Begin(0, 9);
  w.UVarint(0);  // no transactional id
  w.I16(acks);
  w.I32(30'000);
  w.UVarint(2);
  w.CompactString(topic);
  w.UVarint(2);
  request.partition_at = w.size();
  w.I32(partition);
  w.UVarint(batch.size() + 1);
  w.Bytes(batch);
  w.NoTags();
  w.NoTags();
  w.NoTags();
  request.bytes = End(w);
  return request;
}

Request FetchRequest(std::string_view topic, int32_t partition, int64_t offset, int32_t max_bytes) {
  Request request;
  Writer w = Begin(1, 12);
  w.I32(-1);
  w.I32(0);  // never waits: at the end the reader starts again
  w.I32(1);
  w.I32(max_bytes);
  w.I8(0);
  w.I32(0);
  w.I32(-1);  // no session
  w.UVarint(2);
  w.CompactString(topic);
  w.UVarint(2);
  request.partition_at = w.size();
  w.I32(partition);
  w.I32(-1);
  request.offset_at = w.size();
  w.I64(offset);
  w.I32(-1);
  w.I64(-1);
  w.I32(max_bytes);
  w.NoTags();
  w.NoTags();
  w.UVarint(1);
  w.CompactString("");
  w.NoTags();
  request.bytes = End(w);
  return request;
}

Request CreateTopicRequest(std::string_view topic, int32_t partitions) {
  Writer w = Begin(19, 7);
  w.UVarint(2);
  w.CompactString(topic);
  w.I32(partitions);
  w.I16(1);
  w.UVarint(1);
  w.UVarint(1);
  w.NoTags();
  w.I32(60'000);
  w.I8(0);
  w.NoTags();
  return Request{.bytes = End(w)};
}

Request DeleteTopicRequest(std::string_view topic) {
  Writer w = Begin(20, 6);
  w.UVarint(2);
  w.CompactString(topic);
  w.I64(0);
  w.I64(0);
  w.NoTags();
  w.I32(60'000);
  w.NoTags();
  return Request{.bytes = End(w)};
}

Request MetadataRequest(std::string_view topic) {
  Writer w = Begin(3, 12);
  w.UVarint(topic.empty() ? 1 : 2);
  if (!topic.empty()) {
    w.I64(0);
    w.I64(0);
    w.CompactString(topic);
    w.NoTags();
  }
  w.I8(0);
  w.I8(0);
  w.NoTags();
  return Request{.bytes = End(w)};
}

int16_t ProduceError(std::string_view frame) {
  Reader r = Body(frame);
  r.UVarint();
  r.CompactString();
  r.UVarint();
  r.I32();
  const int16_t error = r.I16();
  return r.ok() ? error : kNoAnswer;
}

int16_t CreateTopicError(std::string_view frame) {
  Reader r = Body(frame);
  r.I32();
  r.UVarint();
  r.CompactString();
  r.Bytes(16);
  const int16_t error = r.I16();
  return r.ok() ? error : kNoAnswer;
}

int16_t DeleteTopicError(std::string_view frame) { return CreateTopicError(frame); }

FetchAnswer ParseFetch(std::string_view frame) {
  FetchAnswer answer;
  Reader r = Body(frame);
  r.I32();
  const int16_t error = r.I16();
  r.I32();
  if (error != 0 || r.UVarint() != 2) {
    answer.error = r.ok() && error != 0 ? error : kNoAnswer;
    return answer;
  }
  r.CompactString();
  r.UVarint();
  r.I32();
  answer.error = r.I16();
  r.Bytes(24);                                            // high watermark, last stable offset, log start
  if (const uint64_t aborted = r.UVarint(); aborted > 1)  // null or empty unless there are transactions
    answer.error = kNoAnswer;
  r.I32();
  const uint64_t length = r.UVarint();
  answer.records = r.Bytes(length == 0 ? 0 : length - 1);
  if (!r.ok()) answer.error = kNoAnswer;
  answer.next_offset = NextOffset(answer.records);
  return answer;
}

MetadataAnswer ParseMetadata(std::string_view frame, int32_t gone) {
  MetadataAnswer answer;
  Reader r = Body(frame);
  r.I32();
  answer.brokers = r.UVarint() - 1;
  for (size_t i = 0; i < answer.brokers && r.ok(); ++i) {
    r.I32();
    r.CompactString();
    r.I32();
    r.CompactString();
    r.SkipTags();
  }
  r.CompactString();
  r.I32();
  const uint64_t topics = r.UVarint() - 1;
  answer.error = 0;
  if (topics == 1) {
    answer.error = r.I16();
    r.CompactString();
    r.Bytes(16);
    r.I8();
    answer.partitions = r.UVarint() - 1;
    for (size_t i = 0; i < answer.partitions && r.ok(); ++i) {
      r.I16();
      r.I32();
      if (const int32_t leader = r.I32(); leader < 0 || leader == gone) ++answer.leaderless;
      r.I32();
      for (int list = 0; list < 3; ++list) r.Bytes(4 * (r.UVarint() - 1));
      r.SkipTags();
    }
  }
  if (!r.ok()) answer.error = kNoAnswer;
  return answer;
}

}  // namespace dohle::bench
