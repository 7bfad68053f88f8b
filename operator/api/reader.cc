#include "operator/api/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/nearest_name.h"
#include "operator/api/time_text.h"

namespace dohle::api {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxPairBytes = size_t{64} << 10;  // a value of a map; annotations may be long
constexpr size_t kMaxRawBytes = size_t{64} << 10;
constexpr int kMaxRawDepth = 32;
constexpr size_t kMaxListItems = 10'000;  // where the field has no maximum
constexpr size_t kMaxShownBytes = 60;

std::string_view KindOf(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a text";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "an integer";
    case Json::value_t::number_float:
      return "a number";
    default:
      return "something else";
  }
}

std::string Shown(std::string_view text) {
  if (text.size() <= kMaxShownBytes) return std::string(text);
  return std::string(text.substr(0, kMaxShownBytes)) + "...";
}

bool DepthAtMost(const Json& value, int depth) {
  if (!value.is_structured()) return true;
  if (depth == 0) return false;
  return std::all_of(value.begin(), value.end(),
                     [&](const Json& item) { return DepthAtMost(item, depth - 1); });
}

// As Kafka's tools would print it, so that 3, "3" and true, "true" mean the same.
bool ScalarText(const Json& value, std::string& text) {
  if (value.is_string()) {
    text = value.get_ref<const std::string&>();
  } else if (value.is_boolean() || value.is_number()) {
    text = value.dump();
  } else {
    return false;
  }
  return true;
}

bool ToInt64(const Json& value, int64_t& out) {
  if (value.is_number_unsigned()) {
    const auto wide = value.get<uint64_t>();
    if (wide > static_cast<uint64_t>(INT64_MAX)) return false;
    out = static_cast<int64_t>(wide);
    return true;
  }
  if (!value.is_number_integer()) return false;
  out = value.get<int64_t>();
  return true;
}

}  // namespace

Reader::Reader(const Json& object, std::string path, UnknownFields unknown, std::vector<Fault>& faults)
    : object_(object), path_(std::move(path)), unknown_(unknown), faults_(faults) {}

std::string Reader::PathOf(std::string_view field) const {
  return path_.empty() ? std::string(field) : fmt::format("{}.{}", path_, field);
}

void Reader::TellAt(std::string path, std::string sentence) {
  if (faults_.size() < kMaxFaults) faults_.push_back({std::move(path), std::move(sentence)});
}

void Reader::Tell(const Field& field, std::string sentence) {
  TellAt(PathOf(field.name), std::move(sentence));
}

void Reader::TellType(const Field& field, std::string_view wanted, const Json& got) {
  Tell(field, fmt::format("must be {}, not {}", wanted, KindOf(got)));
}

const Json* Reader::Take(const Field& field) {
  if (unknown_ == UnknownFields::kFaults) visited_.push_back(field.name);
  const auto found = object_.find(field.name);
  if (found != object_.end() && !found->is_null()) return &*found;
  if (field.required) Tell(field, "is required");
  return nullptr;
}

void Reader::Boolean(const Field& field, bool& value) {
  const Json* json = Take(field);
  if (json == nullptr) return;
  if (!json->is_boolean()) return TellType(field, "true or false", *json);
  value = json->get<bool>();
}

void Reader::Integer(const Field& field, int64_t& value, bool& present) {
  const Json* json = Take(field);
  if (json == nullptr) return;
  int64_t read = 0;
  if (!ToInt64(*json, read)) return TellType(field, "an integer", *json);
  if (field.minimum && read < *field.minimum) {
    return Tell(field, fmt::format("must be at least {}, not {}", *field.minimum, read));
  }
  if (field.maximum && read > *field.maximum) {
    return Tell(field, fmt::format("must be at most {}, not {}", *field.maximum, read));
  }
  value = read;
  present = true;
}

void Reader::Number(const Field& field, double& value) {
  const Json* json = Take(field);
  if (json == nullptr) return;
  if (!json->is_number()) return TellType(field, "a number", *json);
  value = json->get<double>();
}

void Reader::Text(const Field& field, std::string& value, bool& present) {
  const Json* json = Take(field);
  if (json == nullptr) return;
  if (!json->is_string()) return TellType(field, "a text", *json);
  const auto& text = json->get_ref<const std::string&>();
  if (text.size() < field.min_length) return Tell(field, "must not be empty");
  if (field.max_length != 0 && text.size() > field.max_length) {
    return Tell(field, fmt::format("must have at most {} characters, not {}", field.max_length, text.size()));
  }
  if (field.form != nullptr && !field.form->matches(text)) {
    return Tell(field, fmt::format("{}, not \"{}\"", field.form->sentence, Shown(text)));
  }
  value = text;
  present = true;
}

void Reader::Time(const Field& field, int64_t& ms) {
  const Json* json = Take(field);
  if (json == nullptr) return;
  if (!json->is_string()) return TellType(field, "a time", *json);
  const auto read = ParseTimeText(json->get_ref<const std::string&>());
  if (!read) return Tell(field, "must be a time such as 2026-11-21T12:00:00Z");
  ms = *read;
}

void Reader::Choice(const Field& field, std::span<const std::string_view> names, size_t& index) {
  const Json* json = Take(field);
  if (json == nullptr) return;
  if (!json->is_string()) return TellType(field, "a text", *json);
  const auto& text = json->get_ref<const std::string&>();
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    return Tell(field, fmt::format("must be one of {}, not \"{}\"", fmt::join(names, ", "), Shown(text)));
  }
  index = static_cast<size_t>(found - names.begin());
}

bool Reader::WithinItems(const Field& field, size_t size, std::string_view of_what) {
  const size_t most = field.max_items == 0 ? kMaxListItems : field.max_items;
  if (size < field.min_items) {
    Tell(field, fmt::format("must have at least {} {}", field.min_items, of_what));
    return false;
  }
  if (size > most) {
    Tell(field, fmt::format("must have at most {} {}, not {}", most, of_what, size));
    return false;
  }
  return true;
}

void Reader::Pairs(const Field& field, StringPairs& value) {
  const Json* json = Take(field);
  if (json == nullptr) return;
  if (!json->is_object()) return TellType(field, "an object", *json);
  if (!WithinItems(field, json->size(), "keys")) return;
  StringPairs pairs;
  for (const auto& [key, item] : json->items()) {
    std::string text;
    const std::string path = PathOf(fmt::format("{}[\"{}\"]", field.name, Shown(key)));
    const bool read = field.integers_too ? ScalarText(item, text) : item.is_string();
    if (!read) {
      TellAt(path, fmt::format("must be a text, not {}", KindOf(item)));
      continue;
    }
    if (!field.integers_too) text = item.get_ref<const std::string&>();
    if (text.size() > kMaxPairBytes) {
      TellAt(path, fmt::format("must have at most {} characters, not {}", kMaxPairBytes, text.size()));
      continue;
    }
    pairs.emplace_back(key, std::move(text));
  }
  value = std::move(pairs);  // sorted, as the keys of a JSON object are
}

void Reader::Raw(const Field& field, RawJson& value) {
  const Json* json = Take(field);
  if (json == nullptr) return;
  if (field.raw_list ? !json->is_array() : !json->is_object()) {
    return TellType(field, field.raw_list ? "a list" : "an object", *json);
  }
  if (field.raw_list && !WithinItems(field, json->size(), "items")) return;
  if (!DepthAtMost(*json, kMaxRawDepth)) return Tell(field, "is nested too deeply");
  std::string text = json->dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kMaxRawBytes) {
    return Tell(field, fmt::format("is longer than {} characters", kMaxRawBytes));
  }
  value = std::move(text);
}

void Reader::Object(const Field& field, bool& present, absl::FunctionRef<void(FieldVisitor&)> describe) {
  const Json* json = Take(field);
  if (json == nullptr) return;
  if (!json->is_object()) return TellType(field, "an object", *json);
  present = true;
  Reader reader(*json, PathOf(field.name), unknown_, faults_);
  describe(reader);
  reader.TellUnknownFields();
}

void Reader::CheckKeys(const Field& field, const Json& items) {
  std::vector<Json> seen;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_object()) continue;
    const auto key = items[i].find(field.list_key);
    if (key == items[i].end() || key->is_structured()) continue;
    if (std::find(seen.begin(), seen.end(), *key) != seen.end()) {
      TellAt(PathOf(fmt::format("{}[{}].{}", field.name, i, field.list_key)),
             "is the same as of another item: each needs one of its own");
    }
    seen.push_back(*key);
  }
}

void Reader::List(const Field& field, const ListAccess& list) {
  const Json* json = Take(field);
  if (json == nullptr) return;
  if (!json->is_array()) return TellType(field, "a list", *json);
  if (!WithinItems(field, json->size(), "items")) return;
  list.resize(json->size());
  for (size_t i = 0; i < json->size(); ++i) {
    const std::string path = PathOf(fmt::format("{}[{}]", field.name, i));
    const Json& item = (*json)[i];
    if (!item.is_object()) {
      TellAt(path, fmt::format("must be an object, not {}", KindOf(item)));
      continue;
    }
    Reader reader(item, path, unknown_, faults_);
    list.describe(i, reader);
    reader.TellUnknownFields();
  }
  if (field.max_items != 0 && !field.list_key.empty()) CheckKeys(field, *json);
}

void Reader::TellUnknownFields() {
  if (unknown_ == UnknownFields::kIgnored) return;
  for (const auto& [key, value] : object_.items()) {
    if (std::find(visited_.begin(), visited_.end(), key) != visited_.end()) continue;
    const std::string_view nearest = NearestName(key, visited_);
    TellAt(PathOf(Shown(key)), nearest.empty() ? "is not a field that there is"
                                               : fmt::format("is not a field: is {} meant?", nearest));
  }
}

}  // namespace dohle::api
