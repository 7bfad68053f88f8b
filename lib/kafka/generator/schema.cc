#include "lib/kafka/generator/schema.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

namespace dohle::kafka::generator {
namespace {

const std::map<std::string, Base, std::less<>> kBases = {
    {"bool", Base::kBool},   {"int8", Base::kInt8},     {"int16", Base::kInt16}, {"uint16", Base::kUint16},
    {"int32", Base::kInt32}, {"uint32", Base::kUint32}, {"int64", Base::kInt64}, {"float64", Base::kFloat64},
    {"uuid", Base::kUuid},   {"string", Base::kString}, {"bytes", Base::kBytes}, {"records", Base::kRecords},
};

const std::set<std::string, std::less<>> kKinds = {
    "request",         "response",          "header",    "data",
    "metadata_record", "remote_log_record", "group_key", "group_value",
    "transaction_key", "transaction_value", "share_key", "share_value"};

class Parser {
 public:
  Parser(std::string file, const std::string& text) : file_(std::move(file)), text_(text) {
    message_.file = file_;
  }

  Message Parse() {
    ParseHead();
    if (!message_.versions.empty()) {
      message_.body = {message_.name, message_.versions, {}};
      while (!lines_.empty() || NextLine()) ParseTop();
    }
    return std::move(message_);
  }

 private:
  struct Line {
    size_t depth = 0;
    std::vector<std::string> words;
  };

  [[noreturn]] void Fail(const std::string& what) const {
    std::fprintf(stderr, "%s:%d: %s\n", file_.c_str(), line_number_, what.c_str());
    std::exit(1);
  }

  // Puts the next line that says something into lines_; false at the end.
  bool NextLine() {
    std::string raw;
    while (std::getline(text_, raw)) {
      ++line_number_;
      if (raw.starts_with("#")) {
        if (message_.comment.empty() && raw.size() > 2) message_.comment = raw.substr(2);
        continue;
      }
      Line line;
      const size_t start = raw.find_first_not_of(' ');
      if (start == std::string::npos) continue;
      if (start % 2 != 0) Fail("indent by two spaces");
      line.depth = start / 2;
      std::istringstream words(raw);
      for (std::string word; words >> word;) line.words.push_back(word);
      lines_.push_back(std::move(line));
      return true;
    }
    return false;
  }

  int Number(const std::string& word) const {
    if (word.empty() || word.find_first_not_of("0123456789") != std::string::npos)
      Fail("not a number: " + word);
    return std::atoi(word.c_str());
  }

  // "3-7", "3", "3+" within `outer`.
  Range ParseRange(const std::string& word, Range outer) const {
    Range range = outer;
    if (word.ends_with('+')) {
      range.min = Number(word.substr(0, word.size() - 1));
    } else if (const size_t dash = word.find('-'); dash != std::string::npos) {
      range = {Number(word.substr(0, dash)), Number(word.substr(dash + 1))};
    } else {
      range = {Number(word), Number(word)};
    }
    if (range.empty() || !outer.contains(range.min) || !outer.contains(range.max)) {
      Fail("versions " + word + " are not among those of what surrounds them");
    }
    return range;
  }

  Line Take(const std::string& first) {
    if (lines_.empty() && !NextLine()) Fail("expected " + first);
    Line line = lines_.back();
    lines_.pop_back();
    if (!first.empty() && (line.words[0] != first || line.words.size() < 2)) Fail("expected " + first + " …");
    return line;
  }

  void ParseHead() {
    const Line title = Take("");
    message_.kind = title.words[0];
    if (!kKinds.contains(message_.kind)) Fail("unknown kind of message: " + message_.kind);
    if (title.words.size() == 3) message_.key = Number(title.words[1]);
    if (title.words.size() != 2 && title.words.size() != 3) Fail("expected: kind [key] Name");
    message_.name = title.words.back();
    const Line versions = Take("versions");
    if (versions.words[1] == "none") return;
    message_.versions = ParseRange(versions.words[1], {0, 32767});
    message_.latest_unstable = versions.words.size() == 3 && versions.words[2] == "latest-unstable";
    const Line flexible = Take("flexible");
    if (flexible.words[1] != "none") message_.flexible = ParseRange(flexible.words[1], message_.versions);
    if (NextLine() && lines_.back().words[0] == "listeners") {
      const Line listeners = Take("listeners");
      message_.listeners.assign(listeners.words.begin() + 1, listeners.words.end());
    }
  }

  void ParseTop() {
    if (lines_.back().depth != 0) Fail("indented too deep");
    if (lines_.back().words[0] != "struct") return ParseField(0, message_.versions, &message_.body);
    const Line line = Take("struct");
    Struct common{line.words[1], message_.versions, {}};
    if (line.words.size() > 2) common.versions = ParseRange(line.words[2], message_.versions);
    ParseFields(1, &common);
    AddStruct(std::move(common));
  }

  void AddStruct(Struct added) {
    for (const Struct& other : message_.structs) {
      if (other.name == added.name) Fail("struct " + added.name + " is there twice");
    }
    message_.structs.push_back(std::move(added));
  }

  void ParseFields(size_t depth, Struct* into) {
    while ((!lines_.empty() || NextLine()) && lines_.back().depth == depth)
      ParseField(depth, into->versions, into);
  }

  void ParseType(std::string type, std::string* nullable, Field* field) const {
    if (const size_t mark = type.find('?'); mark != std::string::npos) {
      *nullable = mark + 1 == type.size() ? "all" : type.substr(mark + 1);
      type.resize(mark);
    }
    if (type.starts_with("[]")) {
      field->array = true;
      type.erase(0, 2);
    }
    const auto base = kBases.find(type);
    field->base = base == kBases.end() ? Base::kStruct : base->second;
    if (base == kBases.end()) field->struct_name = type;
  }

  void ParseAttributes(const std::vector<std::string>& words, size_t next, Field* field) const {
    const auto argument = [&]() -> const std::string& {
      if (next >= words.size()) Fail("the line ends too early");
      return words[next++];
    };
    while (next < words.size()) {
      const std::string& word = words[next++];
      if (word == "=") {
        field->default_value = argument();
      } else if (word == "tag") {
        field->tag = Number(argument());
      } else if (word == "is") {
        field->entity = argument();
      } else if (word == "key") {
        field->map_key = true;
      } else if (word == "ignorable") {
        field->ignorable = true;
      } else if (word == "inflexible") {
        field->inflexible = true;
      } else {
        Fail("unknown attribute: " + word);
      }
    }
  }

  void ParseField(size_t depth, Range outer, Struct* into) {
    const Line line = Take("");
    if (line.words.size() < 2) Fail("expected: name type [versions] [attributes]");
    Field field;
    field.name = line.words[0];
    std::string nullable;
    ParseType(line.words[1], &nullable, &field);
    size_t next = 2;
    field.versions = outer;
    if (next < line.words.size() && std::isdigit(static_cast<unsigned char>(line.words[next][0])) != 0) {
      field.versions = ParseRange(line.words[next++], outer);
    }
    if (!nullable.empty())
      field.nullable = nullable == "all" ? field.versions : ParseRange(nullable, field.versions);
    ParseAttributes(line.words, next, &field);
    if (field.tag.has_value() && !message_.flexible.contains(field.versions.min))
      Fail("tagged in an inflexible version");
    if (field.defaults_to_null() && !field.can_be_null()) Fail("the default null of what is never null");
    if ((!lines_.empty() || NextLine()) && lines_.back().depth > depth) {
      if (field.base != Base::kStruct) Fail("only a struct has fields");
      Struct nested{field.struct_name, field.versions, {}};
      ParseFields(depth + 1, &nested);
      AddStruct(std::move(nested));
    }
    into->fields.push_back(std::move(field));
  }

  std::string file_;
  std::istringstream text_;
  int line_number_ = 0;
  std::vector<Line> lines_;  // at most the one line that was looked at and not taken
  Message message_;
};

// Common structs stand at the end of the file, behind their users; C++ wants them before.
void SortStructs(Message* message) {
  std::vector<Struct> sorted;
  std::set<std::string> placed;
  while (sorted.size() < message->structs.size()) {
    const size_t before = sorted.size();
    for (const Struct& candidate : message->structs) {
      const bool ready =
          std::all_of(candidate.fields.begin(), candidate.fields.end(), [&](const Field& field) {
            return field.base != Base::kStruct || placed.contains(field.struct_name);
          });
      if (ready && placed.insert(candidate.name).second) sorted.push_back(candidate);
    }
    if (sorted.size() == before) {
      std::fprintf(stderr, "%s: structs that are not defined, or contain themselves\n",
                   message->file.c_str());
      std::exit(1);
    }
  }
  message->structs = std::move(sorted);
}

}  // namespace

const Struct& Message::FindStruct(std::string_view struct_name) const {
  for (const Struct& candidate : structs) {
    if (candidate.name == struct_name) return candidate;
  }
  std::fprintf(stderr, "%s: no struct %s\n", file.c_str(), std::string(struct_name).c_str());
  std::exit(1);
}

Message ParseSchema(const std::string& file, const std::string& text) {
  Message message = Parser(file, text).Parse();
  SortStructs(&message);
  return message;
}

}  // namespace dohle::kafka::generator
