#include "operator/reconcile/topic/broker_bytes.h"

#include <gtest/gtest.h>

namespace dohle::reconcile {
namespace {

using Totals = StringMap<TopicBytes>;

Totals Read(std::string_view page) {
  Totals totals;
  ReadTopicBytes(page, &totals);
  return totals;
}

TEST(BrokerBytesTest, ReadsTheTwoCountersAndNothingElse) {
  const Totals totals = Read(
      "# HELP kafka_server_brokertopicmetrics_bytesin_total Bytes.\n"
      "# TYPE kafka_server_brokertopicmetrics_bytesin_total counter\n"
      "kafka_server_brokertopicmetrics_bytesin_total 99\n"
      "kafka_server_brokertopicmetrics_bytesin_total{topic=\"orders\"} 1024\n"
      "kafka_server_brokertopicmetrics_bytesin_total{a=\"b,}\",topic=\"x\\\"y\"} 1e3 1700000000\n"
      "kafka_server_brokertopicmetrics_bytesin_rate{topic=\"orders\"} 7\r\n"
      "kafka_server_brokertopicmetrics_bytesout_total{topic=\"orders\",} 5\r\n"
      "kafka_server_brokertopicmetrics_bytesout_total{topic=\"orders\"} 6");
  ASSERT_EQ(totals.size(), 2u);
  EXPECT_EQ(totals.at("orders").in, 1024);
  EXPECT_EQ(totals.at("orders").out, 11);
  EXPECT_EQ(totals.at("x\"y").in, 1000);
}

TEST(BrokerBytesTest, PassesOverWhatItDoesNotUnderstand) {
  const std::string name = "kafka_server_brokertopicmetrics_bytesin_total";
  for (const char* rest :
       {"{", "{}", "{} 5", "{topic} 5", "{topic=\"} 5", "{topic=\"a\"", "{topic=\"a\"}", "{topic=\"a\"} x",
        "{topic=\"a\"} -1", "{topic=\"a\"} NaN", "{topic=\"a\"} +Inf", "{topic=\"\"} 5", "{topic=\"a\\"}) {
    EXPECT_TRUE(Read(name + rest).empty()) << rest;
    EXPECT_EQ(Read(name + rest + "\n" + name + "{topic=\"b\"} 1\n").size(), 1u) << rest;
  }
}

TEST(BrokerBytesTest, ReadsAPageThatComesInPieces) {
  const std::string name = "kafka_server_brokertopicmetrics_bytesin_total{topic=\"";
  const std::string page = "# HELP x\n" + name + "a\"} 1\n" + name + "b\"} 2\n\n" + name + "c\"} 3";
  for (size_t size = 1; size <= page.size(); ++size) {
    Totals totals;
    TopicBytesReader reader(&totals);
    for (size_t at = 0; at < page.size(); at += size) reader.Take(std::string_view(page).substr(at, size));
    reader.End();
    ASSERT_EQ(totals.size(), 3u) << size;
    EXPECT_EQ(totals.at("a").in, 1);
    EXPECT_EQ(totals.at("b").in, 2);
    EXPECT_EQ(totals.at("c").in, 3);
  }
}

TEST(TopicByteRatesTest, OfAllBrokersAndAcrossRestarts) {
  TopicByteRates rates;
  EXPECT_EQ(rates.Of("t").in, 0);
  rates.Add("a", 10'000, {{"t", {100, 10}}});
  rates.Add("b", 10'000, {{"t", {5000, 0}}});
  EXPECT_EQ(rates.Of("t").in, 0) << "one look tells nothing";
  rates.Add("a", 20'000, {{"t", {1100, 10}}});
  rates.Add("b", 20'000, {{"t", {5500, 200}}});
  EXPECT_EQ(rates.Of("t").in, 150);
  EXPECT_EQ(rates.Of("t").out, 20);
  rates.Add("a", 30'000, {{"t", {50, 0}}});
  rates.Add("b", 30'000, {});
  EXPECT_EQ(rates.Of("t").in, 5) << "it started again";
}

}  // namespace
}  // namespace dohle::reconcile
