#include "broker/server/client_connection.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "broker/server/limits.h"
#include "lib/base/log.h"

namespace dohle::server {
namespace {

constexpr size_t kSizeBytes = 4;  // before each request

int64_t Us(env::MonotonicTime from, env::MonotonicTime to) {
  return (to.nanoseconds() - from.nanoseconds()) / 1000;
}

// An answered request, for its metrics.
struct Sent {
  const ApiMetrics* metrics;
  env::MonotonicTime received;
  env::MonotonicTime served;
  int64_t remote_us;

  // Its answer was sent from `began` to `ended`, with those before and behind it.
  void Count(env::MonotonicTime began, env::MonotonicTime ended) const {
    RequestTimes times;
    times.total_us = Us(received, ended);
    times.remote_us = remote_us;
    times.served_us = Us(received, served);
    times.response_queue_us = std::max<int64_t>(Us(served, began), 0);
    metrics->Answered(times);
  }
};

}  // namespace

ClientConnection::ClientConnection(std::unique_ptr<env::Connection> stream, const Dispatcher& dispatcher,
                                   Services& services, MemoryBudget& budget, const Options& options)
    : stream_(std::move(stream)),
      dispatcher_(dispatcher),
      services_(services),
      max_frame_bytes_(options.max_frame_bytes),
      metrics_(*options.metrics),
      answers_waiting_(*options.answers_waiting),
      frames_(*stream_, max_frame_bytes_, budget) {
  info_.client_host = stream_->peer().host;
  info_.client_address = "/" + info_.client_host;
  info_.listener_name = options.listener_name;
  last_active_ = stream_->executor().clock().Now();
  metrics_.connections_created.Increment();
}

void ClientConnection::Start(std::function<void()> on_end) {
  on_end_ = std::move(on_end);
  env::Spawn(stream_->executor(), Serve(shared_from_this()));
}

void ClientConnection::Close() {
  stream_->Close();
  WakeReader();
}

bool ClientConnection::MayGoOn() const {
  if (stream_->closed()) return true;
  if (exchanges_.size() >= kMostExchangesPerConnection) return false;
  return exchanges_.empty() || exchanges_.back()->done || exchanges_.back()->context.next_allowed();
}

void ClientConnection::WakeReader() {
  if (reader_ && MayGoOn()) stream_->executor().Resume(std::exchange(reader_, nullptr));
}

env::Task<void> ClientConnection::Serve(std::shared_ptr<ClientConnection> self) {
  const env::Clock& clock = stream_->executor().clock();
  while (!stream_->closed()) {
    StatusOr<Frame> frame = co_await frames_.Next();
    if (!frame.ok()) {
      if (absl::IsInvalidArgument(frame.status())) log::Warning("server", "{}", Message(frame.status()));
      break;
    }
    last_active_ = clock.Now();
    metrics_.incoming_bytes.Increment(frame->bytes().size() + kSizeBytes);
    auto exchange = std::make_shared<Exchange>(std::move(*frame), services_, info_, last_active_);
    exchanges_.push_back(exchange);
    // A handler that has waited before it says so finds the reader asleep.
    exchange->context.OnNextAllowed([this] { WakeReader(); });
    // Runs here and now up to its first wait; most requests never wait.
    env::Spawn(stream_->executor(), Answer(self, exchange));
    co_await GoOn{this};
  }
  stream_->Close();
  metrics_.connections_closed.Increment();
  if (info_.on_end) std::exchange(info_.on_end, nullptr)();
  if (on_end_) on_end_();
}

env::Task<void> ClientConnection::Answer(std::shared_ptr<ClientConnection> self,
                                         std::shared_ptr<Exchange> exchange) {
  exchange->answer = co_await dispatcher_.Dispatch(exchange->context, exchange->frame.bytes());
  exchange->done = true;
  last_active_ = stream_->executor().clock().Now();
  exchange->done_at = last_active_;
  AddWaitingAnswers(1);
  if (!writing_) env::Spawn(stream_->executor(), WriteAnswers(self));
  WakeReader();
}

env::Task<void> ClientConnection::WriteAnswers([[maybe_unused]] std::shared_ptr<ClientConnection> self) {
  writing_ = true;
  env::MonotonicTime began = last_active_;
  while (!exchanges_.empty() && exchanges_.front()->done) {
    std::deque<kafka::EncodedMessage> answers;
    bool close = false;
    int64_t answered = 0;
    absl::InlinedVector<Sent, 4> sent;
    while (!exchanges_.empty() && exchanges_.front()->done && !close) {
      Exchange& first = *exchanges_.front();
      close = first.context.close_connection();
      if (first.context.metrics != nullptr) {
        sent.push_back(
            {first.context.metrics, first.context.received_at, first.done_at, first.context.remote_us});
      }
      if (first.answer) answers.push_back(std::move(*first.answer));
      exchanges_.pop_front();
      ++answered;
    }
    if (!answers.empty() && !stream_->closed()) {
      Status written = co_await WriteBatch(std::move(answers));
      if (!written.ok()) close = true;
    }
    AddWaitingAnswers(-answered);
    const env::MonotonicTime ended = stream_->executor().clock().Now();
    for (const Sent& one : sent) one.Count(began, ended);
    began = ended;
    if (close) Close();
    WakeReader();
  }
  writing_ = false;
}

namespace {

// What remains to be sent of one piece of an answer.
struct Piece {
  std::string_view bytes;                 // if not empty: send these
  const env::FileSlice* slice = nullptr;  // else: send this
  uint64_t done = 0;
};

void AddPieces(const kafka::EncodedMessage& message, std::vector<Piece>* pieces) {
  const std::string_view bytes = message.bytes;
  size_t position = 0;
  for (const kafka::Splice& splice : message.splices) {
    if (splice.position > position) pieces->push_back({bytes.substr(position, splice.position - position)});
    position = splice.position;
    if (const auto* slice = std::get_if<env::FileSlice>(&splice.what)) {
      if (slice->length > 0) pieces->push_back({{}, slice});
    } else if (const auto* view = std::get_if<std::string_view>(&splice.what)) {
      if (!view->empty()) pieces->push_back({*view});
    }
  }
  if (position < bytes.size()) pieces->push_back({bytes.substr(position)});
}

// Forgets what one gathered write has sent.
void Advance(std::vector<Piece>& pieces, size_t* first, size_t bytes) {
  while (bytes > 0) {
    Piece& piece = pieces[*first];
    if (bytes < piece.bytes.size()) {
      piece.bytes.remove_prefix(bytes);
      return;
    }
    bytes -= piece.bytes.size();
    ++*first;
  }
}

}  // namespace

env::Task<Status> ClientConnection::WriteBatch(std::deque<kafka::EncodedMessage> answers) {
  std::vector<Piece> pieces;
  for (const kafka::EncodedMessage& answer : answers) AddPieces(answer, &pieces);
  size_t first = 0;
  while (first < pieces.size()) {
    env::IoResult result;
    if (pieces[first].slice != nullptr) {
      Piece& piece = pieces[first];
      result = stream_->TrySend(*piece.slice, piece.done);
      if (result.kind == env::IoResult::Kind::kDone) {
        piece.done += result.bytes;
        if (piece.done == piece.slice->length) ++first;
      }
    } else {
      std::array<std::string_view, kMostPiecesPerWrite> parts;
      size_t n = 0;
      while (n < parts.size() && first + n < pieces.size() && pieces[first + n].slice == nullptr) {
        parts[n] = pieces[first + n].bytes;
        ++n;
      }
      result = stream_->TryWrite({parts.data(), n});
      if (result.kind == env::IoResult::Kind::kDone) Advance(pieces, &first, result.bytes);
    }
    if (result.kind == env::IoResult::Kind::kDone) metrics_.outgoing_bytes.Increment(result.bytes);
    if (result.kind == env::IoResult::Kind::kWouldBlock) {
      co_await env::Writable{stream_.get()};
    } else if (result.kind != env::IoResult::Kind::kDone) {
      co_return MakeStatus(StatusCode::kUnavailable, "{} is gone", info_.client_host);
    }
  }
  co_return OkStatus();
}

}  // namespace dohle::server
