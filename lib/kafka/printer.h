// Prints messages on one line, for ToString of the generated code. Bounded: long texts, arrays and whole
// messages are cut.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "lib/base/uuid.h"
#include "lib/kafka/records.h"
#include "lib/kafka/text.h"

namespace dohle::kafka {

class Printer {
 public:
  static constexpr size_t kMaxText = 256;
  static constexpr size_t kMaxElements = 64;
  static constexpr size_t kMaxTotal = 16384;

  explicit Printer(std::string_view name) : text_(name) { text_ += '{'; }

  template <typename T>
  void Field(std::string_view name, const T& value) {
    Name(name);
    Value(value);
  }
  void BytesField(std::string_view name, const Text& bytes);
  void BytesField(std::string_view name, const std::optional<Text>& bytes);

  std::string Finish();

 private:
  void Name(std::string_view name);
  bool full() const { return text_.size() > kMaxTotal; }

  void Value(bool value) { text_ += value ? "true" : "false"; }
  void Value(double value) { text_ += std::to_string(value); }
  void Value(const Text& value);
  void Value(const Uuid& value) { text_ += ToString(value); }
  void Value(const Records& value) { text_ += '<' + std::to_string(value.size()) + " bytes>"; }
  template <typename T>
  void Value(const std::optional<T>& value) {
    if (value.has_value()) return Value(*value);
    text_ += "null";
  }
  template <typename T>
  void Value(const std::vector<T>& values) {
    text_ += '[';
    for (size_t i = 0; i < values.size() && !full(); ++i) {
      if (i != 0) text_ += ", ";
      if (i == kMaxElements) {
        text_ += "… of " + std::to_string(values.size());
        break;
      }
      Value(values[i]);
    }
    text_ += ']';
  }
  template <typename T>
  void Value(const T& value) {
    if constexpr (std::is_integral_v<T>) {
      text_ += std::to_string(value);
    } else {
      text_ += '{';
      if (!full()) PrintFields(*this, value);  // the generated one of that struct
      text_ += '}';
    }
  }

  std::string text_;
};

}  // namespace dohle::kafka
