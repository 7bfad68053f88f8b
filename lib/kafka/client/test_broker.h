// A broker that answers what a test tells it to, in a simulated world.
//
//   TestBroker broker(node, 9092);
//   broker.On<MetadataRequest, MetadataResponse>([](const MetadataRequest&, int16_t) { return response; });
//
// It speaks the APIs that were told, and ApiVersions. A handler that returns nothing leaves the request
// unanswered. Each answer is one write: the network must not cut it into pieces (SimNetwork::set_pieces).
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/env/sim/sim_world.h"
#include "lib/env/sleep.h"
#include "lib/kafka/codec.h"
#include "lib/kafka/endian.h"
#include "lib/kafka/messages/api_versions_request.h"
#include "lib/kafka/messages/api_versions_response.h"
#include "lib/kafka/messages/request_header.h"
#include "lib/kafka/messages/response_header.h"

namespace dohle::kafka::client {

class TestBroker {
 public:
  TestBroker(env::SimNode& node, uint16_t port) {
    On<ApiVersionsRequest, ApiVersionsResponse>(
        [this](const ApiVersionsRequest&, int16_t) { return std::optional(Versions()); });
    auto listener = node.env().transport.Listen({"", port}, node.env().executors,
                                                [this](std::unique_ptr<env::Connection> stream) {
                                                  ++connections;
                                                  env::Executor& executor = stream->executor();
                                                  env::Spawn(executor, Serve(this, std::move(stream)));
                                                });
    DOHLE_CHECK(listener.ok());
    listener_ = std::move(*listener);
  }

  template <typename Request, typename Response>
  void On(std::function<std::optional<Response>(const Request&, int16_t)> handler,
          VersionRange versions = Request::kVersions) {
    Api& api = apis_[static_cast<int16_t>(Request::kApiKey)];
    api.versions = versions;
    api.serve = [handler](std::string_view body, int16_t version) -> std::optional<std::string> {
      Request request;
      DOHLE_CHECK(DecodeWhole(body, version, &request).ok());
      const std::optional<Response> response = handler(request, version);
      if (!response) return std::nullopt;
      return EncodeWhole(*response, version);
    };
  }

  struct Asked {
    ApiKey key;
    int16_t version;
    bool operator==(const Asked&) const = default;
  };
  std::vector<Asked> asked;  // without ApiVersions
  int connections = 0;
  // How long it takes over each request.
  absl::Duration delay;
  int under_way = 0, most_under_way = 0;

 private:
  struct Api {
    VersionRange versions;
    std::function<std::optional<std::string>(std::string_view, int16_t)> serve;
  };

  ApiVersionsResponse Versions() const {
    ApiVersionsResponse response;
    for (const auto& [key, api] : apis_) {
      auto& to = response.api_keys.emplace_back();
      to.api_key = key;
      to.min_version = api.versions.min;
      to.max_version = api.versions.max;
    }
    return response;
  }

  static env::Task<void> Serve(TestBroker* broker, std::shared_ptr<env::Connection> stream) {
    for (;;) {
      std::array<char, 4> prefix{};
      Status read = co_await env::ReadExactly(*stream, prefix.data(), prefix.size());
      if (!read.ok()) co_return;
      std::string frame(static_cast<size_t>(LoadBigEndian<int32_t>(prefix.data())), '\0');
      read = co_await env::ReadExactly(*stream, frame.data(), frame.size());
      if (!read.ok()) co_return;
      env::Spawn(stream->executor(), Answer(broker, stream, std::move(frame)));
    }
  }

  static env::Task<void> Answer(TestBroker* broker, std::shared_ptr<env::Connection> stream,
                                std::string frame) {
    const auto key = LoadBigEndian<int16_t>(frame.data());
    const auto version = LoadBigEndian<int16_t>(frame.data() + 2);
    const auto api_key = static_cast<ApiKey>(key);
    Reader reader(frame);
    RequestHeader header;
    DOHLE_CHECK(Decode(reader, RequestHeaderVersion(api_key, version), &header).ok());
    if (api_key != ApiKey::kApiVersions) broker->asked.push_back({api_key, version});
    broker->most_under_way = std::max(broker->most_under_way, ++broker->under_way);
    if (broker->delay > absl::ZeroDuration()) co_await env::Sleep(broker->delay);
    const std::optional<std::string> body =
        broker->apis_.at(key).serve(std::string_view(frame).substr(reader.position()), version);
    --broker->under_way;
    if (!body) co_return;
    ResponseHeader response;
    response.correlation_id = header.correlation_id;
    const std::string head = EncodeWhole(response, ResponseHeaderVersion(api_key, version));
    std::string bytes(4, '\0');
    StoreBigEndian<int32_t>(bytes.data(), static_cast<int32_t>(head.size() + body->size()));
    bytes += head + *body;
    const std::string_view all(bytes);
    const env::IoResult written = stream->TryWrite({&all, 1});
    DOHLE_CHECK(written.kind != env::IoResult::Kind::kDone || written.bytes == all.size());
  }

  std::map<int16_t, Api> apis_;
  std::unique_ptr<env::Listener> listener_;
};

}  // namespace dohle::kafka::client
