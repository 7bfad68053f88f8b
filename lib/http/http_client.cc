#include "lib/http/http_client.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "lib/base/text_list.h"
#include "lib/http/http_token.h"

namespace dohle::http {
namespace {

constexpr size_t kMaxHeadBytes = size_t{16} << 10;
constexpr size_t kReadBytes = size_t{16} << 10;

Status Incomplete() { return MakeStatus(StatusCode::kFailedPrecondition, "the answer isn't complete"); }
Status NoHttp() { return MakeStatus(StatusCode::kUnavailable, "the answer is no HTTP"); }

std::optional<std::string_view> FieldOf(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !EqualsIgnoringCase(line.substr(0, colon), name)) continue;
    return Trimmed(line.substr(colon + 1));
  }
  return std::nullopt;
}

StatusOr<size_t> ParseSize(std::string_view text, int base) {
  size_t size = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), size, base);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return NoHttp();
  return size;
}

StatusOr<std::string> ParseChunks(std::string_view rest) {
  std::string body;
  for (;;) {
    const size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) return rest.size() > 256 ? NoHttp() : Incomplete();
    const std::string_view line = rest.substr(0, end);
    DOHLE_ASSIGN_OR_RETURN(const size_t size, ParseSize(line.substr(0, line.find(';')), 16));
    rest.remove_prefix(end + 2);
    if (size == 0) return body;
    if (rest.size() < 2 || rest.size() - 2 < size) return Incomplete();
    body += rest.substr(0, size);
    if (rest.substr(size, 2) != "\r\n") return NoHttp();
    rest.remove_prefix(size + 2);
  }
}

// Closes the connection when the time is over; whoever waits on it is woken and sees it fail.
class Deadline {
 public:
  Deadline(env::Connection& connection, absl::Duration timeout)
      : executor_(connection.executor()), timer_(executor_.RunAfter(timeout, [this, &connection] {
          passed_ = true;
          connection.Close();
        })) {}
  Deadline(const Deadline&) = delete;
  ~Deadline() { executor_.Cancel(timer_); }
  bool passed() const { return passed_; }

 private:
  env::Executor& executor_;
  bool passed_ = false;
  env::TimerId timer_;
};

struct Head {
  int status = 0;
  bool chunked = false;
  std::optional<size_t> length;
  size_t size = 0;  // of the head itself
};

// As ParseHttpAnswer.
StatusOr<Head> ParseHead(std::string_view received) {
  const size_t head_end = received.find("\r\n\r\n");
  if (head_end == std::string_view::npos) {
    const std::string_view begin = received.substr(0, 5);
    if (begin != std::string_view("HTTP/").substr(0, begin.size()) || received.size() > kMaxHeadBytes)
      return NoHttp();
    return Incomplete();
  }
  const std::string_view text = received.substr(0, head_end);
  const std::string_view line = text.substr(0, text.find("\r\n"));
  Head head;
  head.size = head_end + 4;
  const bool good = line.starts_with("HTTP/1.") && line.size() >= 12 && line[8] == ' ' &&
                    std::from_chars(line.data() + 9, line.data() + 12, head.status).ptr == line.data() + 12;
  if (!good || head.status < 100) return NoHttp();
  const std::string_view fields = text.substr(std::min(text.size(), line.size() + 2));
  const auto coding = FieldOf(fields, "transfer-encoding");
  head.chunked = coding.has_value() && EqualsIgnoringCase(*coding, "chunked");
  if (const auto length = FieldOf(fields, "content-length"); length.has_value() && !head.chunked) {
    DOHLE_ASSIGN_OR_RETURN(head.length, ParseSize(*length, 10));
  }
  return head;
}

Status TooLarge(size_t max_body_bytes) {
  return MakeStatus(StatusCode::kResourceExhausted, "the answer has more than {} bytes", max_body_bytes);
}

// Hands over the body behind `head`; `received` is what has come so far.
env::Task<StatusOr<HttpAnswer>> PassBody(env::Connection& connection, Head head, std::string received,
                                         const HttpGetOptions& options) {
  HttpAnswer answer;
  answer.status = head.status;
  if (head.length.value_or(0) > options.max_body_bytes) co_return TooLarge(options.max_body_bytes);
  std::string_view piece = std::string_view(received).substr(head.size);
  std::string buffer(kReadBytes, '\0');
  for (size_t bytes = 0;;) {
    if (head.length) piece = piece.substr(0, *head.length - bytes);
    bytes += piece.size();
    if (bytes > options.max_body_bytes) co_return TooLarge(options.max_body_bytes);
    options.take_body(piece);
    if (head.length && bytes == *head.length) co_return answer;
    const StatusOr<size_t> got = co_await env::ReadSome(connection, buffer.data(), buffer.size());
    if (!got.ok()) co_return got.status();
    if (*got == 0 && !head.length) co_return answer;
    if (*got == 0) co_return MakeStatus(StatusCode::kUnavailable, "the answer was cut off");
    piece = std::string_view(buffer).substr(0, *got);
  }
}

env::Task<StatusOr<HttpAnswer>> ReadAnswer(env::Connection& connection, const HttpGetOptions& options) {
  std::string received;
  std::string buffer(kReadBytes, '\0');
  for (;;) {
    const StatusOr<size_t> got = co_await env::ReadSome(connection, buffer.data(), buffer.size());
    if (!got.ok()) co_return got.status();
    received.append(buffer, 0, *got);
    if (received.size() > options.max_body_bytes + kMaxHeadBytes) co_return TooLarge(options.max_body_bytes);
    if (options.take_body) {
      const StatusOr<Head> head = ParseHead(received);
      if (head.ok() && head->status == 200 && !head->chunked) {
        co_return co_await PassBody(connection, *head, std::move(received), options);
      }
    }
    StatusOr<HttpAnswer> answer = ParseHttpAnswer(received, *got == 0);
    if (answer.ok() && answer->status == 200 && options.take_body) {
      options.take_body(answer->body);
      answer->body.clear();
    }
    if (answer.ok() || answer.status().code() != StatusCode::kFailedPrecondition) co_return answer;
    if (*got == 0) co_return MakeStatus(StatusCode::kUnavailable, "the answer was cut off");
  }
}

}  // namespace

StatusOr<HttpAnswer> ParseHttpAnswer(std::string_view received, bool ended) {
  DOHLE_ASSIGN_OR_RETURN(const Head head, ParseHead(received));
  HttpAnswer answer;
  answer.status = head.status;
  const std::string_view rest = received.substr(head.size);
  if (head.chunked) {
    DOHLE_ASSIGN_OR_RETURN(answer.body, ParseChunks(rest));
    return answer;
  }
  if (head.length) {
    if (rest.size() < *head.length) return Incomplete();
    answer.body = std::string(rest.substr(0, *head.length));
    return answer;
  }
  if (!ended) return Incomplete();
  answer.body = std::string(rest);
  return answer;
}

env::Task<StatusOr<HttpAnswer>> HttpGet(env::Transport& transport, env::Executor& executor,
                                        env::Endpoint endpoint, std::string target, HttpGetOptions options) {
  const env::MonotonicTime end = executor.clock().Now() + options.timeout;
  auto connection = co_await transport.Connect(executor, endpoint, options.timeout);
  if (!connection.ok()) co_return connection.status();
  const Deadline deadline(**connection, end - executor.clock().Now());
  std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: dohle\r\nAccept: */*\r\nConnection: close\r\n",
                  target, env::ToString(endpoint));
  for (const auto& [name, value] : options.headers) request += fmt::format("{}: {}\r\n", name, value);
  request += "\r\n";
  const Status written = co_await env::WriteAll(**connection, request);
  StatusOr<HttpAnswer> answer = MakeStatus(StatusCode::kUnavailable, "{}", Message(written));
  if (written.ok()) answer = co_await ReadAnswer(**connection, options);
  if (deadline.passed())
    co_return MakeStatus(StatusCode::kDeadlineExceeded, "{} did not answer in time", env::ToString(endpoint));
  co_return answer;
}

}  // namespace dohle::http
