#include "broker/server/handlers/envelope.h"

#include <algorithm>
#include <string>
#include <utility>

#include "broker/controller/controller.h"
#include "broker/server/dispatcher.h"
#include "broker/server/error_mapping.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/base/check.h"
#include "lib/env/address_bytes.h"
#include "lib/kafka/codec.h"
#include "lib/kafka/messages/default_principal_data.h"
#include "lib/kafka/messages/envelope_request.h"
#include "lib/kafka/messages/envelope_response.h"

namespace dohle::server {
namespace {

using kafka::EnvelopeResponse;
using kafka::ErrorCode;

constexpr size_t kSizeBytes = 4;  // before an answer

EnvelopeResponse Refuse(ErrorCode error) {
  EnvelopeResponse refused;
  refused.error_code = Code(error);
  refused.response_data.reset();
  return refused;
}

// What is wrong with it, kNone if nothing is. `host`: the client's.
ErrorCode Check(const RequestContext& context, const kafka::EnvelopeRequest& request, std::string* host) {
  kafka::DefaultPrincipalData principal;
  const bool known = request.request_principal &&
                     kafka::DecodeVersionPrefixed(request.request_principal->view(), &principal).ok();
  if (!known) return ErrorCode::kPrincipalDeserializationFailure;
  *host = env::HostOfAddressBytes(request.client_host_address.view());
  if (host->empty()) return ErrorCode::kInvalidRequest;
  kafka::Reader reader(request.request_data.view());
  const int16_t key = reader.Int16();
  const int16_t version = reader.Int16();
  const ServedApi* api = reader.ok() ? context.dispatcher->Find(key) : nullptr;
  if (kafka::FindApi(key) == nullptr) return ErrorCode::kUnsupportedVersion;
  if (api == nullptr || !api->forwardable) return ErrorCode::kInvalidRequest;
  return api->versions.contains(version) ? ErrorCode::kNone : ErrorCode::kUnsupportedVersion;
}

}  // namespace

env::Task<EnvelopeResponse> EnvelopeHandler::Handle(RequestContext& context,
                                                    const kafka::EnvelopeRequest& request) {
  context.AllowNext();
  ConnectionInfo client;
  const ErrorCode problem = Check(context, request, &client.client_host);
  if (problem != ErrorCode::kNone) co_return Refuse(problem);
  // The broker looks for the one that is.
  if (!context.services.controller.is_active()) co_return Refuse(ErrorCode::kNotController);
  client.client_address = "/" + client.client_host;
  client.listener_name = context.connection.listener_name;
  const std::span<char> frame = context.Writable(request.request_data.view());
  RequestContext inner(context.services, client, frame, context.received_at);
  inner.tally_errors = true;
  std::optional<kafka::EncodedMessage> answer =
      co_await context.dispatcher->Dispatch(inner, request.request_data.view());
  if (!answer) co_return Refuse(ErrorCode::kUnsupportedVersion);
  const auto& errors = inner.errors.others;
  if (std::find(errors.begin(), errors.end(), Code(ErrorCode::kNotController)) != errors.end()) {
    co_return Refuse(ErrorCode::kNotController);
  }
  // None of these answers is spliced together.
  DOHLE_CHECK(answer->splices.empty());
  EnvelopeResponse response;
  response.response_data = kafka::Text(answer->bytes.substr(kSizeBytes));
  co_return response;
}

}  // namespace dohle::server
