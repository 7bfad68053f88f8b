// What every generated message header needs. Include the message itself:
// "lib/kafka/messages/produce_request.h".
//
// A message is a plain struct that holds the fields of all its versions. A field that a version doesn't have
// keeps its default when decoded, and is left out when encoded. Defaults are Kafka's: note that a nullable
// field defaults to empty, not to null, unless its schema says `= null`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/uuid.h"
#include "lib/kafka/text.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {

class Reader;
class Writer;

// For each message M there are:
//
// absl::Status Decode(Reader&, int16_t version, M* out);
//   Borrows from the reader's buffer. kInvalidArgument if malformed (then *out is unspecified),
//   kUnimplemented if there is no such version. After a whole message the caller checks reader.empty().
// size_t EncodedSize(const M&, int16_t version);
//   Exactly what Encode produces, file slices included.
// void Encode(const M&, int16_t version, Writer&);
//   `version` must be one of M::kVersions. A field that the version lacks is dropped, whether ignorable or
//   not: whoever builds a message for an old version knows what it can't say.
// std::string ToString(const M&);
//   One line for debugging, bounded in length. Shows fields of all versions, and secrets.

}  // namespace dohle::kafka
