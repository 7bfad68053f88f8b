#include "operator/api/writer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/time_text.h"

namespace dohle::api {
namespace {

using Json = nlohmann::json;

}  // namespace

void Writer::Set(const Field& field, Json value) { object_[std::string(field.name)] = std::move(value); }

void Writer::Boolean(const Field& field, bool& value) { Set(field, value); }

void Writer::Integer(const Field& field, int64_t& value, bool& present) {
  if (present) Set(field, value);
}

void Writer::Number(const Field& field, double& value) { Set(field, value); }
void Writer::Text(const Field& field, std::string& value, bool& present) {
  if (present) Set(field, value);
}

void Writer::Time(const Field& field, int64_t& ms) {
  if (ms != 0) Set(field, TimeText(ms));
}

void Writer::Choice(const Field& field, std::span<const std::string_view> names, size_t& index) {
  if (index < names.size()) Set(field, std::string(names[index]));
}

void Writer::Pairs(const Field& field, StringPairs& value) {
  if (value.empty()) return;
  Json map = Json::object();
  for (const auto& [key, text] : value) map[key] = text;
  Set(field, std::move(map));
}

void Writer::Raw(const Field& field, RawJson& value) {
  if (value.empty()) return;
  Json raw = Json::parse(value, nullptr, false);
  if (!raw.is_discarded()) Set(field, std::move(raw));
}

void Writer::Object(const Field& field, bool& present, absl::FunctionRef<void(FieldVisitor&)> describe) {
  if (!present) return;
  Json value = Json::object();
  Writer writer(value);
  describe(writer);
  Set(field, std::move(value));
}

void Writer::List(const Field& field, const ListAccess& list) {
  const size_t size = list.size();
  if (size == 0) return;
  Json items = Json::array();
  for (size_t i = 0; i < size; ++i) {
    Json item = Json::object();
    Writer writer(item);
    list.describe(i, writer);
    items.push_back(std::move(item));
  }
  Set(field, std::move(items));
}

}  // namespace dohle::api
