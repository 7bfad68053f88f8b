// What somebody who misspelt a name probably meant. Pure; any thread.
#pragma once

#include <span>
#include <string_view>

namespace dohle::api {

// By edit distance, capitals aside; "" if nothing is near.
std::string_view NearestName(std::string_view name, std::span<const std::string_view> names);

}  // namespace dohle::api
