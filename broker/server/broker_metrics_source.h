// What a scrape sees of the broker: partitions, groups with their lag, controller, quorum, connections.
//
// One scrape at a time (AdminEndpoint sees to it); each on any executor. What walks over everything (sorting
// the partitions, counting the cluster's) runs on an I/O thread, the rest in slices.
//
// A group's lag in seconds is the age of the batch that holds the first record which the group hasn't
// committed: now less the timestamp of that batch's first record, 0 without lag. Inside a batch it is so too
// large by at most what the batch spans (linger.ms). A time is looked up once for each partition and offset
// and kept as long as some group stands there; at most kMostLagLookups a scrape, the others come with the
// next scrapes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "broker/metadata/image.h"
#include "broker/server/metrics/metrics_source.h"
#include "lib/base/ids.h"
#include "lib/env/clock.h"

namespace dohle::coordinator {
struct GroupView;
}
namespace dohle::metadata {
struct PartitionRegistration;
}
namespace dohle::replica {
class Partition;
struct LogsHealth;
}  // namespace dohle::replica

namespace dohle::server {

struct Services;
class KafkaServer;

inline constexpr int kMostLagLookups = 2000;

class BrokerMetricsSource : public MetricsSource {
 public:
  using CheckLogs = std::function<env::Task<replica::LogsHealth>()>;

  // All outlive the source. `servers`: with the connections; may be empty. `check_logs`:
  // ReplicaSet::CheckHealth.
  BrokerMetricsSource(Services& services, std::vector<const KafkaServer*> servers, CheckLogs check_logs);

  env::Task<std::vector<PartitionSample>> CollectPartitions(size_t from, size_t max) override;
  env::Task<std::vector<GroupOffsetSample>> CollectGroupOffsets(size_t from, size_t max) override;
  env::Task<std::vector<GroupSample>> CollectGroups(size_t from, size_t max) override;
  env::Task<GroupCounts> CollectGroupCounts() override;
  env::Task<std::optional<ControllerSample>> CollectController() override;
  env::Task<RaftSample> CollectRaft() override;
  env::Task<ServerSample> CollectServer() override;

 private:
  // A place in a log whose time is known.
  struct Place {
    TopicId topic;
    PartitionIndex partition;
    Offset offset;

    friend bool operator==(const Place&, const Place&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Place& place) {
      return H::combine(std::move(h), place.topic, place.partition, place.offset);
    }
  };
  using Times = absl::flat_hash_map<Place, int64_t>;

  env::Task<void> BeginScrape();
  void NoteGroup(const coordinator::GroupView& group);
  void NoteCluster(const metadata::PartitionRegistration& registration, PartitionSample* sample) const;
  int32_t MinInsyncReplicas(std::string_view topic) const;
  env::Task<void> AddLag(GroupOffsetSample* row);
  env::Task<std::optional<int64_t>> TimeOf(replica::Partition& partition, Offset offset);
  // The part of the time since the last scrape that the event loops slept.
  double TakeIdleRatio();

  Services& services_;
  const std::vector<const KafkaServer*> servers_;
  const CheckLogs check_logs_;

  // Of the scrape under way.
  metadata::ImagePtr image_;
  std::vector<std::shared_ptr<replica::Partition>> partitions_;
  std::vector<GroupSample> groups_;
  std::vector<GroupOffsetSample> group_offsets_;
  GroupCounts group_counts_;
  int lag_lookups_ = 0;
  double idle_ratio_ = 1;

  Times times_;           // that this scrape has used
  Times previous_times_;  // … the one before
  env::MonotonicTime idle_since_;
  absl::Duration busy_before_;
  env::MonotonicTime rate_since_;
  int64_t metadata_end_before_ = 0;
};

}  // namespace dohle::server
