// Any bytes as an HTTP answer: no crash, and what is whole stays whole when more follows.
#include "lib/base/check.h"
#include "lib/http/http_client.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dohle::http;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto answer = ParseHttpAnswer(text, false);
  if (answer.ok()) DOHLE_CHECK(ParseHttpAnswer(text + "x", false)->body == answer->body);
  ParseHttpAnswer(text, true).IgnoreError();
  return 0;
}
