// The Prometheus text format 0.0.4.
#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "lib/base/metrics.h"

namespace dohle::metrics {
namespace {

std::string_view Name(Type type) {
  switch (type) {
    case Type::kCounter:
      return "counter";
    case Type::kGauge:
      return "gauge";
    case Type::kHistogram:
      return "histogram";
  }
  return "untyped";
}

void AppendEscaped(std::string_view text, bool quotes, std::string& out) {
  if (text.find_first_of(quotes ? "\\\n\"" : "\\\n") == std::string_view::npos) {
    out += text;
    return;
  }
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || (c == '"' && quotes)) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
}

}  // namespace

void Exposition::Family(std::string_view name, std::string_view help, Type type) {
  name_ = name;
  text_ += "# HELP ";
  text_ += name;
  text_ += ' ';
  AppendEscaped(help, false, text_);
  text_ += "\n# TYPE ";
  text_ += name;
  text_ += ' ';
  text_ += Name(type);
  text_ += '\n';
}

void Exposition::Begin(std::string_view suffix) {
  text_ += name_;
  text_ += suffix;
}

void Exposition::AddLabel(bool first, std::string_view name, std::string_view value) {
  text_ += first ? '{' : ',';
  text_ += name;
  text_ += "=\"";
  AppendEscaped(value, true, text_);
  text_ += '"';
}

void Exposition::End(double value) {
  if (std::isnan(value)) {
    text_ += " NaN\n";
  } else if (std::isinf(value)) {
    text_ += value > 0 ? " +Inf\n" : " -Inf\n";
  } else if (std::trunc(value) == value && std::fabs(value) < 1e15) {
    End(static_cast<int64_t>(value));
  } else {
    fmt::format_to(std::back_inserter(text_), " {}\n", value);
  }
}

void Exposition::End(int64_t value) {
  const fmt::format_int digits(value);
  text_ += ' ';
  text_.append(digits.data(), digits.size());
  text_ += '\n';
}

void Exposition::Sample(LabelViews labels, double value, std::string_view suffix) {
  Begin(suffix);
  bool first = true;
  for (const auto& [name, text] : labels) AddLabel(std::exchange(first, false), name, text);
  if (!first) text_ += '}';
  End(value);
}

void Exposition::Sample(LabelViews labels, int64_t value, std::string_view suffix) {
  Begin(suffix);
  bool first = true;
  for (const auto& [name, text] : labels) AddLabel(std::exchange(first, false), name, text);
  if (!first) text_ += '}';
  End(value);
}

void Exposition::Sample(const Labels& labels, double value, std::string_view suffix) {
  Begin(suffix);
  bool first = true;
  for (const auto& [name, text] : labels) AddLabel(std::exchange(first, false), name, text);
  if (!first) text_ += '}';
  End(value);
}

}  // namespace dohle::metrics
