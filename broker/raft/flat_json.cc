#include "broker/raft/flat_json.h"

#include <charconv>

namespace dohle::raft {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool Take(char c) {
    SkipSpace();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  char Peek() {
    SkipSpace();
    return rest_.empty() ? '\0' : rest_.front();
  }
  bool AtEnd() { return Peek() == '\0' && rest_.empty(); }

  std::optional<std::string> String() {
    if (!Take('"')) return std::nullopt;
    std::string out;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return out;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (rest_.empty() || (rest_.front() != '"' && rest_.front() != '\\')) return std::nullopt;
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    return std::nullopt;
  }

  // A number, true, false or null, as it stands.
  std::string Word() {
    SkipSpace();
    size_t n = 0;
    while (n < rest_.size() && std::string_view(",}] \t\r\n").find(rest_[n]) == std::string_view::npos) ++n;
    std::string word(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return word;
  }

  bool SkipNested() {
    int depth = 0;
    do {
      const char c = Peek();
      if (c == '\0') return false;
      if (c == '"') {
        if (!String().has_value()) return false;
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      rest_.remove_prefix(1);
    } while (depth > 0);
    return true;
  }

 private:
  void SkipSpace() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_.front()) != std::string_view::npos) {
      rest_.remove_prefix(1);
    }
  }
  std::string_view rest_;
};

Status Malformed() { return MakeStatus(StatusCode::kDataLoss, "not a JSON object"); }

}  // namespace

StatusOr<FlatJson> FlatJson::Parse(std::string_view text) {
  Scanner scanner(text);
  FlatJson json;
  if (!scanner.Take('{')) return Malformed();
  if (scanner.Take('}')) return scanner.AtEnd() ? StatusOr<FlatJson>(std::move(json)) : Malformed();
  do {
    std::optional<std::string> name = scanner.String();
    if (!name.has_value() || !scanner.Take(':')) return Malformed();
    const char next = scanner.Peek();
    if (next == '"') {
      std::optional<std::string> value = scanner.String();
      if (!value.has_value()) return Malformed();
      json.strings_[*name] = std::move(*value);
    } else if (next == '{' || next == '[') {
      if (!scanner.SkipNested()) return Malformed();
    } else {
      std::string word = scanner.Word();
      if (word.empty()) return Malformed();
      json.numbers_[*name] = std::move(word);
    }
  } while (scanner.Take(','));
  if (!scanner.Take('}') || !scanner.AtEnd()) return Malformed();
  return json;
}

std::optional<int64_t> FlatJson::Int(std::string_view name) const {
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) return std::nullopt;
  const std::string& word = found->second;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::optional<std::string> FlatJson::String(std::string_view name) const {
  const auto found = strings_.find(name);
  if (found == strings_.end()) return std::nullopt;
  return found->second;
}

}  // namespace dohle::raft
