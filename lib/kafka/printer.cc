#include "lib/kafka/printer.h"

namespace dohle::kafka {

void Printer::Name(std::string_view name) {
  if (text_.back() != '{') text_ += ", ";
  text_ += name;
  text_ += '=';
}

void Printer::Value(const Text& value) {
  text_ += '"';
  for (const char c : value.view().substr(0, kMaxText)) {
    const auto byte = static_cast<unsigned char>(c);
    text_ += byte < 0x20 || byte == 0x7f ? '.' : c;
  }
  text_ += '"';
  if (value.size() > kMaxText) text_ += "… of " + std::to_string(value.size()) + " bytes";
}

void Printer::BytesField(std::string_view name, const Text& bytes) {
  constexpr size_t kShown = 32;
  constexpr char kDigits[] = "0123456789abcdef";
  Name(name);
  text_ += '<' + std::to_string(bytes.size()) + " bytes";
  if (!bytes.empty()) text_ += ": ";
  for (const char c : bytes.view().substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    text_ += kDigits[byte >> 4];
    text_ += kDigits[byte & 15];
  }
  if (bytes.size() > kShown) text_ += "…";
  text_ += '>';
}

void Printer::BytesField(std::string_view name, const std::optional<Text>& bytes) {
  if (bytes.has_value()) return BytesField(name, *bytes);
  Name(name);
  text_ += "null";
}

std::string Printer::Finish() {
  text_ += '}';
  return std::move(text_);
}

}  // namespace dohle::kafka
