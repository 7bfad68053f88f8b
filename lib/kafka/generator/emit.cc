#include "lib/kafka/generator/emit.h"

#include <algorithm>
#include <cctype>

namespace dohle::kafka::generator {
namespace {

int MinFieldSize(const Message& message, const Field& field, int version) {
  const bool flexible = message.flexible.contains(version) && !field.inflexible;
  if (field.array) return flexible ? 1 : 4;
  switch (field.base) {
    case Base::kBool:
    case Base::kInt8:
      return 1;
    case Base::kInt16:
    case Base::kUint16:
      return 2;
    case Base::kInt32:
    case Base::kUint32:
      return 4;
    case Base::kInt64:
    case Base::kFloat64:
      return 8;
    case Base::kUuid:
      return 16;
    case Base::kString:
      return flexible ? 1 : 2;
    case Base::kBytes:
    case Base::kRecords:
      return flexible ? 1 : 4;
    case Base::kStruct:
      return 1;  // of a nullable one the mark; of others at least one byte, which is enough for a bound
  }
  return 1;
}

}  // namespace

std::string SnakeCase(const std::string& name) {
  std::string camel = name;
  if (const size_t at = camel.find("KRaft"); at != std::string::npos) camel.replace(at, 5, "Kraft");
  std::string snake;
  for (size_t i = 0; i < camel.size(); ++i) {
    const auto c = static_cast<unsigned char>(camel[i]);
    if (std::isupper(c) != 0 && i > 0) {
      const bool after_lower = std::isupper(static_cast<unsigned char>(camel[i - 1])) == 0;
      const bool before_lower =
          i + 1 < camel.size() && std::islower(static_cast<unsigned char>(camel[i + 1])) != 0;
      if (after_lower || before_lower) snake += '_';
    }
    snake += static_cast<char>(std::tolower(c));
  }
  return snake;
}

std::string ApiName(const Message& request) {
  const std::string suffix = request.kind == "request" ? "Request" : "Response";
  return request.name.substr(0, request.name.size() - suffix.size());
}

int MinSize(const Message& message, const Struct& message_struct) {
  int least = 1 << 30;
  for (int version = message_struct.versions.min; version <= message_struct.versions.max; ++version) {
    int size = message.flexible.contains(version) ? 1 : 0;
    for (const Field& field : message_struct.fields) {
      if (field.versions.contains(version) && !field.tag.has_value())
        size += MinFieldSize(message, field, version);
    }
    least = std::min(least, size);
  }
  return std::max(least, 1);
}

int MinElementSize(const Message& message, const Field& array) {
  if (array.base == Base::kStruct) return MinSize(message, message.FindStruct(array.struct_name));
  Field element = array;
  element.array = false;
  int least = 1 << 30;
  for (int version = array.versions.min; version <= array.versions.max; ++version) {
    least = std::min(least, MinFieldSize(message, element, version));
  }
  return least;
}

void Lines::Add(const std::string& line) {
  const bool is_namespace =
      line.starts_with("namespace ") || line.starts_with("}  // namespace");  // don't indent
  if (line.starts_with('}') && !is_namespace) --depth_;
  if (!line.empty()) text_ += std::string(static_cast<size_t>(depth_) * 2, ' ') + line;
  text_ += '\n';
  if (line.ends_with('{') && !is_namespace) ++depth_;
}

}  // namespace dohle::kafka::generator
