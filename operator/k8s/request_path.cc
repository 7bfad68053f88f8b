#include "operator/k8s/request_path.h"

namespace dohle::k8s {
namespace {

constexpr size_t kMaxNameBytes = 253;  // DNS subdomain names, what nearly all kinds are limited to

std::string Encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// As the API server's own check of path segments.
bool IsPathSegment(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name != "." && name != ".." &&
         name.find_first_of("/%") == std::string_view::npos;
}

}  // namespace

std::string CollectionPath(const Resource& resource, const std::string& ns) {
  std::string path = (resource.group.empty() ? "/api/" : "/apis/") + resource.ApiVersion();
  if (!ns.empty()) path += "/namespaces/" + Encode(ns);
  return path + "/" + std::string(resource.plural);
}

StatusOr<std::string> ObjectPath(const Resource& resource, const ObjectName& name, Subresource subresource) {
  if (!IsPathSegment(name.name)) {
    return MakeStatus(StatusCode::kInvalidArgument, "\"{}\" is no name of a {}", name.name, resource.kind);
  }
  if (resource.namespaced ? !IsPathSegment(name.ns) : !name.ns.empty()) {
    return MakeStatus(StatusCode::kInvalidArgument, "{} \"{}\" is {} a namespace", resource.kind, name.name,
                      resource.namespaced ? "without" : "not in");
  }
  std::string path = CollectionPath(resource, name.ns) + "/" + Encode(name.name);
  if (subresource == Subresource::kStatus) path += "/status";
  if (subresource == Subresource::kScale) path += "/scale";
  return path;
}

std::string QueryString(const Query& query) {
  std::string out;
  for (const auto& [key, value] : query) {
    if (!value.empty()) out += (out.empty() ? "?" : "&") + key + "=" + Encode(value);
  }
  return out;
}

}  // namespace dohle::k8s
