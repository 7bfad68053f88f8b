#include "operator/reconcile/topic/broker_bytes.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"

namespace dohle::reconcile {
namespace {

constexpr std::string_view kIn = "kafka_server_brokertopicmetrics_bytesin_total{";
constexpr std::string_view kOut = "kafka_server_brokertopicmetrics_bytesout_total{";

constexpr size_t kMostBytesOfLine = size_t{64} << 10;

// The value of the label `topic` out of `a="b",topic="c"} 5`, and what stands behind the brace.
struct Labelled {
  std::string topic;
  std::string_view rest;
};

// A quoted text from after its first quote; moves `text` behind its last one.
std::optional<std::string> Unquote(std::string_view& text) {
  std::string value;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    if (text[i] != '\\') {
      value += text[i];
    } else if (++i < text.size()) {
      value += text[i] == 'n' ? '\n' : text[i];
    }
  }
  return std::nullopt;
}

std::optional<Labelled> ReadLabels(std::string_view text) {
  Labelled found;
  bool has_topic = false;
  for (;;) {
    while (!text.empty() && (text.front() == ',' || text.front() == ' ')) text.remove_prefix(1);
    if (text.empty() || text.front() == '}') break;
    const size_t equals = text.find("=\"");
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = text.substr(0, equals);
    text.remove_prefix(equals + 2);
    std::optional<std::string> value = Unquote(text);
    if (!value) return std::nullopt;
    if (name == "topic") {
      found.topic = std::move(*value);
      has_topic = true;
    }
  }
  if (text.empty() || !has_topic || found.topic.empty()) return std::nullopt;
  found.rest = text.substr(1);
  return found;
}

std::optional<double> ReadValue(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  text = text.substr(0, text.find_first_of(" \r"));  // a timestamp may follow
  double value = 0;
  if (!absl::SimpleAtod(std::string(text), &value) || !std::isfinite(value) || value < 0) return std::nullopt;
  return value;
}

}  // namespace

void ReadTopicBytes(std::string_view page, StringMap<TopicBytes>* topics) {
  while (!page.empty()) {
    const size_t end = std::min(page.find('\n'), page.size());
    std::string_view line = page.substr(0, end);
    page.remove_prefix(std::min(end + 1, page.size()));
    const bool in = line.starts_with(kIn);
    if (!in && !line.starts_with(kOut)) continue;
    line.remove_prefix(in ? kIn.size() : kOut.size());
    std::optional<Labelled> labelled = ReadLabels(line);
    if (!labelled) continue;
    const std::optional<double> value = ReadValue(labelled->rest);
    if (!value) continue;
    if (topics->size() >= kMostTopicsOfPage && !topics->contains(std::string_view(labelled->topic))) continue;
    TopicBytes& bytes = (*topics)[std::move(labelled->topic)];
    (in ? bytes.in : bytes.out) += *value;
  }
}

void TopicBytesReader::Take(std::string_view piece) {
  const size_t end = piece.rfind('\n');
  if (end == std::string_view::npos) {
    if (line_.size() < kMostBytesOfLine) line_ += piece;
    return;
  }
  const size_t first = piece.find('\n') + 1;
  line_ += piece.substr(0, first);
  ReadTopicBytes(line_, topics_);
  ReadTopicBytes(piece.substr(first, end + 1 - first), topics_);
  line_ = piece.substr(end + 1);
}

void TopicBytesReader::End() {
  ReadTopicBytes(line_, topics_);
  line_.clear();
}

void TopicByteRates::Add(const std::string& name, int64_t time_ms, StringMap<TopicBytes> totals) {
  Broker& broker = brokers_[name];
  const double seconds = static_cast<double>(time_ms - broker.time_ms) / 1000.0;
  broker.rates.clear();
  if (broker.time_ms != 0 && seconds > 0) {
    for (const auto& [topic, now] : totals) {
      const auto then = broker.totals.find(std::string_view(topic));
      if (then == broker.totals.end()) continue;
      // A counter that went back started again.
      const double in = now.in >= then->second.in ? now.in - then->second.in : now.in;
      const double out = now.out >= then->second.out ? now.out - then->second.out : now.out;
      if (in > 0 || out > 0) broker.rates[topic] = {in / seconds, out / seconds};
    }
  }
  broker.time_ms = time_ms;
  broker.totals = std::move(totals);
}

void TopicByteRates::KeepOnly(const std::vector<std::string>& brokers) {
  for (auto it = brokers_.begin(); it != brokers_.end();) {
    const bool kept = std::find(brokers.begin(), brokers.end(), it->first) != brokers.end();
    if (kept) {
      ++it;
    } else {
      brokers_.erase(it++);
    }
  }
}

TopicBytes TopicByteRates::Of(std::string_view topic) const {
  TopicBytes sum;
  for (const auto& [name, broker] : brokers_) {
    const auto rate = broker.rates.find(topic);
    if (rate == broker.rates.end()) continue;
    sum.in += rate->second.in;
    sum.out += rate->second.out;
  }
  return sum;
}

}  // namespace dohle::reconcile
