#include "broker/server/request_context.h"

#include "lib/base/check.h"

namespace dohle::server {

std::span<char> RequestContext::Writable(std::string_view part) const {
  if (part.empty()) return {};
  DOHLE_CHECK(part.data() >= frame_.data() && part.data() + part.size() <= frame_.data() + frame_.size());
  return frame_.subspan(static_cast<size_t>(part.data() - frame_.data()), part.size());
}

}  // namespace dohle::server
