#include "operator/api/encode.h"

#include <nlohmann/json.hpp>

#include "operator/api/fields.h"
#include "operator/api/time_text.h"

namespace dohle::api {
namespace {

using Json = nlohmann::json;

class Writer : public FieldVisitor {
 public:
  explicit Writer(Json& object) : object_(object) {}

  void Boolean(const Field& field, bool& value) override { Set(field, value); }
  void Integer(const Field& field, int64_t& value, bool& present) override {
    if (present) Set(field, value);
  }
  void Number(const Field& field, double& value) override { Set(field, value); }
  void Text(const Field& field, std::string& value, bool& present) override {
    if (present) Set(field, value);
  }
  void Time(const Field& field, int64_t& ms) override {
    if (ms != 0) Set(field, TimeText(ms));
  }
  void Choice(const Field& field, std::span<const std::string_view> names, size_t& index) override {
    if (index < names.size()) Set(field, std::string(names[index]));
  }
  void Pairs(const Field& field, StringPairs& value) override {
    if (value.empty()) return;
    Json map = Json::object();
    for (const auto& [key, text] : value) map[key] = text;
    Set(field, std::move(map));
  }
  void Raw(const Field& field, RawJson& value) override {
    if (value.empty()) return;
    Json raw = Json::parse(value, nullptr, false);
    if (!raw.is_discarded()) Set(field, std::move(raw));
  }
  void Object(const Field& field, bool& present, absl::FunctionRef<void(FieldVisitor&)> describe) override {
    if (!present) return;
    Json value = Json::object();
    Writer writer(value);
    describe(writer);
    Set(field, std::move(value));
  }
  void List(const Field& field, const ListAccess& list) override {
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

 private:
  void Set(const Field& field, Json value) { object_[std::string(field.name)] = std::move(value); }

  Json& object_;
};

template <typename T>
Json Encode(std::string_view name, T& value) {
  Json object = Json::object();
  Writer writer(object);
  Describe(writer, value);
  return std::move(object[std::string(name)]);
}

}  // namespace

Json EncodeStatus(ClusterStatus status) {
  if (status.plan.size() > kMaxPlanSteps) status.plan.resize(kMaxPlanSteps);
  return Encode("status", status);
}
Json EncodeStatus(TopicStatus status) { return Encode("status", status); }
Json EncodeSpec(ClusterSpec spec) { return Encode("spec", spec); }
Json EncodeSpec(TopicSpec spec) { return Encode("spec", spec); }

}  // namespace dohle::api
