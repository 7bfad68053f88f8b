// The template that turns a handler into a ServeFunction. Included by handlers/all.cc only: it is what makes
// that file slow to compile, once.
//
// A handler is a struct:
//   struct HeartbeatHandler {
//     using Request = kafka::HeartbeatRequest;
//     using Response = kafka::HeartbeatResponse;
//     static constexpr kafka::VersionRange kVersions{0, 4};
//     static env::Task<Response> Handle(RequestContext& context, const Request& request);
//   };
// `context` and `request` (which borrows from the frame) live until the response has been encoded.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "broker/server/dispatcher.h"
#include "broker/server/error_tally.h"
#include "broker/server/forwarding.h"
#include "broker/server/limits.h"
#include "broker/server/request_context.h"
#include "lib/base/log.h"
#include "lib/env/task.h"
#include "lib/kafka/messages/response_header.h"
#include "lib/kafka/reader.h"
#include "lib/kafka/writer.h"

namespace dohle::server {

// Says in the log why the bytes were no request, and closes the connection as Kafka does.
void RefuseMalformed(RequestContext& context, kafka::ApiKey key, std::string_view reason);

template <typename Response>
kafka::EncodedMessage EncodeResponse(kafka::ApiKey key, int16_t version, int32_t correlation_id,
                                     const Response& response) {
  kafka::ResponseHeader header;
  header.correlation_id = correlation_id;
  const int16_t header_version = kafka::ResponseHeaderVersion(key, version);
  const size_t size = EncodedSize(header, header_version) + EncodedSize(response, version);
  // What is spliced in counts for the size, not for the buffer.
  kafka::Writer writer(std::min(size + sizeof(int32_t), kMostReservedAnswerBytes));
  writer.Int32(static_cast<int32_t>(size));
  Encode(header, header_version, writer);
  Encode(response, version, writer);
  return writer.Finish();
}

template <typename Handler>
env::Task<std::optional<kafka::EncodedMessage>> ServeApi(RequestContext& context, std::string_view body) {
  typename Handler::Request request;
  kafka::Reader reader(body);
  // What lies behind the request is left alone, as Kafka does.
  Status decoded = Decode(reader, context.api_version, &request);
  if (!decoded.ok()) {
    RefuseMalformed(context, Handler::Request::kApiKey, Message(decoded));
    co_return std::nullopt;
  }
  typename Handler::Response response = co_await Handler::Handle(context, request);
  if (context.metrics != nullptr || context.tally_errors) TallyErrors(response, context.errors);
  if (context.unanswered()) co_return std::nullopt;
  co_return EncodeResponse(Handler::Request::kApiKey, context.api_version, context.correlation_id, response);
}

// For what belongs to the active controller: served here if it is this node, else handed on to it. If there
// is none for longer than a client waits, the handler says so, being asked here.
template <typename Handler>
env::Task<std::optional<kafka::EncodedMessage>> ServeOrForward(RequestContext& context,
                                                               std::string_view body) {
  typename Handler::Request request;
  kafka::Reader reader(body);
  Status decoded = Decode(reader, context.api_version, &request);
  if (!decoded.ok()) {
    RefuseMalformed(context, Handler::Request::kApiKey, Message(decoded));
    co_return std::nullopt;
  }
  for (;;) {
    Forwarded forwarded = co_await ForwardToController(context);
    if (!forwarded.serve_here) co_return std::move(forwarded.answer);
    typename Handler::Response response = co_await Handler::Handle(context, request);
    context.errors = {};
    TallyErrors(response, context.errors);
    const bool again = co_await MayAskAgain(context);
    if (again) continue;
    co_return EncodeResponse(Handler::Request::kApiKey, context.api_version, context.correlation_id,
                             response);
  }
}

}  // namespace dohle::server
