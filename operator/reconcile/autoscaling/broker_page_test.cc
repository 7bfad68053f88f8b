#include "operator/reconcile/autoscaling/broker_page.h"

#include <gtest/gtest.h>

namespace dohle::reconcile::autoscaling {
namespace {

constexpr std::string_view kPage =
    "# TYPE process_cpu_seconds_total counter\n"
    "process_cpu_seconds_total 12.5\n"
    "process_cpu_seconds_total_of_another 99\n"
    "kafka_server_brokertopicmetrics_bytesin_total 107\n"
    "kafka_server_brokertopicmetrics_bytesin_total{topic=\"a\"} 7\n"
    "kafka_server_brokertopicmetrics_bytesout_total 3 1700000000000";

TEST(BrokerPage, IsReadHoweverItIsCut) {
  for (size_t step = 1; step < kPage.size(); step += 7) {
    BrokerPageReader reader;
    for (size_t at = 0; at < kPage.size(); at += step) reader.Take(kPage.substr(at, step));
    const BrokerTotals totals = reader.End();
    EXPECT_EQ(totals.cpu_seconds, 12.5) << step;
    EXPECT_EQ(totals.bytes_in, 107) << step;
    EXPECT_EQ(totals.bytes_out, 3) << step;
  }
}

TEST(BrokerPage, RatesAreThoseBetweenTwoLooks) {
  BrokerRateMeter meter;
  EXPECT_FALSE(meter.Add("a", 1000, {1, 100, 10}).cpu.has_value());
  const BrokerRates rates = meter.Add("a", 3000, {2, 300, 30});
  EXPECT_EQ(rates.cpu, 0.5);
  EXPECT_EQ(rates.bytes_per_second, 110);
}

TEST(BrokerPage, ACounterThatBeganAgainIsUnknown) {
  BrokerRateMeter meter;
  meter.Add("a", 1000, {100, 100, 10});
  const BrokerRates rates = meter.Add("a", 2000, {1, 300, 30});
  EXPECT_FALSE(rates.cpu.has_value());
  EXPECT_EQ(rates.bytes_per_second, 220);
  EXPECT_EQ(meter.Add("a", 3000, {2, 300, 30}).cpu, 1);
}

TEST(BrokerPage, ABrokerThatWasGoneBeginsAnew) {
  BrokerRateMeter meter;
  meter.Add("a", 1000, {1, 100, 10});
  meter.KeepOnly({"b"});
  EXPECT_FALSE(meter.Add("a", 2000, {2, 200, 20}).cpu.has_value());
}

}  // namespace
}  // namespace dohle::reconcile::autoscaling
