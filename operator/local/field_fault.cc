#include "operator/local/field_fault.h"

#include <nlohmann/json.hpp>

#include "absl/strings/cord.h"

namespace dohle::local {
namespace {

using nlohmann::json;
constexpr const char* kPayload = "dohle.dev/field-faults";

std::string Text(const FieldFault& fault) {
  return fault.path.empty() ? fault.message : fault.path + ": " + fault.message;
}

}  // namespace

Status StatusOf(const std::vector<FieldFault>& faults) {
  if (faults.empty()) return OkStatus();
  std::string message;
  json payload = json::array();
  for (const FieldFault& fault : faults) {
    if (payload.size() == kMaxFieldFaults) break;
    if (!message.empty()) message += ", ";
    message += Text(fault);
    payload.push_back({fault.path, fault.message});
  }
  if (faults.size() > kMaxFieldFaults)
    message += fmt::format(", and {} more", faults.size() - kMaxFieldFaults);
  Status status(StatusCode::kInvalidArgument, faults.size() == 1 ? message : "[" + message + "]");
  const std::string text = payload.dump(-1, ' ', false, json::error_handler_t::replace);
  // By its view: clang mangles the constructor from a string otherwise than the g++ that built the library.
  status.SetPayload(kPayload, absl::Cord(absl::string_view(text.data(), text.size())));
  return status;
}

std::vector<FieldFault> FaultsOf(const Status& status) {
  std::vector<FieldFault> faults;
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return faults;
  const json list = json::parse(std::string(*payload), nullptr, false);
  if (!list.is_array()) return faults;
  for (const json& item : list) faults.push_back({item[0].get<std::string>(), item[1].get<std::string>()});
  return faults;
}

Status WithMessage(const Status& status, const std::string& message) {
  Status result(status.code(), message);
  if (const auto payload = status.GetPayload(kPayload); payload.has_value())
    result.SetPayload(kPayload, *payload);
  return result;
}

}  // namespace dohle::local
