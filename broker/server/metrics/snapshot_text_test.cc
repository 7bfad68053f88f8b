#include "broker/server/metrics/snapshot_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dohle::server {
namespace {

using ::testing::HasSubstr;

TEST(SnapshotText, WhatAFetcherFollows) {
  MetricsSnapshot snapshot;
  FetcherSample& fetcher = snapshot.server.fetchers.emplace_back();
  fetcher.client_id = "ReplicaFetcherThread-0-2";
  fetcher.requests = 3;
  fetcher.bytes = 400;
  fetcher.lags = {{{"t", PartitionIndex(1)}, 7}};
  metrics::Exposition out;
  WriteSnapshot(snapshot, out);
  EXPECT_THAT(out.text(),
              HasSubstr("kafka_server_fetcherlagmetrics_consumerlag{clientId=\"ReplicaFetcherThread-0-2\","
                        "topic=\"t\",partition=\"1\"} 7\n"));
  EXPECT_THAT(
      out.text(),
      HasSubstr("kafka_server_fetcherstats_bytes_total{clientId=\"ReplicaFetcherThread-0-2\"} 400\n"));
  EXPECT_THAT(
      out.text(),
      HasSubstr("kafka_server_fetcherstats_requests_total{clientId=\"ReplicaFetcherThread-0-2\"} 3\n"));
}

}  // namespace
}  // namespace dohle::server
