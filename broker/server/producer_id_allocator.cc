#include "broker/server/producer_id_allocator.h"

#include "broker/server/controller_channel.h"
#include "broker/server/own_broker_epoch.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/messages/allocate_producer_ids_request.h"
#include "lib/kafka/messages/allocate_producer_ids_response.h"

namespace dohle::server {
namespace {

// Producers ask again by themselves.
constexpr absl::Duration kPatience = absl::Seconds(5);

}  // namespace

env::Task<Status> ProducerIdAllocator::FetchBlock() {
  kafka::AllocateProducerIdsRequest request;
  request.broker_id = node_id_.value();
  request.broker_epoch = broker_epoch_.Get().value();
  auto answer = co_await controller_.Call<kafka::AllocateProducerIdsResponse>(request, kPatience);
  if (!answer.ok()) co_return answer.status();
  const kafka::AllocateProducerIdsResponse& block = answer->message;
  if (block.error_code != 0) {
    co_return MakeStatus(StatusCode::kUnavailable, "the controller gave no producer ids: {}",
                         kafka::Name(static_cast<kafka::ErrorCode>(block.error_code)));
  }
  env::LaneGuard in_lane = co_await lane_.Enter();
  // Two that found the block empty fetch one each; ids of the one that loses are never used, which is
  // allowed.
  next_ = block.producer_id_start;
  end_ = block.producer_id_start + block.producer_id_len;
  co_return OkStatus();
}

env::Task<StatusOr<ProducerId>> ProducerIdAllocator::Next() {
  for (;;) {
    {
      env::LaneGuard in_lane = co_await lane_.Enter();
      if (next_ < end_) co_return ProducerId(next_++);
    }
    Status fetched = co_await FetchBlock();
    if (!fetched.ok()) co_return fetched;
  }
}

}  // namespace dohle::server
