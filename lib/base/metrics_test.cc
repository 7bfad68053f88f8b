#include "lib/base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cmath>
#include <sstream>
#include <thread>

namespace dohle::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, CountersAddUpOverThreads) {
  Registry registry;
  const Counter counter = registry.AddCounter("requests_total", "Requests.", {{"api", "Fetch"}});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 100000; ++n) counter.Increment();
    });
  }
  for (std::thread& thread : threads) thread.join();
  counter.Increment(5);
  EXPECT_EQ(counter.Value(), 400005u);
  EXPECT_EQ(registry.Collect(0),
            "# HELP requests_total Requests.\n"
            "# TYPE requests_total counter\n"
            "requests_total{api=\"Fetch\"} 400005\n");
}

TEST(Metrics, SeriesLiveAsLongAsTheirHandlesAndStartAtZero) {
  Registry registry;
  for (int i = 0; i < 3; ++i) {
    Counter one = registry.AddCounter("bytes_total", "Bytes.", {{"topic", "a"}});
    const Counter same = registry.AddCounter("bytes_total", "Bytes.", {{"topic", "a"}});
    one.Increment(2);
    same.Increment(3);
    EXPECT_EQ(one.Value(), 5u);
    one = Counter();
    EXPECT_THAT(registry.Collect(0), HasSubstr("bytes_total{topic=\"a\"} 5\n"));
  }
  EXPECT_EQ(registry.Collect(0), "");
}

TEST(Metrics, CountsOfEndedThreadsStay) {
  Registry registry;
  const Counter counter = registry.AddCounter("a_total", "A.");
  for (int i = 0; i < 20; ++i) std::thread([&] { counter.Increment(); }).join();
  EXPECT_EQ(counter.Value(), 20u);
}

TEST(Metrics, GaugesAreReadAtTheScrape) {
  Registry registry;
  double value = 1.5;
  Gauge gauge = registry.AddGauge("temperature", "T.", {}, [&] { return value; });
  EXPECT_THAT(registry.Collect(0), HasSubstr("temperature 1.5\n"));
  value = std::nan("");
  EXPECT_THAT(registry.Collect(0), HasSubstr("temperature NaN\n"));
  gauge = Gauge();
  EXPECT_EQ(registry.Collect(0), "");
}

TEST(Metrics, BucketsCoverEveryNumber) {
  EXPECT_EQ(Histogram::BucketOf(uint64_t{1} << 40), Histogram::kBuckets - 1);
  for (uint32_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    const uint64_t low = Histogram::LowerBound(bucket);
    EXPECT_EQ(Histogram::BucketOf(low), bucket);
    if (low > 0) {
      EXPECT_EQ(Histogram::BucketOf(low - 1), bucket - 1);
    }
  }
}

double SampleOf(const std::string& text, const std::string& series) {
  const size_t at = text.find("\n" + series + " ");
  if (at == std::string::npos) return -1;
  return std::strtod(text.c_str() + at + series.size() + 2, nullptr);
}

TEST(Metrics, QuantilesAreThoseOfTheLastMinutes) {
  Registry registry;
  const Histogram histogram =
      registry.AddHistogram("time_ms", "T.", {{"request", "Produce"}}, 0.001, HistogramForm::kQuantiles);
  for (int i = 1; i <= 1000; ++i) histogram.Record(i * 1000);
  std::string text = registry.Collect(0);
  EXPECT_NEAR(SampleOf(text, "time_ms{request=\"Produce\",quantile=\"0.50\"}"), 500, 500 * 0.13);
  EXPECT_NEAR(SampleOf(text, "time_ms{request=\"Produce\",quantile=\"0.999\"}"), 999, 999 * 0.13);
  EXPECT_EQ(SampleOf(text, "time_ms_count{request=\"Produce\"}"), 1000);
  EXPECT_EQ(SampleOf(text, "time_ms_sum{request=\"Produce\"}"), 500500);
  registry.Collect(60000);
  for (int i = 0; i < 10; ++i) histogram.Record(2000);
  text = registry.Collect(60001);
  EXPECT_NEAR(SampleOf(text, "time_ms{request=\"Produce\",quantile=\"0.99\"}"), 2, 0.3);
  registry.Collect(120000);
  text = registry.Collect(180001);
  EXPECT_EQ(SampleOf(text, "time_ms{request=\"Produce\",quantile=\"0.99\"}"), 0);
  EXPECT_EQ(SampleOf(text, "time_ms_count{request=\"Produce\"}"), 1010);
}

TEST(Metrics, BucketForm) {
  Registry registry;
  const Histogram histogram = registry.AddHistogram("time_seconds", "T.", {}, 1e-6, HistogramForm::kBuckets);
  histogram.Record(10);
  histogram.Record(100);
  histogram.Record(-5);
  histogram.Record(int64_t{1} << 50);
  const std::string text = registry.Collect(0);
  EXPECT_EQ(SampleOf(text, "time_seconds_bucket{le=\"1.6e-05\"}"), 2);
  EXPECT_EQ(SampleOf(text, "time_seconds_bucket{le=\"0.000256\"}"), 3);
  EXPECT_EQ(SampleOf(text, "time_seconds_bucket{le=\"+Inf\"}"), 4);
  EXPECT_EQ(SampleOf(text, "time_seconds_count"), 4);
}

TEST(Metrics, FamiliesAreBounded) {
  Registry registry;
  std::vector<Counter> counters;
  for (size_t i = 0; i < kMaxSeriesPerFamily + 10; ++i) {
    counters.push_back(registry.AddCounter("many_total", "M.", {{"i", std::to_string(i)}}));
  }
  EXPECT_EQ(registry.dropped_series(), 10u);
  counters.back().Increment();
  EXPECT_EQ(counters.back().Value(), 0u);
  counters.clear();
  registry.Collect(0);
  const Counter again = registry.AddCounter("many_total", "M.", {{"i", "new"}});
  again.Increment();
  EXPECT_EQ(again.Value(), 1u);
}

// The same samples through prometheus-cpp.
TEST(Exposition, IsTheTextThatPrometheusCppWrites) {
  prometheus::MetricFamily family;
  family.name = "f";
  family.help = "back\\slash and\nline";
  family.type = prometheus::MetricType::Gauge;
  Exposition ours;
  ours.Family("f", family.help, Type::kGauge);
  const double values[] = {0, 1, -3, 12345678901.0, 0.25, std::nan(""), INFINITY, -INFINITY};
  for (const double value : values) {
    prometheus::ClientMetric metric;
    metric.label = {{"topic", "quote\" back\\ line\n \xc3\xbc"}, {"p", "1"}};
    metric.gauge.value = value;
    family.metric.push_back(metric);
    ours.Sample({{"topic", "quote\" back\\ line\n \xc3\xbc"}, {"p", "1"}}, value);
  }
  std::ostringstream theirs;
  prometheus::TextSerializer().Serialize(theirs, {family});
  EXPECT_EQ(ours.text(), [&] {
    std::string text =
        theirs.str();  // prometheus-cpp escapes nothing in HELP and spells not-a-number its way
    for (const auto& [from, to] :
         {std::pair<std::string, std::string>{"back\\slash and\nline", "back\\\\slash and\\nline"},
          {" Nan\n", " NaN\n"}}) {
      if (const size_t at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
    }
    return text;
  }());
}

}  // namespace
}  // namespace dohle::metrics
