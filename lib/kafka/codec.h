// Whole messages to and from bytes, in the forms that Kafka stores them in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/kafka/reader.h"
#include "lib/kafka/writer.h"

namespace dohle::kafka {

// The message and nothing behind it. Borrows from `bytes`.
template <typename M>
absl::Status DecodeWhole(std::string_view bytes, int16_t version, M* message) {
  Reader reader(bytes);
  if (absl::Status status = Decode(reader, version, message); !status.ok()) return status;
  if (!reader.empty()) reader.Fail("bytes behind the end of the message");
  return reader.status();
}

// For messages without spliced records.
template <typename M>
std::string EncodeWhole(const M& message, int16_t version) {
  Writer writer(EncodedSize(message, version));
  Encode(message, version, writer);
  EncodedMessage encoded = writer.Finish();
  DOHLE_CHECK(encoded.splices.empty());
  return std::move(encoded.bytes);
}

// int16 version, then the message: values in the logs of coordinators, transaction markers, the consumer's
// protocol.
template <typename M>
std::string EncodeVersionPrefixed(const M& message, int16_t version) {
  Writer writer(sizeof(int16_t) + EncodedSize(message, version));
  writer.Int16(version);
  Encode(message, version, writer);
  EncodedMessage encoded = writer.Finish();
  DOHLE_CHECK(encoded.splices.empty());
  return std::move(encoded.bytes);
}

// Borrows from `bytes`. kUnimplemented for a version that we don't know. Returns the version by `version` if
// not null.
template <typename M>
absl::Status DecodeVersionPrefixed(std::string_view bytes, M* message, int16_t* version = nullptr) {
  Reader reader(bytes);
  const int16_t found = reader.Int16();
  if (!reader.ok()) return reader.status();
  if (version != nullptr) *version = found;
  return DecodeWhole(bytes.substr(sizeof(int16_t)), found, message);
}

// int16 record type, then the key: keys in the logs of coordinators. A key's message has one version only,
// its first.
template <typename Key>
std::string EncodeCoordinatorKey(const Key& key) {
  Writer writer;
  writer.Int16(Key::kCoordinatorRecordType);
  Encode(key, Key::kVersions.min, writer);
  return writer.Finish().bytes;
}

// The type of a coordinator's record, to be compared with Key::kCoordinatorRecordType; -1 if `key` is too
// short.
inline int16_t CoordinatorRecordType(std::string_view key) {
  Reader reader(key);
  const int16_t type = reader.Int16();
  return reader.ok() ? type : int16_t{-1};
}

// Borrows. The caller has looked at the type.
template <typename Key>
absl::Status DecodeCoordinatorKey(std::string_view bytes, Key* key) {
  if (CoordinatorRecordType(bytes) != Key::kCoordinatorRecordType) {
    return absl::InvalidArgumentError("not a key of that type");
  }
  return DecodeWhole(bytes.substr(sizeof(int16_t)), Key::kVersions.min, key);
}

}  // namespace dohle::kafka
