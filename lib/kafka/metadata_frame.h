// The frame around a metadata record (KIP-631), for the generated metadata_record.cc only.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lib/base/check.h"
#include "lib/kafka/reader.h"
#include "lib/kafka/writer.h"

namespace dohle::kafka {

inline constexpr uint32_t kMetadataFrameVersion = 1;

struct MetadataFrame {
  int16_t type = 0;
  int16_t version = 0;
};

MetadataFrame ReadMetadataFrame(Reader& reader);
absl::Status UnknownMetadataRecord(const MetadataFrame& frame);

template <typename Variant, typename Record>
absl::StatusOr<Variant> DecodeFramed(Reader& reader, const MetadataFrame& frame) {
  Record record;
  if (absl::Status status = Decode(reader, frame.version, &record); !status.ok()) return status;
  if (!reader.empty()) reader.Fail("bytes behind the end of a metadata record");
  if (!reader.ok()) return reader.status();
  return Variant(std::move(record));
}

template <typename Sink, typename Record>
void WriteFrame(Sink& sink, const Record&, int16_t version) {
  sink.UnsignedVarint(kMetadataFrameVersion);
  sink.UnsignedVarint(static_cast<uint32_t>(Record::kMetadataRecordType));
  sink.UnsignedVarint(static_cast<uint32_t>(version));
}

template <typename Record>
size_t FramedSize(const Record& record, int16_t version) {
  SizeCounter frame;
  WriteFrame(frame, record, version);
  return frame.size() + EncodedSize(record, version);
}

template <typename Record>
std::string EncodeFramed(const Record& record, int16_t version) {
  Writer writer(FramedSize(record, version));
  WriteFrame(writer, record, version);
  Encode(record, version, writer);
  return writer.Finish().bytes;
}

}  // namespace dohle::kafka
