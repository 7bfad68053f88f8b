#include "lib/kafka/metadata_frame.h"

#include "lib/base/status.h"

namespace dohle::kafka {

MetadataFrame ReadMetadataFrame(Reader& reader) {
  const uint32_t frame_version = reader.UnsignedVarint();
  const uint32_t type = reader.UnsignedVarint();
  const uint32_t version = reader.UnsignedVarint();
  if (reader.ok() && frame_version != kMetadataFrameVersion)
    reader.Fail("unknown frame version of a metadata record");
  if (reader.ok() && (type > INT16_MAX || version > INT16_MAX))
    reader.Fail("type or version of a metadata record");
  return {static_cast<int16_t>(type), static_cast<int16_t>(version)};
}

absl::Status UnknownMetadataRecord(const MetadataFrame& frame) {
  return MakeStatus(StatusCode::kUnimplemented, "unknown metadata record type {} (version {})", frame.type,
                    frame.version);
}

}  // namespace dohle::kafka
