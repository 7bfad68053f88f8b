// What a broker's metrics page says of the bytes of each topic, and how fast they flow. Pure.
//
// The page is Prometheus' text format 0.0.4; of it only the two counters are read, everything else may be as
// it likes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/string_map.h"

namespace dohle::reconcile {

struct TopicBytes {
  double in = 0;   // kafka_server_brokertopicmetrics_bytesin_total{topic="…"}
  double out = 0;  // kafka_server_brokertopicmetrics_bytesout_total{topic="…"}
};

inline constexpr size_t kMostTopicsOfPage = 100'000;

// Adds what `page` says to `topics`, so that several brokers add up. Lines that aren't understood are passed
// over.
void ReadTopicBytes(std::string_view page, StringMap<TopicBytes>* topics);

// The same of a page that comes piece by piece.
class TopicBytesReader {
 public:
  // `topics` outlives it.
  explicit TopicBytesReader(StringMap<TopicBytes>* topics) : topics_(topics) {}
  void Take(std::string_view piece);
  // Nothing more comes.
  void End();

 private:
  StringMap<TopicBytes>* const topics_;
  std::string line_;  // that isn't whole yet
};

// Rates between two looks.
class TopicByteRates {
 public:
  // One broker's totals: its counters start again from nothing when it does.
  void Add(const std::string& broker, int64_t time_ms, StringMap<TopicBytes> totals);
  // Forgets brokers that aren't among these: what one brought that is gone, or has come back under another
  // name, no longer counts.
  void KeepOnly(const std::vector<std::string>& brokers);
  // Bytes a second, of all brokers together, between the last two looks at each; zero if unknown.
  TopicBytes Of(std::string_view topic) const;

 private:
  struct Broker {
    int64_t time_ms = 0;
    StringMap<TopicBytes> totals;
    StringMap<TopicBytes> rates;
  };
  StringMap<Broker> brokers_;
};

}  // namespace dohle::reconcile
