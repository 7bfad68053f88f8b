// Requests of clients that are the active controller's business, on a node that isn't it: they travel to it
// as they came, in an Envelope (KIP-590), and its answer goes back as it comes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/server/request_context.h"
#include "lib/base/status.h"
#include "lib/env/task.h"
#include "lib/kafka/codec.h"
#include "lib/kafka/messages/api_keys.h"
#include "lib/kafka/messages/request_header.h"
#include "lib/kafka/messages/response_header.h"
#include "lib/kafka/writer.h"

namespace dohle::server {

// How long a client's request looks for an active controller: less than most clients wait.
inline constexpr absl::Duration kForwardPatience = absl::Seconds(25);

struct Forwarded {
  bool serve_here = false;  // this node is the active controller, or there is none
  // Else: the answer to the client; nothing if there is none, as the connection is to be closed.
  std::optional<kafka::EncodedMessage> answer;
};

// Hands the whole request on, if this node isn't the active controller. Lets the next request start.
env::Task<Forwarded> ForwardToController(RequestContext& context);

// After a request was served here: whether its answer (RequestContext::errors) says that this node isn't the
// active controller, and there is time left to find out who is. Waits for a moment if so.
env::Task<bool> MayAskAgain(RequestContext& context);

// The bytes of the active controller's answer, header first, to the request in `frame`, which outlives the
// call. kAborted: this node is the active controller; kUnavailable: there is none; kInternal: it refused.
env::Task<StatusOr<std::string>> ForwardFrame(RequestContext& context, std::string_view frame);

// Likewise for a part of a request, as a request of its own. The response borrows from the context.
template <typename Response, typename Request>
env::Task<StatusOr<Response>> ForwardPart(RequestContext& context, const Request& request) {
  kafka::RequestHeader header;
  header.request_api_key = static_cast<int16_t>(Request::kApiKey);
  header.request_api_version = context.api_version;
  header.correlation_id = context.correlation_id;
  header.client_id = context.client_id;
  const int16_t header_version = kafka::RequestHeaderVersion(Request::kApiKey, context.api_version);
  const std::string frame =
      kafka::EncodeWhole(header, header_version) + kafka::EncodeWhole(request, context.api_version);
  StatusOr<std::string> received = co_await ForwardFrame(context, frame);
  if (!received.ok()) co_return received.status();
  const auto bytes = std::make_shared<const std::string>(std::move(*received));
  context.Keep(bytes);
  kafka::Reader reader(*bytes);
  kafka::ResponseHeader answer_header;
  Status decoded =
      Decode(reader, kafka::ResponseHeaderVersion(Request::kApiKey, context.api_version), &answer_header);
  Response response;
  if (decoded.ok()) decoded = Decode(reader, context.api_version, &response);
  if (!decoded.ok()) co_return decoded;
  co_return response;
}

}  // namespace dohle::server
