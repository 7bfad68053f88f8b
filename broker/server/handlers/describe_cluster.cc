#include "broker/server/handlers/describe_cluster.h"

#include <string>
#include <string_view>
#include <utility>

#include "broker/metadata/metadata_log.h"
#include "broker/server/dispatcher.h"
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

using Response = kafka::DescribeClusterResponse;

std::string_view TypeName(int8_t type) { return type == kBrokers ? "BROKER" : "CONTROLLER"; }

void AddBrokers(const RequestContext& context, const metadata::MetadataImage& image, bool fenced_too,
                Response* response) {
  const std::string& listener = context.connection.listener_name;
  response->controller_id = ControllerForClients(context.services, image, listener).value();
  for (const auto& [id, registration] : image.cluster.brokers) {
    const metadata::ListenerEndpoint* endpoint = EndpointFor(registration, listener);
    if (endpoint == nullptr || (registration.fenced && !fenced_too)) continue;
    Response::DescribeClusterBroker broker;
    broker.broker_id = id.value();
    broker.host = kafka::Text::Copy(endpoint->host);
    broker.port = endpoint->port;
    if (registration.rack) broker.rack = kafka::Text::Copy(*registration.rack);
    broker.is_fenced = registration.fenced;
    response->brokers.push_back(std::move(broker));
  }
}

void AddControllers(const RequestContext& context, const metadata::MetadataImage& image, Response* response) {
  response->controller_id = context.services.metadata_log.leader()->id.value();
  for (const auto& [id, registration] : image.cluster.controllers) {
    for (const metadata::ListenerEndpoint& endpoint : registration.endpoints) {
      if (endpoint.name != context.connection.listener_name) continue;
      Response::DescribeClusterBroker controller;
      controller.broker_id = id.value();
      controller.host = kafka::Text::Copy(endpoint.host);
      controller.port = endpoint.port;
      response->brokers.push_back(std::move(controller));
    }
  }
}

}  // namespace

env::Task<Response> DescribeClusterHandler::Handle(RequestContext& context,
                                                   const kafka::DescribeClusterRequest& request) {
  Response response;
  const int8_t own_type = context.dispatcher->role() == ListenerRole::kBroker ? kBrokers : kControllers;
  if (request.endpoint_type != own_type) {
    const bool known = request.endpoint_type == kBrokers || request.endpoint_type == kControllers;
    response.error_code =
        Code(known ? kafka::ErrorCode::kMismatchedEndpointType : kafka::ErrorCode::kUnsupportedEndpointType);
    response.error_message = kafka::Text(
        known ? fmt::format(
                    "The request was sent to an endpoint of type {}, but we wanted an endpoint of type {}",
                    TypeName(own_type), TypeName(request.endpoint_type))
              : fmt::format("Unsupported endpoint type {}", request.endpoint_type));
    co_return response;
  }
  const metadata::ImagePtr image = context.services.metadata.Current();
  response.cluster_id = kafka::Text::Copy(context.services.cluster_id);
  response.endpoint_type = own_type;
  if (request.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kAllClusterOperations;
  if (own_type == kBrokers) {
    AddBrokers(context, *image, request.include_fenced_brokers, &response);
  } else {
    AddControllers(context, *image, &response);
  }
  co_return response;
}

}  // namespace dohle::server
