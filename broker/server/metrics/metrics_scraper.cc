#include "broker/server/metrics/metrics_scraper.h"

#include <iterator>

#include "broker/server/metrics/catalogue.h"
#include "broker/server/metrics/process_metrics.h"
#include "broker/server/metrics/snapshot_text.h"
#include "lib/env/blocking_pool.h"

namespace dohle::server {
namespace {

// Goes to the end of the executor's queue: what has become ready meanwhile runs first.
struct Yield {
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> caller) const {
    caller.promise().context->executor->Resume(caller);
  }
  void await_resume() const noexcept {}
};

template <typename Row>
void Append(std::vector<Row>& slice, std::vector<Row>& rows) {
  rows.insert(rows.end(), std::make_move_iterator(slice.begin()), std::make_move_iterator(slice.end()));
}

}  // namespace

MetricsScraper::MetricsScraper(env::Env& env, metrics::Registry& registry, MetricsSource& source)
    : env_(env), registry_(registry), source_(source) {}

env::Task<MetricsSnapshot> MetricsScraper::Collect() {
  MetricsSnapshot snapshot;
  for (bool more = true; more;) {
    auto slice = co_await source_.CollectPartitions(snapshot.partitions.size(), kScrapeSlice);
    more = slice.size() == kScrapeSlice;
    Append(slice, snapshot.partitions);
    co_await Yield();
  }
  for (bool more = true; more;) {
    auto slice = co_await source_.CollectGroups(snapshot.groups.size(), kScrapeSlice);
    more = slice.size() == kScrapeSlice;
    Append(slice, snapshot.groups);
    co_await Yield();
  }
  for (bool more = true; more;) {
    auto slice = co_await source_.CollectGroupOffsets(snapshot.group_offsets.size(), kScrapeSlice);
    more = slice.size() == kScrapeSlice && snapshot.group_offsets.size() < kMaxGroupOffsetRows;
    Append(slice, snapshot.group_offsets);
    co_await Yield();
  }
  snapshot.group_counts = co_await source_.CollectGroupCounts();
  snapshot.controller = co_await source_.CollectController();
  snapshot.raft = co_await source_.CollectRaft();
  snapshot.server = co_await source_.CollectServer();
  co_return snapshot;
}

std::string MetricsScraper::Write(MetricsSnapshot& snapshot, env::MonotonicTime started) {
  metrics::Exposition out;
  registry_.Collect(env_.clock.WallTimeMs(), out);
  WriteSnapshot(snapshot, out);
  WriteProcessMetrics(env_.file_system, out);
  BeginFamily(out, "dohle_scrape_partitions");
  out.Sample({}, static_cast<int64_t>(snapshot.partitions.size()));
  BeginFamily(out, "dohle_scrape_duration_seconds");
  out.Sample({}, absl::ToDoubleSeconds(env_.clock.Now() - started));
  return out.Take();
}

env::Task<std::string> MetricsScraper::Scrape() {
  const env::MonotonicTime started = env_.clock.Now();
  auto snapshot = std::make_shared<MetricsSnapshot>(co_await Collect());
  absl::AnyInvocable<std::string()> write = [this, snapshot, started] { return Write(*snapshot, started); };
  std::string text = co_await env::RunBlocking<std::string>(env_.blocking_pool, std::move(write));
  co_return text;
}

}  // namespace dohle::server
