// The model of one schema file, and its parser. The form is described in lib/kafka/schema/README.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dohle::kafka::generator {

// Versions min to max, both included; empty if min > max.
struct Range {
  int min = 0;
  int max = -1;

  bool empty() const { return min > max; }
  bool contains(int version) const { return version >= min && version <= max; }
  friend bool operator==(const Range&, const Range&) = default;
};

enum class Base {
  kBool,
  kInt8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kFloat64,
  kUuid,
  kString,
  kBytes,
  kRecords,
  kStruct
};

struct Field {
  std::string name;  // snake_case
  Base base = Base::kInt8;
  std::string struct_name;  // if base is kStruct
  bool array = false;
  Range versions;                            // where it is present
  Range nullable;                            // where it may be null
  std::optional<int> tag;                    // a tagged field of the flexible versions
  std::optional<std::string> default_value;  // as written: a number, true, "", null
  bool map_key = false;
  bool ignorable = false;
  bool inflexible = false;  // its length keeps the old form in flexible versions
  std::string entity;       // what the value names: topic_name, broker_id, …

  bool can_be_null() const { return !nullable.empty(); }
  bool defaults_to_null() const { return default_value == "null"; }
};

struct Struct {
  std::string name;
  Range versions;
  std::vector<Field> fields;
};

struct Message {
  std::string file;
  std::string comment;
  std::string kind;  // request, response, header, data, metadata_record, group_key, …
  std::optional<int> key;
  std::string name;
  Range versions;  // empty for an API that was removed
  bool latest_unstable = false;
  Range flexible;  // empty if never
  std::vector<std::string> listeners;
  Struct body;                  // the message itself
  std::vector<Struct> structs;  // those it is made of, each before its users

  const Struct& FindStruct(std::string_view struct_name) const;
};

// Ends the program with file:line and a message if the text is not a schema: the build is the only caller.
Message ParseSchema(const std::string& file, const std::string& text);

}  // namespace dohle::kafka::generator
