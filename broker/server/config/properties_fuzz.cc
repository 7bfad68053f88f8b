// Any bytes as server.properties: no crash, and what was accepted gives the same configuration twice.
#include "broker/server/config/broker_config.h"
#include "broker/server/config/config_view.h"
#include "broker/server/config/properties.h"
#include "lib/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dohle::server;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto properties = ParseProperties(text);
  if (!properties.ok()) return 0;
  auto loaded = LoadBrokerConfig(*properties);
  if (!loaded.ok()) return 0;
  const ConfigView view(loaded->static_values, *properties, *properties);
  DOHLE_CHECK(view.DescribeBroker().size() > 300);
  view.DescribeTopic(*properties);
  view.DescribeGroup(*properties);
  return 0;
}
