// What is generated over all messages: the table of APIs, the variant of metadata records, the registry of
// codecs.
#include <algorithm>

#include "lib/kafka/generator/emit.h"

namespace dohle::kafka::generator {
namespace {

Messages OfKind(const Messages& messages, const std::string& kind) {
  Messages of_kind;
  for (const Message& message : messages) {
    if (message.kind == kind) of_kind.push_back(message);
  }
  std::sort(of_kind.begin(), of_kind.end(), [](const Message& a, const Message& b) { return a.key < b.key; });
  return of_kind;
}

std::string Versions(Range range) {
  return "{" + std::to_string(range.min) + ", " + std::to_string(range.max) + "}";
}

std::string Include(const Message& message) {
  return "#include \"lib/kafka/messages/" + SnakeCase(message.name) + ".h\"";
}

std::string Listeners(const Message& message) {
  std::string mask;
  for (const std::string& listener : message.listeners) {
    mask += (mask.empty() ? "" : " | ") + std::string(listener == "broker" ? "kOnBroker" : "kOnController");
  }
  return mask.empty() ? "0" : mask;
}

}  // namespace

std::string ApiKeysHeader(const Messages& messages) {
  const Messages requests = OfKind(messages, "request");
  Lines out;
  out.Add("// The APIs of the protocol. Generated from lib/kafka/schema/*_request.schema.");
  out.Add("#pragma once");
  out.Add("");
  out.Add("#include <array>");
  out.Add("#include <cstdint>");
  out.Add("#include <string_view>");
  out.Add("");
  out.Add("#include \"lib/kafka/version_range.h\"");
  out.Add("");
  out.Add("namespace dohle::kafka {");
  out.Add("");
  out.Add("enum class ApiKey : int16_t {");
  for (const Message& request : requests) {
    out.Add("k" + ApiName(request) + " = " + std::to_string(*request.key) + "," +
            (request.versions.empty() ? "  // removed in Apache Kafka 4.0" : ""));
  }
  out.Add("};");
  out.Add("");
  out.Add("// Who may be asked, as bits.");
  out.Add("inline constexpr uint8_t kOnBroker = 1;");
  out.Add("inline constexpr uint8_t kOnController = 2;");
  out.Add("");
  out.Add("struct ApiInfo {");
  out.Add("ApiKey key;");
  out.Add("std::string_view name;  // \"Produce\"");
  out.Add("VersionRange versions;");
  out.Add("int16_t first_flexible_version;  // INT16_MAX if none");
  out.Add("uint8_t listeners;");
  out.Add("bool latest_version_unstable;  // versions.max is not to be announced");
  out.Add("};");
  out.Add("");
  size_t count = 0;
  for (const Message& request : requests) count += request.versions.empty() ? 0 : 1;
  out.Add("// By key, ascending; without the removed ones.");
  out.Add("inline constexpr std::array<ApiInfo, " + std::to_string(count) + "> kApis = {{");
  for (const Message& request : requests) {
    if (request.versions.empty()) continue;
    out.Add("  {ApiKey::k" + ApiName(request) + ", \"" + ApiName(request) + "\", " +
            Versions(request.versions) + ", " +
            (request.flexible.empty() ? "INT16_MAX" : std::to_string(request.flexible.min)) + ", " +
            Listeners(request) + ", " + (request.latest_unstable ? "true" : "false") + "},");
  }
  out.Add("}};");
  out.Add("");
  out.Add("// Null if we don't know that API.");
  out.Add("const ApiInfo* FindApi(int16_t key);");
  out.Add("// \"Produce\"; \"Unknown\" for a key that no API has or had.");
  out.Add("std::string_view ApiName(ApiKey key);");
  out.Add(
      "// The version of the header that belongs to a request or response of `api_version` (KIP-482). For an "
      "API or version");
  out.Add("// that we don't know: what the newest versions use.");
  out.Add("int16_t RequestHeaderVersion(ApiKey key, int16_t api_version);");
  out.Add("int16_t ResponseHeaderVersion(ApiKey key, int16_t api_version);");
  out.Add("");
  out.Add("}  // namespace dohle::kafka");
  return out.Take();
}

std::string ApiKeysSource(const Messages& messages) {
  Lines out;
  out.Add("// Generated from lib/kafka/schema/*_request.schema.");
  out.Add("#include \"lib/kafka/messages/api_keys.h\"");
  out.Add("");
  out.Add("#include <algorithm>");
  out.Add("");
  out.Add("namespace dohle::kafka {");
  out.Add("");
  out.Add("const ApiInfo* FindApi(int16_t key) {");
  out.Add("const auto* found = std::lower_bound(kApis.begin(), kApis.end(), key,");
  out.Add("    [](const ApiInfo& api, int16_t wanted) { return static_cast<int16_t>(api.key) < wanted; });");
  out.Add("return found != kApis.end() && static_cast<int16_t>(found->key) == key ? found : nullptr;");
  out.Add("}");
  out.Add("");
  out.Add("std::string_view ApiName(ApiKey key) {");
  out.Add("switch (key) {");
  for (const Message& request : OfKind(messages, "request")) {
    out.Add("case ApiKey::k" + ApiName(request) + ":");
    out.Add("  return \"" + ApiName(request) + "\";");
  }
  out.Add("}");
  out.Add("return \"Unknown\";");
  out.Add("}");
  out.Add("");
  out.Add("static bool IsFlexible(ApiKey key, int16_t api_version) {");
  out.Add("const ApiInfo* api = FindApi(static_cast<int16_t>(key));");
  out.Add("return api == nullptr || api_version >= api->first_flexible_version;");
  out.Add("}");
  out.Add("");
  out.Add(
      "int16_t RequestHeaderVersion(ApiKey key, int16_t api_version) { return IsFlexible(key, api_version) ? "
      "2 : 1; }");
  out.Add("");
  out.Add("int16_t ResponseHeaderVersion(ApiKey key, int16_t api_version) {");
  out.Add("// A client that asks in a version that we don't know must be able to read the answer (KIP-511).");
  out.Add("if (key == ApiKey::kApiVersions) return 0;");
  out.Add("return IsFlexible(key, api_version) ? 1 : 0;");
  out.Add("}");
  out.Add("");
  out.Add("}  // namespace dohle::kafka");
  return out.Take();
}

std::string MetadataRecordHeader(const Messages& messages) {
  const Messages records = OfKind(messages, "metadata_record");
  Lines out;
  out.Add("// Any record of the metadata log (KIP-631). Generated from lib/kafka/schema.");
  out.Add("//");
  out.Add(
      "// Its value on disk is framed: unsigned varint frame version (1), unsigned varint record type, "
      "unsigned varint");
  out.Add("// version, then the message.");
  out.Add("#pragma once");
  out.Add("");
  out.Add("#include <array>");
  out.Add("#include <variant>");
  out.Add("");
  out.Add("#include \"absl/status/statusor.h\"");
  for (const Message& record : records) out.Add(Include(record));
  out.Add("");
  out.Add("namespace dohle::kafka {");
  out.Add("");
  out.Add("using MetadataRecord = std::variant<");
  for (const Message& record : records) {
    out.Add("    " + record.name + (&record == &records.back() ? ">;" : ","));
  }
  out.Add("");
  out.Add("struct MetadataRecordInfo {");
  out.Add("int16_t type;");
  out.Add("std::string_view name;  // \"TopicRecord\"");
  out.Add("VersionRange versions;");
  out.Add("};");
  out.Add("");
  out.Add("// By type, ascending, and in the order of the variant: kMetadataRecords[record.index()].");
  out.Add("inline constexpr std::array<MetadataRecordInfo, " + std::to_string(records.size()) +
          "> kMetadataRecords = {{");
  for (const Message& record : records) {
    out.Add("  {" + std::to_string(*record.key) + ", \"" + record.name + "\", " + Versions(record.versions) +
            "},");
  }
  out.Add("}};");
  out.Add("");
  out.Add(
      "// Borrows from `value`. kUnimplemented for a type or version that we don't know, else "
      "kInvalidArgument.");
  out.Add("absl::StatusOr<MetadataRecord> DecodeMetadataRecord(std::string_view value);");
  out.Add("// `version` must be one of the record's.");
  out.Add("std::string EncodeMetadataRecord(const MetadataRecord& record, int16_t version);");
  out.Add("size_t EncodedSize(const MetadataRecord& record, int16_t version);");
  out.Add("std::string ToString(const MetadataRecord& record);");
  out.Add(
      "inline const MetadataRecordInfo& InfoOf(const MetadataRecord& record) { return "
      "kMetadataRecords[record.index()]; }");
  out.Add("");
  out.Add("}  // namespace dohle::kafka");
  return out.Take();
}

std::string MetadataRecordSource(const Messages& messages) {
  Lines out;
  out.Add("// Generated from lib/kafka/schema.");
  out.Add("#include \"lib/kafka/messages/metadata_record.h\"");
  out.Add("");
  out.Add("#include \"lib/kafka/metadata_frame.h\"");
  out.Add("");
  out.Add("namespace dohle::kafka {");
  out.Add("");
  out.Add("absl::StatusOr<MetadataRecord> DecodeMetadataRecord(std::string_view value) {");
  out.Add("Reader reader(value);");
  out.Add("const MetadataFrame frame = ReadMetadataFrame(reader);");
  out.Add("if (!reader.ok()) return reader.status();");
  out.Add("switch (frame.type) {");
  for (const Message& record : OfKind(messages, "metadata_record")) {
    out.Add("case " + std::to_string(*record.key) + ":");
    out.Add("  return DecodeFramed<MetadataRecord, " + record.name + ">(reader, frame);");
  }
  out.Add("default:");
  out.Add("  return UnknownMetadataRecord(frame);");
  out.Add("}");
  out.Add("}");
  out.Add("");
  out.Add("std::string EncodeMetadataRecord(const MetadataRecord& record, int16_t version) {");
  out.Add(
      "return std::visit([version](const auto& message) { return EncodeFramed(message, version); }, "
      "record);");
  out.Add("}");
  out.Add("");
  out.Add("size_t EncodedSize(const MetadataRecord& record, int16_t version) {");
  out.Add(
      "return std::visit([version](const auto& message) { return FramedSize(message, version); }, record);");
  out.Add("}");
  out.Add("");
  out.Add("std::string ToString(const MetadataRecord& record) {");
  out.Add("return std::visit([](const auto& message) { return ToString(message); }, record);");
  out.Add("}");
  out.Add("");
  out.Add("}  // namespace dohle::kafka");
  return out.Take();
}

std::string RegistrySource(const Messages& messages) {
  Lines out;
  out.Add("// Generated from lib/kafka/schema.");
  out.Add("#include \"lib/kafka/message_registry.h\"");
  out.Add("");
  for (const Message& message : messages) {
    if (!message.versions.empty()) out.Add(Include(message));
  }
  out.Add("");
  out.Add("namespace dohle::kafka {");
  out.Add("");
  out.Add("std::span<const MessageInfo> AllMessages() {");
  out.Add("static constexpr MessageInfo kMessages[] = {");
  for (const Message& message : messages) {
    if (!message.versions.empty()) {
      out.Add("  InfoFor<" + message.name + ">(" + std::to_string(message.key.value_or(-1)) + ", \"" +
              message.kind + "\"),");
    }
  }
  out.Add("};");
  out.Add("return kMessages;");
  out.Add("}");
  out.Add("");
  out.Add("}  // namespace dohle::kafka");
  return out.Take();
}

}  // namespace dohle::kafka::generator
