#include "broker/server/handlers/alter_configs.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/alter_checks.h"
#include "broker/server/controller_channel.h"
#include "broker/server/dispatcher.h"
#include "broker/server/forwarding.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/alter_configs_request.h"
#include "lib/kafka/messages/alter_configs_response.h"

namespace dohle::server {
namespace {

using kafka::AlterConfigsRequest;
using kafka::AlterConfigsResponse;
using Result = AlterConfigsResponse::AlterConfigsResourceResponse;

ResourceChange ToChange(const AlterConfigsRequest::AlterConfigsResource& resource, bool validate_only) {
  ResourceChange change{resource.resource_type, std::string(resource.resource_name.view()), {}};
  change.validate_only = validate_only;
  change.replaces_all = true;
  for (const auto& config : resource.configs) {
    ConfigChange one{std::string(config.name.view()), AlterOp::kSet, {}};
    if (config.value) one.value = std::string(config.value->view());
    change.changes.push_back(std::move(one));
  }
  return change;
}

env::Task<StatusOr<AlterConfigsResponse>> AskController(RequestContext& context,
                                                        const AlterConfigsRequest& request) {
  if (!context.services.controller_channel.is_local() &&
      context.dispatcher->role() == ListenerRole::kBroker) {
    StatusOr<AlterConfigsResponse> forwarded = co_await ForwardPart<AlterConfigsResponse>(context, request);
    // Aborted: this node has become the active controller meanwhile.
    if (!absl::IsAborted(forwarded.status())) co_return forwarded;
  }
  co_return co_await context.services.controller.AlterConfigs(request);
}

}  // namespace

env::Task<AlterConfigsResponse> AlterConfigsHandler::Handle(RequestContext& context,
                                                            const AlterConfigsRequest& request) {
  context.AllowNext();
  AlterConfigsRequest forward;
  auto answers = SettleAll<AlterConfigsRequest, Result>(
      context, request, &forward,
      [&](const auto& resource) { return ToChange(resource, request.validate_only); });
  if (!forward.resources.empty()) {
    StatusOr<AlterConfigsResponse> done = co_await AskController(context, forward);
    AddControllersAnswers(forward, std::move(done), &answers);
  }
  co_return InOrder<AlterConfigsRequest, AlterConfigsResponse>(request, std::move(answers));
}

}  // namespace dohle::server
