// The head of an HTTP/1.x request (RFC 9112), as much of it as answering GET and HEAD takes. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dohle::http {

inline constexpr size_t kMaxHttpRequestBytes = 8192;

struct HttpRequest {
  std::string method;
  std::string path;   // without the query
  std::string query;  // what follows '?', undecoded
  bool keep_alive = true;
  bool has_body = false;  // bodies are not read: the connection closes after the answer
};

struct HttpParse {
  enum class Kind { kIncomplete, kDone, kBad, kTooLarge };
  Kind kind = Kind::kIncomplete;
  size_t bytes = 0;  // kDone: how long the head is
  HttpRequest request;
};

// Parses what has been received so far. kTooLarge once kMaxHttpRequestBytes came without the end of the head.
HttpParse ParseHttpRequest(std::string_view received);

}  // namespace dohle::http
