#include "broker/server/handlers/describe_quorum.h"

#include "broker/controller/controller.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/describe_quorum_request.h"
#include "lib/kafka/messages/describe_quorum_response.h"

namespace dohle::server {

env::Task<kafka::DescribeQuorumResponse> DescribeQuorumHandler::Handle(
    RequestContext& context, const kafka::DescribeQuorumRequest& request) {
  co_return context.services.controller.DescribeQuorum(request);
}

}  // namespace dohle::server
