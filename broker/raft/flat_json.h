// The small JSON files of a log directory (`quorum-state`, `.kafka_cleanshutdown`): one object whose members
// that matter are numbers and strings. Nested values are skipped; escapes in strings other than \" and \\ are
// refused, since Kafka never writes them there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/status.h"

namespace dohle::raft {

class FlatJson {
 public:
  // kDataLoss if `text` isn't one JSON object.
  static StatusOr<FlatJson> Parse(std::string_view text);

  std::optional<int64_t> Int(std::string_view name) const;
  std::optional<std::string> String(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> numbers_;
  std::map<std::string, std::string, std::less<>> strings_;
};

}  // namespace dohle::raft
