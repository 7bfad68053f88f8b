// A metadata record with the version that it is to be written in. Heavy (all record types): include it in
// sources, forward declare VersionedRecord in headers.
#pragma once

#include <string>
#include <vector>

#include "lib/kafka/messages/metadata_record.h"

namespace dohle::metadata {

struct VersionedRecord {
  kafka::MetadataRecord record;
  int16_t version = 0;
};
using RecordList = std::vector<VersionedRecord>;

}  // namespace dohle::metadata
