// From the bytes of a request to the bytes of its answer: header, version, decoding, the API's handler,
// encoding.
//
// Which APIs exist and in which versions is said in one place, handlers/all.h. Immutable after construction;
// any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "broker/server/request_context.h"
#include "lib/env/task.h"
#include "lib/kafka/messages/api_keys.h"
#include "lib/kafka/version_range.h"
#include "lib/kafka/writer.h"

namespace dohle::server {

// Serves one API: decodes `body`, runs the handler, encodes size, response header and response. Nothing: no
// answer.
using ServeFunction = env::Task<std::optional<kafka::EncodedMessage>> (*)(RequestContext& context,
                                                                          std::string_view body);

struct ServedApi {
  kafka::ApiKey key;
  kafka::VersionRange versions;            // served
  kafka::VersionRange announced_versions;  // told to clients; wider only where Kafka says so
  ServeFunction serve;
};

class Dispatcher {
 public:
  // `apis`: ServedApis() of handlers/all.h, but for tests. One entry a key.
  // `metrics` may be null, and outlives the dispatcher.
  explicit Dispatcher(std::vector<ServedApi> apis, RequestMetricsTable* metrics = nullptr);

  std::span<const ServedApi> apis() const { return apis_; }

  // `context` and the frame that `frame` shows live until the task has ended. On bytes that aren't a request
  // that we serve the connection is told to close, as Kafka does.
  env::Task<std::optional<kafka::EncodedMessage>> Dispatch(RequestContext& context,
                                                           std::string_view frame) const;

 private:
  std::vector<ServedApi> apis_;
  RequestMetricsTable* const metrics_;
  static constexpr size_t kMostApiKeys = 128;
  std::array<const ServedApi*, kMostApiKeys> by_key_{};
};

}  // namespace dohle::server
