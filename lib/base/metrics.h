// Metrics: free on the hot path, added up when somebody scrapes.
//
// A counter is a cell in a block that each thread has for itself: Increment is a plain load, add and store of
// about a nanosecond, without a shared cache line. A scrape adds the threads' cells up. Gauges are callbacks
// that the scrape calls. The names are those of Kafka's usual JMX exporter rules (broker/server/metrics).
//
//   metrics::Registry registry;
//   metrics::Counter bytes_in = registry.AddCounter("kafka_…_bytesin_total", "Bytes in.", {{"topic",
//   topic}}); bytes_in.Increment(n); std::string text = registry.Collect(clock.WallTimeMs());        //
//   Prometheus text format 0.0.4
//
// Handles are owned by whoever counts; when the last handle of a series is gone so is the series. A registry
// outlives its handles. Everything here may be called from any thread; Increment and Record never lock.
//
// The text is written here and not by prometheus-cpp: 10,000 partitions with 5 series each take its
// MetricFamily objects and TextSerializer 130 to 190 ms, and this 10 ms. metrics_test.cc holds the two
// against each other.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dohle::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

enum class Type { kCounter, kGauge, kHistogram };

// Bounds, so that neither many topics nor many client ids can eat the memory.
inline constexpr size_t kCellsPerChunk = 1024;
inline constexpr size_t kMaxChunks = 1024;            // 8 KiB each and thread, made when first counted in
inline constexpr size_t kMaxSeriesPerFamily = 50000;  // further series are counted into nothing

namespace internal {

using Cell = std::atomic<uint64_t>;  // written by one thread only, so a load and a store do for an addition

struct ThreadCells {
  std::atomic<Cell*> chunks[kMaxChunks] = {};
};

extern constinit thread_local ThreadCells* t_cells;
ThreadCells* AttachThread();
Cell* AddChunk(ThreadCells& cells, uint32_t chunk);

inline void Add(uint32_t id, uint64_t n) noexcept {
  ThreadCells* cells = t_cells;
  if (cells == nullptr) [[unlikely]]
    cells = AttachThread();
  Cell* chunk = cells->chunks[id / kCellsPerChunk].load(std::memory_order_relaxed);
  if (chunk == nullptr) [[unlikely]]
    chunk = AddChunk(*cells, id / kCellsPerChunk);
  Cell& cell = chunk[id % kCellsPerChunk];
  cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

struct Series;  // what a handle keeps alive

}  // namespace internal

// A number that only grows. Copies count into the same series.
class Counter {
 public:
  Counter() = default;  // counts into nothing
  void Increment(uint64_t n = 1) const noexcept { internal::Add(cell_, n); }
  uint64_t Value() const;  // slow: adds the threads up

 private:
  friend class Registry;
  uint32_t cell_ = 0;
  std::shared_ptr<internal::Series> series_;
};

// A distribution of non-negative numbers, in buckets that are a quarter of a power of two wide.
class Histogram {
 public:
  static constexpr uint32_t kBuckets = 124;  // values to 2^32; larger ones count as that

  Histogram() = default;
  void Record(int64_t value) const noexcept {
    if (series_ == nullptr) return;
    const uint64_t v = value < 0 ? 0 : static_cast<uint64_t>(value);
    internal::Add(cell_ + BucketOf(v), 1);
    internal::Add(cell_ + kBuckets, v);
  }

  static uint32_t BucketOf(uint64_t value) noexcept {
    if (value < 4) return static_cast<uint32_t>(value);
    if (value >= uint64_t{1} << 32) return kBuckets - 1;
    const uint32_t octave = 63 - static_cast<uint32_t>(__builtin_clzll(value));
    return 4 + (octave - 2) * 4 + static_cast<uint32_t>(value >> (octave - 2) & 3);
  }
  // The least value of a bucket.
  static uint64_t LowerBound(uint32_t bucket) noexcept {
    if (bucket < 4) return bucket;
    return (uint64_t{4} + (bucket & 3)) << ((bucket - 4) / 4);
  }

 private:
  friend class Registry;
  uint32_t cell_ = 0;
  std::shared_ptr<internal::Series> series_;
};

// Keeps a callback registered. Once destroyed, the callback runs no more and is not running.
class Gauge {
 public:
  Gauge() = default;
  Gauge(Gauge&&) = default;
  Gauge& operator=(Gauge&& other) noexcept {
    Drop();
    series_ = std::move(other.series_);
    return *this;
  }
  ~Gauge() { Drop(); }

 private:
  void Drop();
  friend class Registry;
  std::shared_ptr<internal::Series> series_;
};

enum class HistogramForm {
  // As the JMX exporter shows Kafka's: a gauge `name` with label quantile = 0.50, 0.75, 0.95, 0.98, 0.99,
  // 0.999 over the last one to two minutes, and counters `name`_count and `name`_sum.
  kQuantiles,
  // A Prometheus histogram: `name`_bucket, _sum, _count.
  kBuckets,
};

// The text of one scrape, as it grows.
class Exposition {
 public:
  using LabelViews = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Begins a family; all its samples follow. Each family once a scrape.
  void Family(std::string_view name, std::string_view help, Type type);
  // A sample of the family begun last; `suffix` is _bucket, _sum, _count for histograms.
  void Sample(LabelViews labels, double value, std::string_view suffix = {});
  void Sample(LabelViews labels, int64_t value, std::string_view suffix = {});
  void Sample(const Labels& labels, double value, std::string_view suffix = {});

  const std::string& text() const { return text_; }
  std::string Take() { return std::move(text_); }

 private:
  void Begin(std::string_view suffix);
  void AddLabel(bool first, std::string_view name, std::string_view value);
  void End(double value);
  void End(int64_t value);

  std::string name_;
  std::string text_;
};

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;

  // Asking again for the same name and labels gives a handle of the same series. Names and label names must
  // be valid ones ([a-z_][a-z0-9_]*); label values may be any UTF-8.
  Counter AddCounter(std::string_view name, std::string_view help, Labels labels = {});
  // `read` is called at each scrape, on the scraping thread, with the registry locked: quick, and not using
  // the registry.
  Gauge AddGauge(std::string_view name, std::string_view help, Labels labels, std::function<double()> read);
  // What is shown is the recorded number times `scale` (0.001: recorded microseconds, shown milliseconds).
  Histogram AddHistogram(std::string_view name, std::string_view help, Labels labels, double scale,
                         HistogramForm form);

  // Appends every family, ordered by name.
  void Collect(int64_t now_ms, Exposition& out);
  std::string Collect(int64_t now_ms);

  // Series that were refused because a family or all the cells were full.
  uint64_t dropped_series() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace dohle::metrics
