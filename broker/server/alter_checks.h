// What the broker that got AlterConfigs or IncrementalAlterConfigs does with it before the active controller
// sees it, as Kafka's ConfigAdminManager: BROKER resources are checked against this broker's configuration,
// BROKER_LOGGER resources are for this broker alone, and what is refused here isn't forwarded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/server/config/config_alter.h"
#include "broker/server/controller_call.h"
#include "broker/server/error_mapping.h"
#include "lib/base/status.h"
#include "lib/kafka/text.h"

namespace dohle::server {

class RequestContext;

// One resource of the request.
struct ResourceChange {
  int8_t type = 0;
  std::string name;
  std::vector<ConfigChange> changes;
  bool replaces_all = false;  // AlterConfigs: what isn't named is removed
  bool validate_only = false;
};

// The answer if it is settled here; nothing if the controller is to be asked. A controller's listener settles
// nothing: what comes in there has been through a broker, or is meant for any of them.
std::optional<ConfigError> SettleHere(const RequestContext& context, const ResourceChange& resource);

using ResourceKey = std::pair<int8_t, std::string>;

// The answers of both requests are alike: one for each resource, in the request's order.
template <typename Result>
Result AlterAnswer(const ResourceKey& resource, int16_t error_code, std::string message) {
  Result result;
  result.resource_type = resource.first;
  result.resource_name = kafka::Text::Copy(resource.second);
  result.error_code = error_code;
  if (message.empty()) {
    result.error_message.reset();
  } else {
    result.error_message = kafka::Text(std::move(message));
  }
  return result;
}

// Splits `request` into answers that are settled here and the request that is to be forwarded (which borrows
// from `request`). `to_change` makes a ResourceChange of a resource.
template <typename Request, typename Result, typename ToChange>
std::map<ResourceKey, Result> SettleAll(const RequestContext& context, const Request& request,
                                        Request* forward, ToChange to_change) {
  std::map<ResourceKey, int> times;
  const auto key_of = [](const auto& resource) {
    return ResourceKey(resource.resource_type, std::string(resource.resource_name.view()));
  };
  for (const auto& resource : request.resources) ++times[key_of(resource)];
  std::map<ResourceKey, Result> settled;
  forward->validate_only = request.validate_only;
  for (const auto& resource : request.resources) {
    const ResourceKey key = key_of(resource);
    std::optional<ConfigError> answer =
        times[key] > 1
            ? ConfigError{ConfigErrorCode::kInvalidRequest, "Each resource must appear at most once."}
            : SettleHere(context, to_change(resource));
    if (answer) {
      settled.emplace(
          key, AlterAnswer<Result>(key, static_cast<int16_t>(answer->code), std::move(answer->message)));
    } else {
      forward->resources.push_back(resource);
    }
  }
  return settled;
}

// Adds what the controller said of the forwarded resources: its answers, or for each of them why there are
// none.
template <typename Request, typename Response, typename Result>
void AddControllersAnswers(const Request& forward, StatusOr<Response> done,
                           std::map<ResourceKey, Result>* answers) {
  if (done.ok()) {
    for (Result& result : done->responses) {
      ResourceKey key(result.resource_type, std::string(result.resource_name.view()));
      answers->emplace(std::move(key), std::move(result));
    }
    return;
  }
  for (const auto& asked : forward.resources) {
    const ResourceKey key(asked.resource_type, std::string(asked.resource_name.view()));
    answers->emplace(key, AlterAnswer<Result>(key, Code(ControllerError(done.status())),
                                              ControllerMessage(done.status())));
  }
}

// Both parts of the answers, in the order of the request.
template <typename Request, typename Response, typename Result>
Response InOrder(const Request& request, std::map<ResourceKey, Result> answers) {
  Response response;
  for (const auto& resource : request.resources) {
    auto found = answers.find({resource.resource_type, std::string(resource.resource_name.view())});
    if (found == answers.end()) continue;
    response.responses.push_back(std::move(found->second));
    answers.erase(found);
  }
  return response;
}

}  // namespace dohle::server
