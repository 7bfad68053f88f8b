#include "broker/server/handlers/describe_log_dirs.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/replica/replica_set.h"
#include "broker/server/config/cordoned_log_dirs.h"
#include "broker/server/error_mapping.h"
#include "broker/server/live_config.h"
#include "broker/server/request_context.h"
#include "broker/server/services.h"
#include "lib/kafka/messages/describe_log_dirs_request.h"
#include "lib/kafka/messages/describe_log_dirs_response.h"

namespace dohle::server {
namespace {

using kafka::DescribeLogDirsRequest;
using Response = kafka::DescribeLogDirsResponse;

using WantedPartitions = std::set<std::pair<std::string, int32_t>>;

WantedPartitions Wanted(const DescribeLogDirsRequest& request) {
  WantedPartitions wanted;
  for (const auto& topic : *request.topics) {
    for (const int32_t partition : topic.partitions)
      wanted.emplace(std::string(topic.topic.view()), partition);
  }
  return wanted;
}

}  // namespace

env::Task<Response> DescribeLogDirsHandler::Handle(RequestContext& context,
                                                   const DescribeLogDirsRequest& request) {
  Response response;
  context.AllowNext();
  const bool all = !request.topics;
  const WantedPartitions wanted = all ? WantedPartitions() : Wanted(request);
  for (const replica::DirectorySummary& directory :
       co_await context.services.replicas.DescribeDirectories()) {
    Response::DescribeLogDirsResult result;
    result.log_dir = kafka::Text::Copy(directory.path);
    if (directory.offline) {
      result.error_code = Code(kafka::ErrorCode::kKafkaStorageError);
      response.results.push_back(std::move(result));
      continue;
    }
    result.is_cordoned = IsCordoned(context.services.live_config.Current()->config, directory.path);
    result.total_bytes = directory.total_bytes;
    result.usable_bytes = directory.usable_bytes;
    std::map<std::string, Response::DescribeLogDirsTopic> topics;
    for (const replica::PartitionSummary& partition : directory.partitions) {
      const std::string& name = partition.partition.topic;
      const int32_t index = partition.partition.partition.value();
      if (!all && !wanted.contains({name, index})) continue;
      Response::DescribeLogDirsTopic& topic = topics[name];
      topic.name = kafka::Text::Copy(name);
      Response::DescribeLogDirsPartition described;
      described.partition_index = index;
      described.partition_size = static_cast<int64_t>(partition.size_bytes);
      described.offset_lag =
          0;  // of a current replica: nothing between its high watermark and what it must reach
      topic.partitions.push_back(described);
    }
    for (auto& [name, topic] : topics) result.topics.push_back(std::move(topic));
    response.results.push_back(std::move(result));
  }
  co_return response;
}

}  // namespace dohle::server
