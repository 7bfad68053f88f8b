#include "broker/server/forwarding.h"

#include <algorithm>

#include "broker/server/controller_channel.h"
#include "broker/server/services.h"
#include "lib/base/log.h"
#include "lib/env/address_bytes.h"
#include "lib/env/env.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/default_principal_data.h"
#include "lib/kafka/messages/envelope_request.h"
#include "lib/kafka/messages/envelope_response.h"

namespace dohle::server {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(50);

// Nobody is authenticated: what Kafka serialises for everybody on a plaintext listener.
std::string AnonymousPrincipal() {
  kafka::DefaultPrincipalData principal;
  principal.type = "User";
  principal.name = "ANONYMOUS";
  return kafka::EncodeVersionPrefixed(principal, 0);
}

absl::Duration TimeLeft(const RequestContext& context) {
  return context.received_at + kForwardPatience - context.services.env.clock.Now();
}

}  // namespace

env::Task<StatusOr<std::string>> ForwardFrame(RequestContext& context, std::string_view frame) {
  kafka::EnvelopeRequest envelope;
  envelope.request_data = frame;
  envelope.request_principal = kafka::Text(AnonymousPrincipal());
  envelope.client_host_address = kafka::Text(env::AddressBytes(context.connection.client_host));
  ControllerChannel& channel = context.services.controller_channel;
  auto answer = co_await channel.Call<kafka::EnvelopeResponse>(envelope, TimeLeft(context));
  if (!answer.ok()) co_return answer.status();
  const auto error = static_cast<kafka::ErrorCode>(answer->message.error_code);
  if (error != kafka::ErrorCode::kNone || !answer->message.response_data) {
    co_return MakeStatus(StatusCode::kInternal, "the active controller refused the request: {}",
                         kafka::Name(error));
  }
  co_return std::string(answer->message.response_data->view());
}

env::Task<Forwarded> ForwardToController(RequestContext& context) {
  Forwarded result;
  if (context.services.controller_channel.is_local()) {
    result.serve_here = true;
    co_return result;
  }
  context.AllowNext();
  StatusOr<std::string> answer = co_await ForwardFrame(context, context.frame());
  if (answer.ok()) {
    kafka::Writer writer(sizeof(int32_t) + answer->size());
    writer.Int32(static_cast<int32_t>(answer->size()));
    writer.Raw(*answer);
    result.answer = writer.Finish();
  } else if (answer.status().code() == StatusCode::kInternal) {
    log::Warning("server", "closing the connection of {}: {}", context.connection.client_host,
                 Message(answer.status()));
    context.CloseConnection();
  } else {
    result.serve_here = true;
  }
  co_return result;
}

env::Task<bool> MayAskAgain(RequestContext& context) {
  const auto& errors = context.errors.others;
  const auto not_controller = static_cast<int16_t>(kafka::ErrorCode::kNotController);
  if (std::find(errors.begin(), errors.end(), not_controller) == errors.end()) co_return false;
  ControllerChannel& channel = context.services.controller_channel;
  // Active, and yet it can't: its log has failed.
  if (channel.is_local() || TimeLeft(context) <= absl::ZeroDuration()) co_return false;
  co_return co_await channel.WaitForChange(kPause);
}

}  // namespace dohle::server
