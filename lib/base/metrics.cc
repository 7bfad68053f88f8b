#include "lib/base/metrics.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>

#include "lib/base/check.h"
#include "lib/base/metrics_cells.h"

namespace dohle::metrics {

namespace {

constexpr uint32_t kHistogramCells =
    Histogram::kBuckets + 1;  // the buckets, and the sum of what was recorded
constexpr int64_t kWindowMs = 60000;

using Buckets = std::array<uint64_t, kHistogramCells>;

uint64_t CountOf(const Buckets& buckets) {
  uint64_t count = 0;
  for (uint32_t i = 0; i < Histogram::kBuckets; ++i) count += buckets[i];
  return count;
}

// The value below which a part `quantile` of what `now` has more than `before` lies.
double QuantileOf(const Buckets& now, const Buckets& before, double quantile) {
  uint64_t count = 0;
  for (uint32_t i = 0; i < Histogram::kBuckets; ++i) count += now[i] - before[i];
  if (count == 0) return 0;
  const double rank = quantile * static_cast<double>(count);
  double below = 0;
  for (uint32_t i = 0; i < Histogram::kBuckets; ++i) {
    const double here = static_cast<double>(now[i] - before[i]);
    if (here == 0 || below + here < rank) {
      below += here;
      continue;
    }
    const double low = static_cast<double>(Histogram::LowerBound(i));
    const double width =
        i < 4 ? 0 : static_cast<double>(Histogram::LowerBound(i + 1) - Histogram::LowerBound(i));
    return low + width * std::clamp((rank - below) / here, 0.0, 1.0);
  }
  return static_cast<double>(Histogram::LowerBound(Histogram::kBuckets - 1));
}

struct Family;

// Quantiles are over what came since `before`, which is one to two windows old.
struct Window {
  Buckets before{};
  Buckets next{};
  int64_t next_at_ms = INT64_MIN;
};

}  // namespace

namespace internal {

struct Series {
  ~Series() {
    if (cell != 0) ReturnCells(cell, cells);
  }
  Labels labels;
  uint32_t cell = 0;
  uint32_t cells = 0;
  std::function<double()> read;          // guarded by *registry_mutex
  std::mutex* registry_mutex = nullptr;  // held while `read` runs
  double scale = 1;
  Window window;
};

}  // namespace internal

using internal::Series;

namespace {

enum class Kind { kCounter, kGauge, kQuantiles, kBuckets };

struct Family {
  std::string help;
  Kind kind = Kind::kCounter;
  std::map<Labels, std::weak_ptr<Series>> series;
};

// The series that are still held; forgets the others.
std::vector<std::shared_ptr<Series>> Alive(Family& family) {
  std::vector<std::shared_ptr<Series>> alive;
  for (auto it = family.series.begin(); it != family.series.end();) {
    if (auto series = it->second.lock()) {
      alive.push_back(std::move(series));
      ++it;
    } else {
      it = family.series.erase(it);
    }
  }
  return alive;
}

void MoveWindow(Window& window, const Buckets& now, int64_t now_ms) {
  if (window.next_at_ms != INT64_MIN && now_ms - window.next_at_ms < kWindowMs) return;
  window.before = window.next;
  window.next = now;
  window.next_at_ms = now_ms;
}

Buckets Read(const Series& series) {
  Buckets buckets{};
  internal::SumCells(series.cell, kHistogramCells, buckets.data());
  return buckets;
}

Labels WithLabel(const Labels& labels, std::string_view name, std::string_view value) {
  Labels with = labels;
  with.emplace_back(name, value);
  return with;
}

void WriteQuantiles(const std::string& name, const std::string& help,
                    const std::vector<std::shared_ptr<Series>>& all, int64_t now_ms, Exposition& out) {
  constexpr std::pair<std::string_view, double> kQuantiles[] = {
      {"0.50", 0.50}, {"0.75", 0.75}, {"0.95", 0.95}, {"0.98", 0.98}, {"0.99", 0.99}, {"0.999", 0.999}};
  std::vector<Buckets> read;
  read.reserve(all.size());
  for (const auto& series : all) read.push_back(Read(*series));
  out.Family(name, help, Type::kGauge);
  for (size_t i = 0; i < all.size(); ++i) {
    Series& series = *all[i];
    MoveWindow(series.window, read[i], now_ms);
    for (const auto& [text, quantile] : kQuantiles) {
      out.Sample(WithLabel(series.labels, "quantile", text),
                 QuantileOf(read[i], series.window.before, quantile) * series.scale);
    }
  }
  out.Family(name + "_count", help, Type::kCounter);
  for (size_t i = 0; i < all.size(); ++i) {
    out.Sample(all[i]->labels, static_cast<double>(CountOf(read[i])));
  }
  out.Family(name + "_sum", help, Type::kCounter);
  for (size_t i = 0; i < all.size(); ++i) {
    out.Sample(all[i]->labels, static_cast<double>(read[i].back()) * all[i]->scale);
  }
}

void WriteBuckets(const Series& series, Exposition& out) {
  const Buckets buckets = Read(series);
  uint64_t below = 0;
  uint32_t next = 0;
  for (uint32_t octave = 4; octave <= 28; octave += 2) {
    const uint64_t bound = uint64_t{1} << octave;
    while (Histogram::LowerBound(next) < bound) below += buckets[next++];
    const std::string le = [&] {
      Exposition number;  // the same form as sample values
      number.Sample({}, static_cast<double>(bound) * series.scale);
      return number.text().substr(1, number.text().size() - 2);
    }();
    out.Sample(WithLabel(series.labels, "le", le), static_cast<double>(below), "_bucket");
  }
  const double count = static_cast<double>(CountOf(buckets));
  out.Sample(WithLabel(series.labels, "le", "+Inf"), count, "_bucket");
  out.Sample(series.labels, static_cast<double>(buckets.back()) * series.scale, "_sum");
  out.Sample(series.labels, count, "_count");
}

void Write(const std::string& name, Family& family, int64_t now_ms, Exposition& out) {
  const auto all = Alive(family);
  if (all.empty()) return;
  if (family.kind == Kind::kQuantiles) {
    WriteQuantiles(name, family.help, all, now_ms, out);
    return;
  }
  out.Family(name, family.help,
             family.kind == Kind::kCounter ? Type::kCounter
             : family.kind == Kind::kGauge ? Type::kGauge
                                           : Type::kHistogram);
  for (const auto& series : all) {
    if (family.kind == Kind::kCounter) {
      out.Sample(series->labels, static_cast<double>(internal::SumCell(series->cell)));
    } else if (family.kind == Kind::kGauge) {
      if (series->read) out.Sample(series->labels, series->read());
    } else {
      WriteBuckets(*series, out);
    }
  }
}

}  // namespace

struct Registry::Parts {
  mutable std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;
  uint64_t dropped = 0;

  // The series of that name and those labels, found or made; null if there is no room.
  std::shared_ptr<Series> Find(std::string_view name, std::string_view help, Labels labels, Kind kind,
                               uint32_t cells) {
    const std::lock_guard<std::mutex> lock(mutex);
    auto found = families.find(name);
    if (found == families.end()) {
      found = families.emplace(name, Family{std::string(help), kind, {}}).first;
    }
    Family& family = found->second;
    DOHLE_CHECK(family.kind == kind);
    if (const auto place = family.series.find(labels); place != family.series.end()) {
      if (auto series = place->second.lock()) return series;
      family.series.erase(place);
    }
    // Room that handles left is found by the next scrape: sweeping here would cost each refusal a pass.
    const bool full = family.series.size() >= kMaxSeriesPerFamily;
    const std::optional<uint32_t> cell = full        ? std::nullopt
                                         : cells > 0 ? internal::TakeCells(cells)
                                                     : std::optional<uint32_t>(0);
    if (!cell) {
      ++dropped;
      return nullptr;
    }
    auto series = std::make_shared<Series>();
    series->cell = *cell;
    series->cells = cells;
    series->labels = labels;
    series->registry_mutex = &mutex;
    family.series[std::move(labels)] = series;
    return series;
  }
};

Registry::Registry() : parts_(std::make_unique<Parts>()) {}
Registry::~Registry() = default;

void Gauge::Drop() {
  if (series_ == nullptr) return;
  const std::lock_guard<std::mutex> lock(*series_->registry_mutex);
  series_->read = nullptr;
  series_.reset();
}

uint64_t Counter::Value() const { return series_ ? internal::SumCell(cell_) : 0; }

Counter Registry::AddCounter(std::string_view name, std::string_view help, Labels labels) {
  Counter counter;
  counter.series_ = parts_->Find(name, help, std::move(labels), Kind::kCounter, 1);
  if (counter.series_) counter.cell_ = counter.series_->cell;
  return counter;
}

Gauge Registry::AddGauge(std::string_view name, std::string_view help, Labels labels,
                         std::function<double()> read) {
  Gauge gauge;
  gauge.series_ = parts_->Find(name, help, std::move(labels), Kind::kGauge, 0);
  if (gauge.series_) {
    const std::lock_guard<std::mutex> lock(parts_->mutex);
    gauge.series_->read = std::move(read);
  }
  return gauge;
}

Histogram Registry::AddHistogram(std::string_view name, std::string_view help, Labels labels, double scale,
                                 HistogramForm form) {
  Histogram histogram;
  const Kind kind = form == HistogramForm::kQuantiles ? Kind::kQuantiles : Kind::kBuckets;
  histogram.series_ = parts_->Find(name, help, std::move(labels), kind, kHistogramCells);
  if (histogram.series_) {
    const std::lock_guard<std::mutex> lock(parts_->mutex);
    histogram.series_->scale = scale;
    histogram.cell_ = histogram.series_->cell;
  }
  return histogram;
}

void Registry::Collect(int64_t now_ms, Exposition& out) {
  const std::lock_guard<std::mutex> lock(parts_->mutex);
  for (auto& [name, family] : parts_->families) Write(name, family, now_ms, out);
}

std::string Registry::Collect(int64_t now_ms) {
  Exposition out;
  Collect(now_ms, out);
  return out.Take();
}

uint64_t Registry::dropped_series() const {
  const std::lock_guard<std::mutex> lock(parts_->mutex);
  return parts_->dropped;
}

}  // namespace dohle::metrics
