#include "broker/server/handlers/update_features.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/update_features_request.h"
#include "lib/kafka/messages/update_features_response.h"

namespace dohle::server {

env::Task<kafka::UpdateFeaturesResponse> UpdateFeaturesHandler::Handle(
    RequestContext& context, const kafka::UpdateFeaturesRequest& request) {
  context.AllowNext();
  auto done = co_await context.services.controller.UpdateFeatures(request, context.api_version);
  if (done.ok()) co_return std::move(*done);
  kafka::UpdateFeaturesResponse failed;
  failed.error_code = Code(ControllerError(done.status()));
  failed.error_message = ControllerMessage(done.status());
  co_return failed;
}

}  // namespace dohle::server
