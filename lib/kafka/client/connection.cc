#include "lib/kafka/client/connection.h"

#include <array>
#include <map>
#include <optional>

#include "lib/env/one_shot.h"
#include "lib/kafka/endian.h"
#include "lib/kafka/messages/request_header.h"
#include "lib/kafka/messages/response_header.h"

namespace dohle::kafka::client {

// Shared with the coroutine that reads, which ends with the connection.
struct BrokerConnection::State {
  using Received = StatusOr<std::string>;

  std::unique_ptr<env::Connection> stream;
  ConnectionOptions options;
  int32_t next_correlation_id = 0;
  std::map<int32_t, std::shared_ptr<env::OneShot<Received>>> waiting;
  std::string outgoing;  // what waits for the one that writes
  bool writing = false;
  Status failure;

  void Fail(const Status& why) {
    if (failure.ok()) failure = why;
    stream->Close();
    for (auto& [id, waiter] : std::exchange(waiting, {})) waiter->Set(failure);
  }
};

env::Task<StatusOr<std::unique_ptr<BrokerConnection>>> BrokerConnection::Open(env::Transport& transport,
                                                                              env::Executor& executor,
                                                                              env::Endpoint endpoint,
                                                                              ConnectionOptions options) {
  auto stream = co_await transport.Connect(executor, std::move(endpoint), options.connect_timeout);
  if (!stream.ok()) co_return stream.status();
  auto state = std::make_shared<State>();
  state->stream = std::move(*stream);
  state->options = std::move(options);
  env::Spawn(executor, ReadResponses(state));
  co_return std::unique_ptr<BrokerConnection>(new BrokerConnection(std::move(state)));
}

BrokerConnection::~BrokerConnection() { Close(); }

void BrokerConnection::Close() { state_->Fail(MakeStatus(StatusCode::kUnavailable, "closed by this side")); }

bool BrokerConnection::closed() const { return !state_->failure.ok(); }

Writer BrokerConnection::BeginFrame(ApiKey key, int16_t version, size_t body_bytes, int32_t* correlation_id) {
  *correlation_id = state_->next_correlation_id++;
  RequestHeader header;
  header.request_api_key = static_cast<int16_t>(key);
  header.request_api_version = version;
  header.correlation_id = *correlation_id;
  header.client_id = state_->options.client_id;
  const int16_t header_version = RequestHeaderVersion(key, version);
  const size_t size = EncodedSize(header, header_version) + body_bytes;
  Writer writer(sizeof(int32_t) + size);
  writer.Int32(static_cast<int32_t>(size));
  Encode(header, header_version, writer);
  return writer;
}

StatusOr<size_t> BrokerConnection::SkipHeader(std::string_view bytes, ApiKey key, int16_t version) {
  Reader reader(bytes);
  ResponseHeader header;
  DOHLE_RETURN_IF_ERROR(Decode(reader, ResponseHeaderVersion(key, version), &header));
  return reader.position();
}

env::Task<StatusOr<std::string>> BrokerConnection::Exchange(Frame frame) {
  const std::shared_ptr<State> state = state_;
  if (!state->failure.ok()) co_return state->failure;
  auto answered = std::make_shared<env::OneShot<State::Received>>();
  state->waiting.emplace(frame.correlation_id, answered);
  Status sent = Send(frame.bytes);
  if (!sent.ok()) co_return sent;
  std::optional<State::Received> received = co_await answered->WaitFor(state->options.request_timeout);
  if (!received) {
    Status late = MakeStatus(StatusCode::kDeadlineExceeded, "{} didn't answer in time",
                             env::ToString(state->stream->peer()));
    state->Fail(late);
    co_return late;
  }
  co_return std::move(*received);
}

Status BrokerConnection::Send(std::string_view bytes) {
  if (!state_->failure.ok()) return state_->failure;
  state_->outgoing += bytes;
  if (!state_->writing) env::Spawn(state_->stream->executor(), WriteRequests(state_));
  return state_->failure;
}

// One writes for all that come meanwhile: their bytes may not mingle.
env::Task<void> BrokerConnection::WriteRequests(std::shared_ptr<State> state) {
  state->writing = true;
  while (!state->outgoing.empty() && state->failure.ok()) {
    const std::string now = std::exchange(state->outgoing, {});
    Status written = co_await env::WriteAll(*state->stream, now);
    if (!written.ok()) state->Fail(written);
  }
  state->writing = false;
}

env::Task<void> BrokerConnection::ReadResponses(std::shared_ptr<State> state) {
  while (state->failure.ok()) {
    std::array<char, sizeof(int32_t)> prefix{};
    Status read = co_await env::ReadExactly(*state->stream, prefix.data(), prefix.size());
    const auto size = LoadBigEndian<int32_t>(prefix.data());
    if (read.ok() && (size < 4 || static_cast<size_t>(size) > state->options.max_response_bytes)) {
      read = MakeStatus(StatusCode::kInvalidArgument, "{} sent a response of {} bytes",
                        env::ToString(state->stream->peer()), size);
    }
    std::string bytes;
    if (read.ok()) {
      bytes.resize(static_cast<size_t>(size));
      read = co_await env::ReadExactly(*state->stream, bytes.data(), bytes.size());
    }
    if (!read.ok()) {
      state->Fail(read);
      break;
    }
    const auto found = state->waiting.find(LoadBigEndian<int32_t>(bytes.data()));
    if (found == state->waiting.end()) {
      state->Fail(MakeStatus(StatusCode::kInvalidArgument, "{} answers what wasn't asked",
                             env::ToString(state->stream->peer())));
      break;
    }
    const auto waiter = found->second;
    state->waiting.erase(found);
    waiter->Set(std::move(bytes));
  }
}

}  // namespace dohle::kafka::client
