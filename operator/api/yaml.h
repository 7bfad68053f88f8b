// JSON as YAML that people read. Pure; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace dohle::api {

// One document in block style, ending with a line end; keys in the JSON's order. Texts that YAML 1.1 or 1.2
// would take for something else stand in quotes.
std::string ToYaml(const nlohmann::json& value);

}  // namespace dohle::api
