#include "broker/server/handlers/describe_cluster.h"

#include <utility>

#include "broker/metadata/publisher.h"
#include "broker/server/error_mapping.h"
#include "broker/server/metadata_lookup.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/describe_cluster_request.h"
#include "lib/kafka/messages/describe_cluster_response.h"

namespace dohle::server {
namespace {

// KIP-919: which endpoints are asked for.
constexpr int8_t kBrokers = 1;
constexpr int8_t kControllers = 2;

}  // namespace

env::Task<kafka::DescribeClusterResponse> DescribeClusterHandler::Handle(
    RequestContext& context, const kafka::DescribeClusterRequest& request) {
  kafka::DescribeClusterResponse response;
  if (request.endpoint_type != kBrokers) {
    const bool known = request.endpoint_type == kControllers;
    response.error_code =
        Code(known ? kafka::ErrorCode::kMismatchedEndpointType : kafka::ErrorCode::kUnsupportedEndpointType);
    response.error_message =
        known ? kafka::Text(
                    "The request was sent to an endpoint of type BROKER, but we wanted an endpoint "
                    "of type CONTROLLER")
              : kafka::Text(fmt::format("Unsupported endpoint type {}", request.endpoint_type));
    co_return response;
  }
  const metadata::ImagePtr image = context.services.metadata.Current();
  response.cluster_id = kafka::Text::Copy(context.services.cluster_id);
  response.controller_id = context.services.node_id.value();
  if (request.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kAllClusterOperations;
  for (const auto& [id, registration] : image->cluster.brokers) {
    const metadata::ListenerEndpoint* endpoint = EndpointFor(registration, context.connection.listener_name);
    if (endpoint == nullptr || (registration.fenced && !request.include_fenced_brokers)) continue;
    kafka::DescribeClusterResponse::DescribeClusterBroker broker;
    broker.broker_id = id.value();
    broker.host = kafka::Text::Copy(endpoint->host);
    broker.port = endpoint->port;
    if (registration.rack) broker.rack = kafka::Text::Copy(*registration.rack);
    broker.is_fenced = registration.fenced;
    response.brokers.push_back(std::move(broker));
  }
  co_return response;
}

}  // namespace dohle::server
