#include "lib/http/http_request.h"

#include <algorithm>

#include "lib/base/text_list.h"
#include "lib/http/http_token.h"

namespace dohle::http {
namespace {

std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The bytes up to and with the empty line that ends the head; 0 if it hasn't come.
size_t HeadLength(std::string_view text) {
  size_t from = 0;
  for (;;) {
    const size_t end = text.find('\n', from);
    if (end == std::string_view::npos) return 0;
    const std::string_view rest = text.substr(end + 1);
    if (rest.starts_with('\n')) return end + 2;
    if (rest.starts_with("\r\n")) return end + 3;
    from = end + 1;
  }
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool ParseRequestLine(std::string_view line, HttpRequest& request) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  request.method = std::string(line.substr(0, first));
  if (!IsToken(request.method) || !IsToken(target) || target.front() != '/') return false;
  const size_t question = target.find('?');
  request.path = std::string(target.substr(0, question));
  if (question != std::string_view::npos) request.query = std::string(target.substr(question + 1));
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return false;
  request.keep_alive = version == "HTTP/1.1";
  return true;
}

bool ParseField(std::string_view line, HttpRequest& request) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trimmed(line.substr(colon + 1));
  if (EqualsIgnoringCase(name, "connection")) {
    if (EqualsIgnoringCase(value, "close")) request.keep_alive = false;
    if (EqualsIgnoringCase(value, "keep-alive")) request.keep_alive = true;
  } else if (EqualsIgnoringCase(name, "content-length")) {
    request.has_body |= value != "0";
  } else if (EqualsIgnoringCase(name, "transfer-encoding")) {
    request.has_body = true;
  }
  return true;
}

}  // namespace

HttpParse ParseHttpRequest(std::string_view received) {
  HttpParse parse;
  const size_t length = HeadLength(received.substr(0, kMaxHttpRequestBytes));
  if (length == 0) {
    if (received.size() >= kMaxHttpRequestBytes) parse.kind = HttpParse::Kind::kTooLarge;
    return parse;
  }
  parse.kind = HttpParse::Kind::kBad;
  std::string_view head = received.substr(0, length);
  if (!ParseRequestLine(TakeLine(head), parse.request)) return parse;
  for (std::string_view line = TakeLine(head); !line.empty(); line = TakeLine(head)) {
    if (!ParseField(line, parse.request)) return parse;
  }
  parse.kind = HttpParse::Kind::kDone;
  parse.bytes = length;
  return parse;
}

}  // namespace dohle::http
