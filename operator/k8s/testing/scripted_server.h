// An HTTP server for tests that answers what it was told to, byte by byte: also what no server should. Plain
// HTTP/1.1; everything on the first executor of its environment.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/env.h"
#include "lib/env/one_shot.h"

namespace dohle::k8s::testing {

struct SeenRequest {
  std::string method;
  std::string target;
  std::string head;  // as it came, lines ended by \r\n
  std::string body;
};

struct Step {
  std::string send;
  std::shared_ptr<env::OneShot<bool>> wait;  // before sending
  bool close = false;                        // after sending
};
using Script = std::vector<Step>;

class ScriptedServer {
 public:
  explicit ScriptedServer(env::Env& env, uint16_t port = 0);
  ~ScriptedServer();  // closes every connection

  uint16_t port() const;
  std::string url() const;
  // The answer to the next request that has none yet, whatever it asks. Requests beyond wait for ever.
  void Answer(Script script) { state_->scripts.push_back(std::move(script)); }
  void Answer(std::string bytes) { Answer(Script{Step{std::move(bytes), nullptr, false}}); }
  const std::vector<SeenRequest>& seen() const { return state_->seen; }
  int connections() const { return state_->connections; }  // accepted so far
  size_t open() const { return state_->open.size(); }      // connections now

 private:
  struct State {
    std::deque<Script> scripts;
    std::vector<SeenRequest> seen;
    std::set<env::Connection*> open;
    int connections = 0;
  };
  class Opened;
  static env::Task<void> Serve(std::shared_ptr<State> state, std::unique_ptr<env::Connection> connection);
  static env::Task<bool> ReadRequest(env::Connection* connection, std::string* received, SeenRequest* out);
  static env::Task<bool> Play(env::Connection* connection, Script script);

  const std::shared_ptr<State> state_;
  std::unique_ptr<env::Listener> listener_;
};

// A whole answer with a Content-Length; `headers` are lines ended by \r\n.
std::string Whole(int code, const std::string& body, const std::string& headers = "");
// The head of an answer in chunks, a chunk, and the last one.
std::string ChunkedHead(int code = 200);
std::string Chunk(const std::string& bytes);
inline std::string LastChunk() { return "0\r\n\r\n"; }

}  // namespace dohle::k8s::testing
