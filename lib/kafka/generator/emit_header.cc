#include <algorithm>

#include "lib/kafka/generator/emit.h"

namespace dohle::kafka::generator {
namespace {

// Nested structs stand in front of their message, under a name of both, and it has an alias of their own
// name. Inside it the defaults of their members would not be known yet where std::optional asks for them.
std::string StructType(const Message& message, const std::string& name) { return message.name + "_" + name; }

std::string BaseType(const Message& message, const Field& field) {
  switch (field.base) {
    case Base::kBool:
      return "bool";
    case Base::kInt8:
      return "int8_t";
    case Base::kInt16:
      return "int16_t";
    case Base::kUint16:
      return "uint16_t";
    case Base::kInt32:
      return "int32_t";
    case Base::kUint32:
      return "uint32_t";
    case Base::kInt64:
      return "int64_t";
    case Base::kFloat64:
      return "double";
    case Base::kUuid:
      return "Uuid";
    case Base::kString:
    case Base::kBytes:
      return "Text";
    case Base::kRecords:
      return "Records";
    case Base::kStruct:
      return StructType(message, field.struct_name);
  }
  return "";
}

bool IsNumber(Base base) {
  return base != Base::kUuid && base != Base::kString && base != Base::kBytes && base != Base::kRecords &&
         base != Base::kStruct;
}

std::string Number(const Field& field) {
  const std::string value = field.default_value.value_or(field.base == Base::kBool ? "false" : "0");
  // The literal of the least value would be out of range before its sign is applied.
  if (value == "-2147483648") return "INT32_MIN";
  return value;
}

// "std::optional<std::vector<Topic>> topics{std::in_place};  // versions 1+"
std::string Declaration(const Message& message, const Field& field) {
  std::string type = BaseType(message, field);
  if (field.array) type = "std::vector<" + type + ">";
  std::string init;
  if (field.can_be_null()) {
    type = "std::optional<" + type + ">";
    // Kafka's defaults: empty, not null, unless the schema says null; but records are null.
    if (!field.defaults_to_null() && field.base != Base::kRecords) init = "{std::in_place}";
  } else if (!field.array && IsNumber(field.base)) {
    init = " = " + Number(field);
  }
  std::string line = type + " " + field.name + init + ";";
  if (field.versions != message.versions) {
    line += "  // version";
    if (field.versions.min == field.versions.max) {
      line += " " + std::to_string(field.versions.min);
    } else if (field.versions.max == message.versions.max) {
      line += "s " + std::to_string(field.versions.min) + "+";
    } else {
      line += "s " + std::to_string(field.versions.min) + "-" + std::to_string(field.versions.max);
    }
  }
  return line;
}

void AddFields(Lines& out, const Message& message, const Struct& fields) {
  for (const Field& field : fields.fields) out.Add(Declaration(message, field));
}

void AddConstants(Lines& out, const Message& message) {
  if (message.kind == "request" || message.kind == "response") {
    out.Add("static constexpr ApiKey kApiKey = ApiKey::k" + ApiName(message) + ";");
  } else if (message.kind == "metadata_record" || message.kind == "remote_log_record") {
    out.Add("static constexpr int16_t kMetadataRecordType = " + std::to_string(*message.key) + ";");
  } else if (message.key.has_value()) {
    out.Add("static constexpr int16_t kCoordinatorRecordType = " + std::to_string(*message.key) + ";");
  }
  out.Add("static constexpr VersionRange kVersions{" + std::to_string(message.versions.min) + ", " +
          std::to_string(message.versions.max) + "};");
  out.Add("static constexpr int16_t kFirstFlexibleVersion = " +
          (message.flexible.empty() ? std::string("INT16_MAX") : std::to_string(message.flexible.min)) + ";");
  out.Add("static constexpr std::string_view kName = \"" + message.name + "\";");
}

bool Uses(const Message& message, Base base) {
  const auto uses = [&](const Struct& s) {
    return std::any_of(s.fields.begin(), s.fields.end(), [&](const Field& f) { return f.base == base; });
  };
  return uses(message.body) || std::any_of(message.structs.begin(), message.structs.end(), uses);
}

}  // namespace

std::string MessageHeader(const Message& message) {
  Lines out;
  out.Add("// Generated from lib/kafka/schema/" + SnakeCase(message.name) + ".schema.");
  if (!message.comment.empty()) out.Add("// " + message.comment);
  out.Add("#pragma once");
  out.Add("");
  out.Add("#include \"lib/kafka/message.h\"");
  if (message.kind == "request" || message.kind == "response")
    out.Add("#include \"lib/kafka/messages/api_keys.h\"");
  if (Uses(message, Base::kRecords)) out.Add("#include \"lib/kafka/records.h\"");
  out.Add("");
  out.Add("namespace dohle::kafka {");
  out.Add("");
  for (const Struct& nested : message.structs) {
    const std::string type = StructType(message, nested.name);
    out.Add("struct " + type + " {");
    AddFields(out, message, nested);
    out.Add("");
    out.Add("friend bool operator==(const " + type + "&, const " + type + "&) = default;");
    out.Add("};");
    out.Add("");
  }
  out.Add("struct " + message.name + " {");
  for (const Struct& nested : message.structs) {
    out.Add("using " + nested.name + " = " + StructType(message, nested.name) + ";");
  }
  if (!message.structs.empty()) out.Add("");
  AddConstants(out, message);
  out.Add("");
  AddFields(out, message, message.body);
  out.Add("");
  out.Add("friend bool operator==(const " + message.name + "&, const " + message.name + "&) = default;");
  out.Add("};");
  out.Add("");
  out.Add("absl::Status Decode(Reader& reader, int16_t version, " + message.name + "* out);");
  out.Add("size_t EncodedSize(const " + message.name + "& message, int16_t version);");
  out.Add("void Encode(const " + message.name + "& message, int16_t version, Writer& writer);");
  out.Add("std::string ToString(const " + message.name + "& message);");
  out.Add("");
  out.Add("}  // namespace dohle::kafka");
  return out.Take();
}

}  // namespace dohle::kafka::generator
