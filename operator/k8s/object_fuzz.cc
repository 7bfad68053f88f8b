// Any bytes as an object from outside: no crash, and what was read is read again from what is printed.
#include <nlohmann/json.hpp>
#include <string_view>

#include "lib/base/check.h"
#include "operator/k8s/client.h"
#include "operator/k8s/object.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dohle::k8s;
  const auto object = ParseJson({reinterpret_cast<const char*>(data), size});
  if (!object.ok()) return 0;
  static_cast<void>(StatusFromAnswer(409, *object));
  const auto again = ParseJson(object->dump());
  DOHLE_CHECK(again.ok());
  const auto meta = ReadMeta(*object);
  const auto meta_again = ReadMeta(*again);
  DOHLE_CHECK(meta.ok() == meta_again.ok());
  if (!meta.ok()) return 0;
  DOHLE_CHECK(meta->name == meta_again->name && meta->labels == meta_again->labels &&
              meta->deletion_time_ms == meta_again->deletion_time_ms);
  for (const auto& [key, value] : meta->labels) DOHLE_CHECK(meta->Label(key) == value);
  return 0;
}
