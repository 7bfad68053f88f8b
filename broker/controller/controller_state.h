// What the operations of the controller share, and how each of them becomes a write of the metadata log.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "broker/controller/brokers.h"
#include "broker/controller/controller.h"
#include "broker/controller/decision.h"

namespace dohle::controller {

// Only touched inside the metadata lane, but for the references and the atomic.
class ControllerState {
 public:
  static constexpr int32_t kNotActive = -1;

  ControllerState(ControllerConfig controller_config, metadata::MetadataLog& metadata_log,
                  const ConfigValidator& config_validator, env::Env& environment)
      : config(std::move(controller_config)),
        log(metadata_log),
        validator(config_validator),
        env(environment),
        heartbeats(config.session_timeout_ms) {}

  DecisionContext ContextOf(const metadata::WriteContext& write) {
    return {
        write.image, config, validator, env.random, write.next_offset, MonotonicMs(), env.clock.WallTimeMs(),
        {}};
  }
  int64_t MonotonicMs() const { return env.clock.Now().nanoseconds() / 1'000'000; }

  const ControllerConfig config;
  metadata::MetadataLog& log;
  const ConfigValidator& validator;
  env::Env& env;
  // The epoch of the quorum's leader in which the operations are served. Between an election and Activate,
  // and after Resign, none is.
  std::atomic<int32_t> active_epoch = kNotActive;
  BrokerHeartbeats heartbeats;
  std::map<NodeId, Offset> registration_offsets;  // where each broker's registration record stands
  // When these are due, by monotonic milliseconds.
  int64_t next_balance_ms = 0;
  int64_t next_leaderless_ms = 0;
};

// Records as the log takes them. kInvalidArgument if they are too much for one batch.
StatusOr<metadata::EncodedRecords> EncodeRecords(const RecordList& records);

template <typename Response>
using ResponseDecision = absl::AnyInvocable<Decision<Response>(const DecisionContext&)>;

// Where a decision has no response.
struct NoResponse {};

// One decision on its way through the metadata lane.
template <typename Response>
struct DecisionStep {
  ResponseDecision<Response> decide;
  Response response;
  bool more = false;
  Status problem;

  metadata::EncodedRecords Take(ControllerState* state, const metadata::WriteContext& write) {
    if (write.epoch.value() != state->active_epoch.load()) {
      problem = Status(StatusCode::kUnavailable, "this node isn't the active controller");
      return {};
    }
    Decision<Response> decision = decide(state->ContextOf(write));
    StatusOr<metadata::EncodedRecords> records = EncodeRecords(decision.records);
    problem = records.status();
    if (!problem.ok()) return {};
    response = std::move(decision.response);
    more = decision.more;
    return *std::move(records);
  }
};

// Runs `decide` in the metadata lane, writes its records, returns its response once they are committed. A
// decision that says `more` is made again, so others come in between.
template <typename Response>
env::Task<StatusOr<Response>> Run(ControllerState* state, ResponseDecision<Response> decide) {
  auto step = std::make_shared<DecisionStep<Response>>();
  step->decide = std::move(decide);
  do {
    metadata::Decide in_lane = [state, step](const metadata::WriteContext& write) {
      return step->Take(state, write);
    };
    StatusOr<Offset> end = co_await state->log.Write(std::move(in_lane));
    if (!end.ok()) co_return end.status();
    if (!step->problem.ok()) co_return step->problem;
  } while (step->more);
  co_return std::move(step->response);
}

}  // namespace dohle::controller
