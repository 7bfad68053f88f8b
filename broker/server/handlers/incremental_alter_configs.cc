#include "broker/server/handlers/incremental_alter_configs.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/alter_checks.h"
#include "broker/server/controller_channel.h"
#include "broker/server/dispatcher.h"
#include "broker/server/forwarding.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/incremental_alter_configs_request.h"
#include "lib/kafka/messages/incremental_alter_configs_response.h"

namespace dohle::server {
namespace {

using kafka::IncrementalAlterConfigsRequest;
using kafka::IncrementalAlterConfigsResponse;
using Result = IncrementalAlterConfigsResponse::AlterConfigsResourceResponse;

ResourceChange ToChange(const IncrementalAlterConfigsRequest::AlterConfigsResource& resource,
                        bool validate_only) {
  ResourceChange change{resource.resource_type, std::string(resource.resource_name.view()), {}};
  change.validate_only = validate_only;
  for (const auto& config : resource.configs) {
    ConfigChange one{std::string(config.name.view()), static_cast<AlterOp>(config.config_operation), {}};
    if (config.value) one.value = std::string(config.value->view());
    change.changes.push_back(std::move(one));
  }
  return change;
}

env::Task<StatusOr<IncrementalAlterConfigsResponse>> AskController(
    RequestContext& context, const IncrementalAlterConfigsRequest& request) {
  if (!context.services.controller_channel.is_local() &&
      context.dispatcher->role() == ListenerRole::kBroker) {
    StatusOr<IncrementalAlterConfigsResponse> forwarded =
        co_await ForwardPart<IncrementalAlterConfigsResponse>(context, request);
    // Aborted: this node has become the active controller meanwhile.
    if (!absl::IsAborted(forwarded.status())) co_return forwarded;
  }
  co_return co_await context.services.controller.IncrementalAlterConfigs(request);
}

}  // namespace

env::Task<IncrementalAlterConfigsResponse> IncrementalAlterConfigsHandler::Handle(
    RequestContext& context, const IncrementalAlterConfigsRequest& request) {
  context.AllowNext();
  IncrementalAlterConfigsRequest forward;
  auto answers = SettleAll<IncrementalAlterConfigsRequest, Result>(
      context, request, &forward,
      [&](const auto& resource) { return ToChange(resource, request.validate_only); });
  if (!forward.resources.empty()) {
    StatusOr<IncrementalAlterConfigsResponse> done = co_await AskController(context, forward);
    AddControllersAnswers(forward, std::move(done), &answers);
  }
  co_return InOrder<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(request,
                                                                                     std::move(answers));
}

}  // namespace dohle::server
