// The bodies of Decode, Encode, EncodedSize and ToString. Writing is a template over its sink
// (lib/kafka/writer.h), so size and bytes come from the same text.
#include <algorithm>

#include "lib/kafka/generator/emit.h"

namespace dohle::kafka::generator {
namespace {

// "version >= 3 && version <= 7" for `inner` given that `outer` holds; "" if that is always so.
std::string Condition(Range inner, Range outer) {
  std::string condition;
  if (inner.min > outer.min) condition = "version >= " + std::to_string(inner.min);
  if (inner.max < outer.max) {
    if (!condition.empty()) condition += " && ";
    condition += "version <= " + std::to_string(inner.max);
  }
  return condition;
}

std::string Or(const std::string& text, const std::string& if_empty) {
  return text.empty() ? if_empty : text;
}

std::string NumberMethod(Base base) {
  switch (base) {
    case Base::kBool:
      return "Bool";
    case Base::kInt8:
      return "Int8";
    case Base::kInt16:
      return "Int16";
    case Base::kUint16:
      return "Uint16";
    case Base::kInt32:
      return "Int32";
    case Base::kUint32:
      return "Uint32";
    case Base::kInt64:
      return "Int64";
    case Base::kFloat64:
      return "Float64";
    default:
      return "";
  }
}

class SourceEmitter {
 public:
  explicit SourceEmitter(const Message& message) : message_(message) {}

  std::string Emit() {
    const std::string snake = SnakeCase(message_.name);
    out_.Add("// Generated from lib/kafka/schema/" + snake + ".schema.");
    out_.Add("#include \"lib/kafka/messages/" + snake + ".h\"");
    out_.Add("");
    out_.Add("#include \"lib/kafka/message_source.h\"");
    out_.Add("");
    out_.Add("namespace dohle::kafka {");
    for (const Struct& nested : message_.structs) AddStruct(message_.name + "::" + nested.name, nested);
    AddStruct(message_.name, message_.body);
    AddEntryPoints();
    out_.Add("}  // namespace dohle::kafka");
    return out_.Take();
  }

 private:
  void AddStruct(const std::string& type, const Struct& fields) {
    type_ = type;
    out_.Add("");
    out_.Add("template <typename Sink>");
    out_.Add("static void WriteFields([[maybe_unused]] Sink& sink, [[maybe_unused]] const " + type +
             "& m, [[maybe_unused]] int16_t version) {");
    AddFlexible(fields);
    for (const Field& field : fields.fields) {
      if (field.tag.has_value()) continue;
      Guarded(Condition(field.versions, fields.versions), [&] { Write("sink", field); });
    }
    AddTagsWritten(fields);
    out_.Add("}");
    out_.Add("");
    out_.Add("static void ReadFields([[maybe_unused]] Reader& reader, [[maybe_unused]] " + type +
             "& m, [[maybe_unused]] int16_t version) {");
    AddFlexible(fields);
    for (const Field& field : fields.fields) {
      if (field.tag.has_value()) continue;
      Guarded(Condition(field.versions, fields.versions), [&] { Read("reader", field); });
    }
    AddTagsRead(fields);
    out_.Add("}");
    out_.Add("");
    out_.Add("static void PrintFields([[maybe_unused]] Printer& out, [[maybe_unused]] const " + type +
             "& m) {");
    for (const Field& field : fields.fields) {
      const std::string method = field.base == Base::kBytes ? "BytesField" : "Field";
      out_.Add("out." + method + "(\"" + field.name + "\", m." + field.name + ");");
    }
    out_.Add("}");
  }

  template <typename Body>
  void Guarded(const std::string& condition, Body body) {
    if (condition.empty()) return body();
    out_.Add("if (" + condition + ") {");
    body();
    out_.Add("}");
  }

  // Declares `flexible`, where it depends on the version.
  void AddFlexible(const Struct& fields) {
    range_ = fields.versions;
    if (message_.flexible.empty() || fields.versions.max < message_.flexible.min) {
      flexible_ = "false";
    } else if (fields.versions.min >= message_.flexible.min) {
      flexible_ = "true";
    } else {
      flexible_ = "flexible";
      out_.Add("[[maybe_unused]] const bool flexible = version >= " + std::to_string(message_.flexible.min) +
               ";");
    }
  }

  std::string Flexible(const Field& field) const { return field.inflexible ? "false" : flexible_; }
  static std::string Nullable(const Field& field) {
    return Or(Condition(field.nullable, field.versions), "true");
  }

  void WriteElement(const std::string& sink, const Field& field, const std::string& value) {
    switch (field.base) {
      case Base::kStruct:
        return out_.Add("WriteFields(" + sink + ", " + value + ", version);");
      case Base::kString:
        return out_.Add(sink + ".String(" + value + ", " + Flexible(field) + ");");
      case Base::kBytes:
        return out_.Add(sink + ".Bytes(" + value + ", " + Flexible(field) + ");");
      case Base::kRecords:
        return out_.Add(sink + ".WriteRecords(" + value + ", " + Flexible(field) + ");");
      case Base::kUuid:
        return out_.Add(sink + ".WriteUuid(" + value + ");");
      default:
        return out_.Add(sink + "." + NumberMethod(field.base) + "(" + value + ");");
    }
  }

  void WriteArray(const std::string& sink, const Field& field, const std::string& array) {
    out_.Add(sink + ".ArrayLength(" + array + ".size(), " + Flexible(field) + ");");
    out_.Add("for (const auto& element : " + array + ") {");
    WriteElement(sink, field, "element");
    out_.Add("}");
  }

  void Write(const std::string& sink, const Field& field) {
    const std::string value = "m." + field.name;
    if (field.array && !field.can_be_null()) return WriteArray(sink, field, value);
    if (!field.can_be_null()) return WriteElement(sink, field, value);
    const std::string how = ", " + Flexible(field) + ", " + Nullable(field) + ");";
    if (field.array) {
      out_.Add("if (" + value + ".has_value()) {");
      WriteArray(sink, field, "(*" + value + ")");
      out_.Add("} else {");
      out_.Add(sink + ".NullArray(" + Flexible(field) + ", " + Nullable(field) + ");");
      out_.Add("}");
    } else if (field.base == Base::kStruct) {
      // Kafka's mark is a byte, -1 or 1, but in a tagged field an unsigned varint, 0 or 1.
      out_.Add(sink + (field.tag.has_value() ? ".UnsignedVarint(" + value + ".has_value() ? 1 : 0);"
                                             : ".Present(" + value + ".has_value());"));
      out_.Add("if (" + value + ".has_value()) {");
      WriteElement(sink, field, "*" + value);
      out_.Add("}");
    } else if (field.base == Base::kString) {
      out_.Add(sink + ".OptionalString(" + value + how);
    } else if (field.base == Base::kBytes) {
      out_.Add(sink + ".OptionalBytes(" + value + how);
    } else {
      out_.Add(sink + ".OptionalRecords(" + value + how);
    }
  }

  // A tagged field is left out while it has its default.
  static std::string DiffersFromDefault(const Message& message, const Field& field) {
    const std::string value = "m." + field.name;
    if (field.can_be_null()) {
      if (field.defaults_to_null()) return value + ".has_value()";
      if (!field.array && field.base == Base::kStruct) {
        return "(!" + value + ".has_value() || !(*" + value + " == " + message.name +
               "::" + field.struct_name + "()))";
      }
      return "(!" + value + ".has_value() || !" + value + "->empty())";
    }
    if (field.array || field.base == Base::kString || field.base == Base::kBytes ||
        field.base == Base::kRecords) {
      return "!" + value + ".empty()";
    }
    if (field.base == Base::kUuid) return "!" + value + ".is_zero()";
    if (field.base == Base::kStruct)
      return "!(" + value + " == " + message.name + "::" + field.struct_name + "())";
    return value + " != " + field.default_value.value_or(field.base == Base::kBool ? "false" : "0");
  }

  static std::vector<Field> Tagged(const Struct& fields) {
    std::vector<Field> tagged;
    for (const Field& field : fields.fields) {
      if (field.tag.has_value()) tagged.push_back(field);
    }
    std::sort(tagged.begin(), tagged.end(), [](const Field& a, const Field& b) { return *a.tag < *b.tag; });
    return tagged;
  }

  void AddTagsWritten(const Struct& fields) {
    if (flexible_ == "false") return;
    Guarded(flexible_ == "true" ? "" : "flexible", [&] {
      std::string count;
      const std::vector<Field> tagged = Tagged(fields);
      for (const Field& field : tagged) {
        std::string condition = Condition(field.versions, fields.versions);
        if (!condition.empty()) condition += " && ";
        out_.Add("const bool has_" + field.name + " = " + condition + DiffersFromDefault(message_, field) +
                 ";");
        count += (count.empty() ? "uint32_t{has_" : " + uint32_t{has_") + field.name + "}";
      }
      out_.Add("sink.UnsignedVarint(" + Or(count, "0") + ");");
      for (const Field& field : tagged) {
        out_.Add("if (has_" + field.name + ") {");
        out_.Add("sink.Tagged(" + std::to_string(*field.tag) + ", [&](auto& tagged) {");
        Write("tagged", field);
        out_.Add("});");
        out_.Add("}");
      }
    });
  }

  std::string ReadElement(const std::string& reader, const Field& field) const {
    switch (field.base) {
      case Base::kString:
        return reader + ".String(" + Flexible(field) + ")";
      case Base::kBytes:
        return reader + ".Bytes(" + Flexible(field) + ")";
      case Base::kRecords:
        return reader + ".ReadRecords(" + Flexible(field) + ")";
      case Base::kUuid:
        return reader + ".ReadUuid()";
      default:
        return reader + "." + NumberMethod(field.base) + "()";
    }
  }

  void ReadArray(const std::string& reader, const Field& field) {
    const std::string value = "m." + field.name;
    out_.Add("if (const int64_t length = " + reader + ".ArrayLength(" + Flexible(field) + ", " +
             (field.can_be_null() ? Nullable(field) : "false") + ", " +
             std::to_string(MinElementSize(message_, field)) + "); length >= 0) {");
    out_.Add("auto& array = " + value + (field.can_be_null() ? ".emplace();" : ";"));
    out_.Add("array.resize(static_cast<size_t>(length));");
    out_.Add("for (auto& element : array) {");
    if (field.base == Base::kStruct) {
      out_.Add("ReadFields(" + reader + ", element, version);");
    } else {
      out_.Add("element = " + ReadElement(reader, field) + ";");
    }
    out_.Add("if (!" + reader + ".ok()) break;");
    out_.Add("}");
    if (field.can_be_null()) {
      out_.Add("} else {");
      out_.Add(value + ".reset();");
    }
    out_.Add("}");
  }

  void Read(const std::string& reader, const Field& field) {
    const std::string value = "m." + field.name;
    if (field.array) return ReadArray(reader, field);
    if (field.base == Base::kStruct) {
      if (!field.can_be_null()) return out_.Add("ReadFields(" + reader + ", " + value + ", version);");
      out_.Add("if (" + reader +
               (field.tag.has_value() ? ".UnsignedVarint() != 0" : ".Present(" + Nullable(field) + ")") +
               ") {");
      // Not just emplace(): clang holds a nested struct with initializers for not default constructible
      // there.
      out_.Add("ReadFields(" + reader + ", " + value + ".emplace(decltype(" + value +
               ")::value_type()), version);");
      out_.Add("} else {");
      out_.Add(value + ".reset();");
      return out_.Add("}");
    }
    if (!field.can_be_null()) return out_.Add(value + " = " + ReadElement(reader, field) + ";");
    const std::string method = field.base == Base::kString  ? ".OptionalString("
                               : field.base == Base::kBytes ? ".OptionalBytes("
                                                            : ".OptionalRecords(";
    out_.Add(value + " = " + reader + method + Flexible(field) + ", " + Nullable(field) + ");");
  }

  void AddTagsRead(const Struct& fields) {
    if (flexible_ == "false") return;
    Guarded(flexible_ == "true" ? "" : "flexible", [&] {
      const std::vector<Field> tagged = Tagged(fields);
      if (tagged.empty()) return out_.Add("reader.SkipTaggedFields();");
      out_.Add("reader.TaggedFields([&](uint32_t tag, Reader& field) {");
      out_.Add("switch (tag) {");
      for (const Field& field : tagged) {
        out_.Add("case " + std::to_string(*field.tag) + ": {");
        const std::string condition = Condition(field.versions, fields.versions);
        if (!condition.empty()) out_.Add("if (!(" + condition + ")) return false;");
        Read("field", field);
        out_.Add("return true;");
        out_.Add("}");
      }
      out_.Add("default:");
      out_.Add("  return false;");
      out_.Add("}");
      out_.Add("});");
    });
  }

  void AddEntryPoints() {
    const std::string& name = message_.name;
    out_.Add("");
    out_.Add("absl::Status Decode(Reader& reader, int16_t version, " + name + "* out) {");
    out_.Add("if (!" + name + "::kVersions.contains(version)) return UnsupportedVersion(" + name +
             "::kName, version);");
    out_.Add("*out = " + name + "();");
    out_.Add("ReadFields(reader, *out, version);");
    out_.Add("return reader.status();");
    out_.Add("}");
    out_.Add("");
    out_.Add("size_t EncodedSize(const " + name + "& message, int16_t version) {");
    out_.Add("DOHLE_CHECK(" + name + "::kVersions.contains(version));");
    out_.Add("SizeCounter sink;");
    out_.Add("WriteFields(sink, message, version);");
    out_.Add("return sink.size();");
    out_.Add("}");
    out_.Add("");
    out_.Add("void Encode(const " + name + "& message, int16_t version, Writer& writer) {");
    out_.Add("DOHLE_CHECK(" + name + "::kVersions.contains(version));");
    out_.Add("WriteFields(writer, message, version);");
    out_.Add("}");
    out_.Add("");
    out_.Add("std::string ToString(const " + name + "& message) {");
    out_.Add("Printer out(" + name + "::kName);");
    out_.Add("PrintFields(out, message);");
    out_.Add("return out.Finish();");
    out_.Add("}");
    out_.Add("");
  }

  const Message& message_;
  Lines out_;
  std::string type_;
  std::string flexible_;  // an expression: true, false or the variable
  Range range_;
};

}  // namespace

std::string MessageSource(const Message& message) { return SourceEmitter(message).Emit(); }

}  // namespace dohle::kafka::generator
