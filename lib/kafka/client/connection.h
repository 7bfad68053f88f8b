// A client's connection to one broker: requests go out as they are asked for, answers are matched by their
// correlation id, so any number may be under way at once. Versions are the caller's choice: nothing is
// negotiated and nothing is sent that wasn't asked for. What the answers mean is for the caller, too.
//
//   auto connection = co_await client::BrokerConnection::Open(transport, executor, endpoint, options);
//   MetadataRequest request;
//   auto answer = co_await (*connection)->Call<MetadataResponse>(std::move(request), 12);
//   if (answer.ok()) ... answer->message ...
//
// All of it on one executor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/env/transport.h"
#include "lib/kafka/codec.h"
#include "lib/kafka/messages/api_keys.h"

namespace dohle::kafka::client {

struct ConnectionOptions {
  std::string client_id;
  absl::Duration connect_timeout = absl::Seconds(10);
  // An answer that takes longer fails its request and, since it may still come, the connection.
  absl::Duration request_timeout = absl::Seconds(30);
  size_t max_response_bytes = size_t{64} << 20;
};

// A response and the bytes that it borrows from.
template <typename Response>
struct Answer {
  std::unique_ptr<const std::string> bytes;
  Response message;
};

class BrokerConnection {
 public:
  // kUnavailable, kDeadlineExceeded. On `executor`.
  static env::Task<StatusOr<std::unique_ptr<BrokerConnection>>> Open(env::Transport& transport,
                                                                     env::Executor& executor,
                                                                     env::Endpoint endpoint,
                                                                     ConnectionOptions options);
  ~BrokerConnection();  // closes; requests under way fail

  // Sends `request` and waits for its answer. kUnavailable: the connection is gone, the broker may or may not
  // have acted; kDeadlineExceeded: likewise, and now it is gone; kInvalidArgument: the answer is malformed.
  template <typename Response, typename Request>
  env::Task<StatusOr<Answer<Response>>> Call(Request request, int16_t version) {
    StatusOr<Frame> frame = Prepare(request, version);
    if (!frame.ok()) co_return frame.status();
    StatusOr<std::string> received = co_await Exchange(std::move(*frame));
    if (!received.ok()) co_return received.status();
    Answer<Response> answer;
    answer.bytes = std::make_unique<const std::string>(std::move(*received));
    StatusOr<size_t> body = SkipHeader(*answer.bytes, Request::kApiKey, version);
    if (!body.ok()) co_return body.status();
    Status decoded = DecodeWhole(std::string_view(*answer.bytes).substr(*body), version, &answer.message);
    if (!decoded.ok()) co_return decoded;
    co_return answer;
  }
  // Sends what is not answered: Produce with acks=0. OK says only that it is on its way.
  template <typename Request>
  Status Tell(const Request& request, int16_t version) {
    DOHLE_ASSIGN_OR_RETURN(const Frame frame, Prepare(request, version));
    return Send(frame.bytes);
  }

  // Requests fail from now on.
  void Close();
  bool closed() const;

 private:
  struct Frame {
    int32_t correlation_id = 0;
    std::string bytes;
  };
  struct State;
  explicit BrokerConnection(std::shared_ptr<State> state) : state_(std::move(state)) {}

  template <typename Request>
  StatusOr<Frame> Prepare(const Request& request, int16_t version) {
    Frame frame;
    Writer writer =
        BeginFrame(Request::kApiKey, version, EncodedSize(request, version), &frame.correlation_id);
    Encode(request, version, writer);
    DOHLE_ASSIGN_OR_RETURN(frame.bytes, Flatten(writer.Finish()));
    return frame;
  }
  Writer BeginFrame(ApiKey key, int16_t version, size_t body_bytes, int32_t* correlation_id);
  // Where the body begins.
  static StatusOr<size_t> SkipHeader(std::string_view bytes, ApiKey key, int16_t version);
  env::Task<StatusOr<std::string>> Exchange(Frame frame);
  Status Send(std::string_view bytes);
  static env::Task<void> WriteRequests(std::shared_ptr<State> state);
  static env::Task<void> ReadResponses(std::shared_ptr<State> state);

  const std::shared_ptr<State> state_;
};

}  // namespace dohle::kafka::client
