// Batches, records and compression. The first byte picks what the rest is: bytes to decompress in one of the
// codecs, or batches.
#include <cstring>

#include "lib/base/check.h"
#include "lib/kafka/control_record.h"
#include "lib/kafka/record.h"

namespace dohle::kafka {
namespace {

constexpr size_t kMax = 1 << 20;

void ReadBatch(const RecordBatchView& batch) {
  CheckCrc(batch).IgnoreError();
  if (!CheckHeader(batch).ok()) return;
  CheckProducedHeader(batch).IgnoreError();
  auto reader = RecordReader::Open(batch, kMax);
  if (!reader.ok()) return;
  Record record;
  int32_t count = 0;
  while (reader->Next(&record)) {
    ++count;
    DOHLE_CHECK(record.offset >= batch.base_offset() && record.offset <= batch.last_offset());
    if (batch.is_control() && record.key.has_value()) ParseControlRecordKey(*record.key).IgnoreError();
    if (batch.is_control() && record.value.has_value()) ParseEndTransactionValue(*record.value).IgnoreError();
  }
  DOHLE_CHECK(count <= batch.record_count());
  DOHLE_CHECK(!reader->status().ok() || count == batch.record_count());
}

void ReadBatches(std::string_view bytes) {
  BatchCursor cursor(bytes);
  while (const auto batch = cursor.Next()) ReadBatch(*batch);
}

// A header around the bytes, so that the fuzzer need not find one.
void ReadAsPayload(std::string_view payload, uint8_t codec, uint8_t count) {
  std::string batch(kBatchHeaderSize, '\0');
  batch += payload;
  StoreBigEndian(batch.data() + 8, static_cast<int32_t>(batch.size() - kBatchPrefixSize));
  batch[16] = kBatchMagic;
  batch[22] = static_cast<char>(codec);
  batch[26] = static_cast<char>(count);
  batch[60] = static_cast<char>(count);
  ReadBatch(RecordBatchView(batch));
}

}  // namespace
}  // namespace dohle::kafka

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dohle::kafka;  // NOLINT
  if (size < 2) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const int pick = data[0] % 11;
  if (pick < 5) {
    const auto codec = static_cast<Codec>(pick);
    const auto plain = Decompress(codec, rest, kMax);
    if (plain.ok()) {
      DOHLE_CHECK(plain->size() <= kMax);
      const auto again = Compress(codec, *plain, static_cast<int8_t>(data[1]));
      DOHLE_CHECK(again.ok() && *Decompress(codec, *again, kMax) == *plain);
    }
  } else if (pick < 10) {
    ReadAsPayload(rest, static_cast<uint8_t>(pick - 5), data[1] % 16);
  } else {
    ReadBatches(rest);
  }
  return 0;
}
