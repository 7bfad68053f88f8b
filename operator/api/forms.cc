#include "operator/api/forms.h"

#include <algorithm>
#include <array>

namespace dohle::api {
namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlphanumeric(char c) { return IsLower(c) || IsDigit(c) || (c >= 'A' && c <= 'Z'); }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Takes what `accepts` off the front; how many characters that were.
template <typename Accepts>
size_t TakeWhile(std::string_view& text, Accepts accepts) {
  const auto end = std::find_if_not(text.begin(), text.end(), accepts);
  const auto taken = static_cast<size_t>(end - text.begin());
  text.remove_prefix(taken);
  return taken;
}

bool Take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool IsName(std::string_view text) {
  return !text.empty() && IsLower(text.front()) && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; });
}

bool IsListenerName(std::string_view text) { return IsName(text) && text.find('-') == text.npos; }

bool IsSize(std::string_view text) {
  if (text.starts_with('0')) return false;
  const size_t digits = TakeWhile(text, IsDigit);
  if (digits == 0 || digits > 15) return false;
  if (Take(text, ".")) {
    const size_t decimals = TakeWhile(text, IsDigit);
    if (decimals == 0 || decimals > 9) return false;
  }
  constexpr std::array<std::string_view, 13> kSuffixes = {"",   "k",  "M",  "G",  "T",  "P", "E",
                                                          "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  return std::find(kSuffixes.begin(), kSuffixes.end(), text) != kSuffixes.end();
}

bool IsShare(std::string_view text) {
  if (text.starts_with('0')) return false;
  const size_t digits = TakeWhile(text, IsDigit);
  return digits >= 1 && digits <= 3 && (text.empty() || text == "%");
}

bool IsAdvertisedPort(std::string_view text) {
  if (text.empty()) return false;
  while (!text.empty()) {
    if (TakeWhile(text, IsDigit) == 0 && !Take(text, "{id}") && !Take(text, "{nodePort}")) return false;
  }
  return true;
}

bool TakeAddress(std::string_view& text) {
  if (Take(text, "[")) {
    const auto in_ipv6 = [](char c) { return IsHexDigit(c) || c == ':' || c == '.'; };
    if (TakeWhile(text, in_ipv6) == 0 || !Take(text, "]")) return false;
  } else {
    const auto in_host = [](char c) { return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-'; };
    if (TakeWhile(text, in_host) == 0) return false;
  }
  if (!Take(text, ":")) return false;
  const size_t digits = TakeWhile(text, IsDigit);
  return digits >= 1 && digits <= 5;
}

bool IsBootstrapServers(std::string_view text) {
  if (!TakeAddress(text)) return false;
  while (!text.empty()) {
    if (!Take(text, ",") || !TakeAddress(text)) return false;
  }
  return true;
}

bool IsThrottle(std::string_view text) { return text == "Auto" || IsSize(text); }

bool IsTopicName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace

const TextForm kNameForm = {
    "^[a-z]([-a-z0-9]*[a-z0-9])?$",
    "must be lower case letters, digits and dashes, begin with a letter and not end with a dash", IsName};
const TextForm kListenerNameForm = {
    "^[a-z][a-z0-9]*$", "must be lower case letters and digits, and begin with a letter", IsListenerName};
const TextForm kSizeForm = {"^[1-9][0-9]{0,14}([.][0-9]{1,9})?([kMGTPE]|[KMGTPE]i)?$",
                            "must be a size such as 10Gi or 500M", IsSize};
const TextForm kThrottleForm = {"^(Auto|[1-9][0-9]{0,14}([.][0-9]{1,9})?([kMGTPE]|[KMGTPE]i)?)$",
                                "must be a size such as 50M, of bytes a second, or Auto", IsThrottle};
const TextForm kShareForm = {"^[1-9][0-9]{0,2}%?$", "must be a number such as 2 or a percentage such as 33%",
                             IsShare};
const TextForm kAdvertisedPortForm = {"^([0-9]|[{]id[}]|[{]nodePort[}])+$",
                                      "must be a port number; {id} and {nodePort} in it are replaced",
                                      IsAdvertisedPort};
const TextForm kBootstrapServersForm = {
    R"re(^([-._a-zA-Z0-9]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}(,([-._a-zA-Z0-9]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5})*$)re",
    "must be addresses as host:port,host:port", IsBootstrapServers};
const TextForm kTopicNameForm = {"^[-._a-zA-Z0-9]+$", "must be letters, digits, dots, underscores and dashes",
                                 IsTopicName};

}  // namespace dohle::api
