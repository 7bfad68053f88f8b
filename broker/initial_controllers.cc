#include "broker/initial_controllers.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "broker/server/config/config_def.h"
#include "lib/base/uuid.h"

namespace dohle {
namespace {

StatusOr<int> ParseNumber(std::string_view text, std::string_view what, int most) {
  int number = -1;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stop == end && number >= 0 && number <= most) return number;
  return MakeStatus(StatusCode::kInvalidArgument, "initial controllers: {} is no {}", text, what);
}

// "1@host:9093:directory-id"; the host may be an IPv6 address in brackets.
StatusOr<raft::Voter> ParseVoter(std::string_view text, const std::string& listener) {
  const size_t at = text.find('@');
  const size_t last = text.rfind(':');
  const size_t before = last == std::string_view::npos || last == 0 ? last : text.rfind(':', last - 1);
  if (at == std::string_view::npos || before == std::string_view::npos || before <= at + 1) {
    return MakeStatus(StatusCode::kInvalidArgument,
                      "initial controllers: {} hasn't the form ID@HOST:PORT:DIRECTORY_ID", text);
  }
  DOHLE_ASSIGN_OR_RETURN(const int id, ParseNumber(text.substr(0, at), "node id", INT32_MAX));
  DOHLE_ASSIGN_OR_RETURN(const int port,
                         ParseNumber(text.substr(before + 1, last - before - 1), "port", UINT16_MAX));
  const std::optional<Uuid> directory = Uuid::Parse(text.substr(last + 1));
  if (!directory) {
    return MakeStatus(StatusCode::kInvalidArgument, "initial controllers: {} is no directory id",
                      text.substr(last + 1));
  }
  std::string_view host = text.substr(at + 1, before - at - 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  raft::Voter voter;
  voter.key = {NodeId(id), *directory};
  voter.endpoints.push_back({listener, std::string(host), static_cast<uint16_t>(port)});
  return voter;
}

}  // namespace

StatusOr<std::vector<raft::Voter>> ParseInitialControllers(std::string_view text,
                                                           const std::string& listener) {
  std::vector<raft::Voter> voters;
  for (const std::string& one : server::SplitList(text)) {
    DOHLE_ASSIGN_OR_RETURN(raft::Voter voter, ParseVoter(one, listener));
    for (const raft::Voter& other : voters) {
      if (other.key.id != voter.key.id) continue;
      return MakeStatus(StatusCode::kInvalidArgument, "initial controllers: node id {} comes twice",
                        voter.key.id.value());
    }
    voters.push_back(std::move(voter));
  }
  return voters;
}

}  // namespace dohle
