// server.properties: the format of java.util.Properties. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "broker/server/config/config_def.h"

namespace dohle::server {

// Larger files are refused: what is this big is no configuration.
inline constexpr size_t kMaxPropertiesBytes = size_t{1} << 20;

// Comments (# !), separators (= : white space), escapes (\t \n \r \f \uXXXX), continuation lines; of a key
// that comes twice the later counts. Bytes above 0x7f are taken as they are (UTF-8), where Java reads
// Latin-1. kInvalidArgument names the line.
StatusOr<ConfigMap> ParseProperties(std::string_view text);

// Applies "key=value" texts (of --override) in order. kInvalidArgument if one has no '=' or no key.
Status ApplyOverrides(std::span<const std::string> overrides, ConfigMap& properties);

}  // namespace dohle::server
