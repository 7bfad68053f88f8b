// Kubernetes quantities ("10Gi", "500M", "1e9", "128974848", "1500m"): apimachinery's resource.Quantity, as
// far as sizes need it. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dohle::api {

// In whole units, rounded up; INT64_MAX if it is more. Nothing if `text` is no quantity, or is negative.
std::optional<int64_t> ParseQuantity(std::string_view text);

// Of bytes, in the largest binary unit that has no fraction: "13Gi", "1536Mi", "1000".
std::string FormatQuantity(int64_t bytes);

}  // namespace dohle::api
