// Every message by name, for tools that don't know at compile time what they read: conformance tests,
// fuzzers, dumps.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/check.h"
#include "lib/kafka/codec.h"
#include "lib/kafka/version_range.h"

namespace dohle::kafka {

struct MessageInfo {
  std::string_view name;  // "ProduceRequest"
  std::string_view kind;  // of its schema: request, response, metadata_record, …
  int key;                // of the API or the record type, -1 if it has none
  VersionRange versions;
  // Decodes all of `bytes` and encodes it again; with EncodedSize held against the result.
  absl::StatusOr<std::string> (*reencode)(std::string_view bytes, int16_t version);
  // Decodes one message from the beginning of `bytes` and gives the number of bytes that it takes.
  absl::StatusOr<size_t> (*measure)(std::string_view bytes, int16_t version);
  // Decodes all of `bytes` and prints it.
  absl::StatusOr<std::string> (*print)(std::string_view bytes, int16_t version);
};

// Sorted by name.
std::span<const MessageInfo> AllMessages();

template <typename M>
constexpr MessageInfo InfoFor(int key, std::string_view kind) {
  return {M::kName,
          kind,
          key,
          M::kVersions,
          [](std::string_view bytes, int16_t version) -> absl::StatusOr<std::string> {
            M message;
            if (absl::Status status = DecodeWhole(bytes, version, &message); !status.ok()) return status;
            Writer writer;
            Encode(message, version, writer);
            absl::StatusOr<std::string> again = Flatten(writer.Finish());
            if (again.ok()) DOHLE_CHECK(again->size() == EncodedSize(message, version));
            return again;
          },
          [](std::string_view bytes, int16_t version) -> absl::StatusOr<size_t> {
            M message;
            Reader reader(bytes);
            if (absl::Status status = Decode(reader, version, &message); !status.ok()) return status;
            return reader.position();
          },
          [](std::string_view bytes, int16_t version) -> absl::StatusOr<std::string> {
            M message;
            if (absl::Status status = DecodeWhole(bytes, version, &message); !status.ok()) return status;
            return ToString(message);
          }};
}

}  // namespace dohle::kafka
