// From the bytes of a request to the bytes of its answer: header, version, decoding, the API's handler,
// encoding.
//
// Which APIs exist, in which versions and on which listeners is said in one place, handlers/all.h. One
// dispatcher serves listeners of one role. Immutable after construction; any thread.
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

// Who connects to a listener: clients and other brokers, or members of the quorum and brokers that ask the
// active controller.
enum class ListenerRole { kBroker, kController };

struct ServedApi {
  kafka::ApiKey key;
  kafka::VersionRange versions;            // served
  kafka::VersionRange announced_versions;  // told to clients; wider only where Kafka says so
  ServeFunction serve;
  bool forwardable = false;  // brokers hand it on to the active controller, in an Envelope (KIP-590)
};

class Dispatcher {
 public:
  // `apis`: ServedApis(role) of handlers/all.h, but for tests. One entry a key.
  // `metrics` may be null, and outlives the dispatcher.
  explicit Dispatcher(std::vector<ServedApi> apis, RequestMetricsTable* metrics = nullptr,
                      ListenerRole role = ListenerRole::kBroker);

  ListenerRole role() const { return role_; }
  std::span<const ServedApi> apis() const { return apis_; }
  // Null if it isn't served.
  const ServedApi* Find(int16_t key) const;

  // `context` and the frame that `frame` shows live until the task has ended. On bytes that aren't a request
  // that we serve the connection is told to close, as Kafka does.
  env::Task<std::optional<kafka::EncodedMessage>> Dispatch(RequestContext& context,
                                                           std::string_view frame) const;

 private:
  std::vector<ServedApi> apis_;
  RequestMetricsTable* const metrics_;
  const ListenerRole role_;
  static constexpr size_t kMostApiKeys = 128;
  std::array<const ServedApi*, kMostApiKeys> by_key_{};
};

}  // namespace dohle::server
