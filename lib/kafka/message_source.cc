#include "lib/kafka/message_source.h"

#include "lib/base/status.h"

namespace dohle::kafka {

absl::Status UnsupportedVersion(std::string_view message, int16_t version) {
  return MakeStatus(StatusCode::kUnimplemented, "{} has no version {}", message, version);
}

}  // namespace dohle::kafka
