// Every message decoder. The first four bytes pick message and version, the rest is the message.
#include "lib/base/check.h"
#include "lib/kafka/message_registry.h"
#include "lib/kafka/messages/metadata_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dohle::kafka;  // NOLINT
  if (size < 4) return 0;
  const auto messages = AllMessages();
  const size_t pick = (static_cast<size_t>(data[0]) << 8 | data[1]) % (messages.size() + 1);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);
  if (pick == messages.size()) {
    const auto record = DecodeMetadataRecord(bytes);
    if (record.ok()) ToString(*record);
    return 0;
  }
  const MessageInfo& info = messages[pick];
  const int versions = info.versions.max - info.versions.min + 1;
  const auto version = static_cast<int16_t>(info.versions.min + (data[2] << 8 | data[3]) % versions);
  const auto measured = info.measure(bytes, version);
  if (!measured.ok()) return 0;
  const std::string_view whole = bytes.substr(0, *measured);
  const auto once = info.reencode(whole, version);
  DOHLE_CHECK(once.ok());
  const auto twice = info.reencode(*once, version);
  DOHLE_CHECK(twice.ok() && *once == *twice);
  DOHLE_CHECK(info.print(whole, version).ok());
  return 0;
}
