#include "broker/server/handlers/delete_topics.h"

#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/config/broker_config.h"
#include "broker/server/controller_call.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/delete_topics_request.h"
#include "lib/kafka/messages/delete_topics_response.h"

namespace dohle::server {
namespace {

using kafka::DeleteTopicsRequest;
using kafka::DeleteTopicsResponse;

DeleteTopicsResponse RefuseAll(const DeleteTopicsRequest& request, kafka::ErrorCode error,
                               std::string_view message) {
  DeleteTopicsResponse response;
  const auto refuse = [&](std::optional<kafka::Text> name, const TopicId& id) {
    DeleteTopicsResponse::DeletableTopicResult result;
    result.name = std::move(name);
    result.topic_id = id;
    result.error_code = Code(error);
    result.error_message = kafka::Text::Copy(message);
    response.responses.push_back(std::move(result));
  };
  for (const auto& topic : request.topics) refuse(topic.name, topic.topic_id);
  for (const auto& name : request.topic_names) refuse(name, TopicId());
  return response;
}

}  // namespace

env::Task<DeleteTopicsResponse> DeleteTopicsHandler::Handle(RequestContext& context,
                                                            const DeleteTopicsRequest& request) {
  context.AllowNext();
  if (!context.services.config.delete_topic_enable) {
    // Versions below 3 know no TOPIC_DELETION_DISABLED.
    const auto error = context.api_version < 3 ? kafka::ErrorCode::kInvalidRequest
                                               : kafka::ErrorCode::kTopicDeletionDisabled;
    co_return RefuseAll(request, error, "Topic deletion is disabled.");
  }
  auto done = co_await context.services.controller.DeleteTopics(request);
  if (done.ok()) co_return std::move(*done);
  co_return RefuseAll(request, ControllerError(done.status()), Message(done.status()));
}

}  // namespace dohle::server
