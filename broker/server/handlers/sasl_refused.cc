#include "broker/server/handlers/sasl_refused.h"

#include "broker/server/error_mapping.h"
#include "lib/kafka/messages/sasl_authenticate_request.h"
#include "lib/kafka/messages/sasl_authenticate_response.h"
#include "lib/kafka/messages/sasl_handshake_request.h"
#include "lib/kafka/messages/sasl_handshake_response.h"

namespace dohle::server {

env::Task<kafka::SaslHandshakeResponse> SaslHandshakeHandler::Handle(RequestContext&,
                                                                     const kafka::SaslHandshakeRequest&) {
  kafka::SaslHandshakeResponse response;
  response.error_code = Code(kafka::ErrorCode::kIllegalSaslState);
  co_return response;
}

env::Task<kafka::SaslAuthenticateResponse> SaslAuthenticateHandler::Handle(
    RequestContext&, const kafka::SaslAuthenticateRequest&) {
  kafka::SaslAuthenticateResponse response;
  response.error_code = Code(kafka::ErrorCode::kIllegalSaslState);
  response.error_message = "SaslAuthenticate request received after successful authentication";
  co_return response;
}

}  // namespace dohle::server
