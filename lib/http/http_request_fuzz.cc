// Any bytes as an HTTP request: no crash, and a whole head is found whatever follows it.
#include "lib/base/check.h"
#include "lib/http/http_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dohle::http;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const HttpParse parse = ParseHttpRequest(text);
  if (parse.kind != HttpParse::Kind::kDone) return 0;
  DOHLE_CHECK(parse.bytes <= size && parse.bytes <= kMaxHttpRequestBytes);
  const HttpParse again = ParseHttpRequest(text.substr(0, parse.bytes));
  DOHLE_CHECK(again.kind == HttpParse::Kind::kDone && again.request.path == parse.request.path);
  return 0;
}
