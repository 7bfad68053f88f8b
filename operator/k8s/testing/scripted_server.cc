#include "operator/k8s/testing/scripted_server.h"

#include <fmt/core.h>

#include <array>

#include "absl/strings/numbers.h"
#include "lib/base/check.h"

namespace dohle::k8s::testing {

namespace {

// With one space behind each name.
std::string Normalized(const std::string& head) {
  std::string out;
  size_t begin = 0;
  while (begin < head.size()) {
    const size_t end = head.find("\r\n", begin) + 2;
    std::string line = head.substr(begin, end - begin);
    const size_t colon = line.find(':');
    if (begin > 0 && colon != std::string::npos && line[colon + 1] != ' ') line.insert(colon + 1, " ");
    out += line;
    begin = end;
  }
  return out;
}

size_t ContentLength(const std::string& head) {
  const std::string name = "Content-Length: ";
  const size_t at = head.find(name);
  if (at == std::string::npos) return 0;
  const size_t begin = at + name.size();
  size_t length = 0;
  DOHLE_CHECK(absl::SimpleAtoi(head.substr(begin, head.find('\r', begin) - begin), &length));
  return length;
}

}  // namespace

ScriptedServer::ScriptedServer(env::Env& env, uint16_t port) : state_(std::make_shared<State>()) {
  env::Executor* executor = env.executors[0];
  const env::Endpoint endpoint{"127.0.0.1", port};
  auto listener = env.transport.Listen(
      endpoint, {&executor, 1}, [state = state_, executor](std::unique_ptr<env::Connection> connection) {
        env::Spawn(*executor, Serve(state, std::move(connection)));
      });
  DOHLE_CHECK(listener.ok());
  listener_ = std::move(*listener);
}

ScriptedServer::~ScriptedServer() {
  listener_.reset();
  for (env::Connection* connection : std::set<env::Connection*>(state_->open)) connection->Close();
}

uint16_t ScriptedServer::port() const { return listener_->local().port; }

std::string ScriptedServer::url() const { return fmt::format("http://127.0.0.1:{}", port()); }

// Also where the coroutine that serves it is destroyed.
class ScriptedServer::Opened {
 public:
  Opened(std::shared_ptr<State> state, env::Connection* connection)
      : state_(std::move(state)), connection_(connection) {
    state_->open.insert(connection_);
  }
  Opened(const Opened&) = delete;
  ~Opened() { state_->open.erase(connection_); }

 private:
  const std::shared_ptr<State> state_;
  env::Connection* const connection_;
};

env::Task<void> ScriptedServer::Serve(std::shared_ptr<State> state,
                                      std::unique_ptr<env::Connection> connection) {
  ++state->connections;
  const Opened opened(state, connection.get());
  std::string received;
  while (true) {
    SeenRequest request;
    if (!co_await ReadRequest(connection.get(), &received, &request)) break;
    state->seen.push_back(std::move(request));
    if (state->scripts.empty()) {
      char byte = 0;
      while ((co_await env::ReadSome(*connection, &byte, 1)).value_or(0) > 0) continue;
      break;
    }
    Script script = std::move(state->scripts.front());
    state->scripts.pop_front();
    if (!co_await Play(connection.get(), std::move(script))) break;
  }
}

env::Task<bool> ScriptedServer::ReadRequest(env::Connection* connection, std::string* received,
                                            SeenRequest* out) {
  size_t head_end = std::string::npos;
  size_t whole = 0;
  std::array<char, 4096> buffer{};
  while (true) {
    head_end = received->find("\r\n\r\n");
    if (head_end != std::string::npos) {
      out->head = Normalized(received->substr(0, head_end + 2));
      const size_t length = ContentLength(out->head);
      whole = head_end + 4 + length;
      if (received->size() >= whole) break;
    }
    const StatusOr<size_t> got = co_await env::ReadSome(*connection, buffer.data(), buffer.size());
    if (!got.ok() || *got == 0) co_return false;
    received->append(buffer.data(), *got);
  }
  const size_t space = out->head.find(' ');
  out->method = out->head.substr(0, space);
  out->target = out->head.substr(space + 1, out->head.find(' ', space + 1) - space - 1);
  out->body = received->substr(head_end + 4, whole - head_end - 4);
  received->erase(0, whole);
  co_return true;
}

env::Task<bool> ScriptedServer::Play(env::Connection* connection, Script script) {
  for (const Step& step : script) {
    if (step.wait) {
      auto wait = step.wait;
      co_await wait->WaitForever();
    }
    if (!(co_await env::WriteAll(*connection, step.send)).ok()) co_return false;
    if (step.close) co_return false;
  }
  co_return true;
}

std::string Whole(int code, const std::string& body, const std::string& headers) {
  return fmt::format(
      "HTTP/1.1 {} Some Reason\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}", code,
      body.size(), headers, body);
}

std::string ChunkedHead(int code) {
  return fmt::format(
      "HTTP/1.1 {} Some Reason\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
      code);
}

std::string Chunk(const std::string& bytes) { return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes); }

}  // namespace dohle::k8s::testing
