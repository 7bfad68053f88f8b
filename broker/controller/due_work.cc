// What the controller does of itself: brokers that were not heard, leaders that are where they shouldn't be.
#include <algorithm>

#include "broker/controller/controller_state.h"
#include "broker/controller/elections.h"
#include "lib/base/log.h"

namespace dohle::controller {
namespace {

struct DueWork {
  int64_t wait_ms = 0;  // until something else is due
};

// One piece of what is due, if anything is: then `more`, since the next piece must see what this one changed.
Decision<DueWork> DecideDueWork(ControllerState* state, const DecisionContext& context) {
  Decision<DueWork> decision;
  const int64_t now_ms = context.now_ms;
  const std::vector<NodeId> stale = state->heartbeats.Stale(context.image, now_ms);
  if (!stale.empty()) {
    log::Info("controller", "fencing broker {} because its session has timed out", stale.front().value());
    (void)FenceBroker(context, stale.front(), &decision.records);
    decision.more = true;
    return decision;
  }
  // Its own registration belongs to this when metadata.version rises while it is active.
  if (const auto registration = NeededRegistration(context.image, context.config); registration.has_value()) {
    (void)RegisterController(context, *registration, &decision.records);
    decision.more = true;
    return decision;
  }
  const auto elect = [&](Elections elections, int64_t interval_ms, int64_t* next_ms) {
    if (!elections.more) *next_ms = now_ms + interval_ms;
    decision.records = std::move(elections.records);
    decision.more = !decision.records.empty();
  };
  if (context.config.auto_leader_rebalance && now_ms >= state->next_balance_ms) {
    elect(ElectPreferred(context), context.config.leader_imbalance_check_interval_ms,
          &state->next_balance_ms);
    if (decision.more) return decision;
  }
  if (now_ms >= state->next_leaderless_ms) {
    elect(ElectForLeaderless(context), context.config.unclean_leader_election_interval_ms,
          &state->next_leaderless_ms);
    if (decision.more) return decision;
  }
  // Whoever is heard for the first time while this waits becomes stale after a whole session at the soonest.
  int64_t next_ms = std::min(now_ms + context.config.session_timeout_ms, state->next_leaderless_ms);
  if (context.config.auto_leader_rebalance) next_ms = std::min(next_ms, state->next_balance_ms);
  if (const auto next = state->heartbeats.NextStaleMs(context.image)) next_ms = std::min(next_ms, *next);
  decision.response.wait_ms = std::max<int64_t>(1, next_ms - now_ms);
  return decision;
}

}  // namespace

env::Task<StatusOr<absl::Duration>> Controller::DoDueWork() {
  ControllerState* state = state_.get();
  ResponseDecision<DueWork> decide = [state](const DecisionContext& context) {
    return DecideDueWork(state, context);
  };
  StatusOr<DueWork> done = co_await Run<DueWork>(state, std::move(decide));
  if (!done.ok()) co_return done.status();
  co_return absl::Milliseconds(done->wait_ms);
}

env::Task<Status> Controller::FenceBroker(NodeId broker, BrokerEpoch epoch) {
  ControllerState* state = state_.get();
  ResponseDecision<NoResponse> decide = [state, broker, epoch](const DecisionContext& context) {
    Decision<NoResponse> decision;
    const metadata::BrokerRegistration* registered = context.image.cluster.Broker(broker);
    if (registered == nullptr || registered->epoch != epoch || registered->fenced) return decision;
    log::Info("controller", "fencing broker {} because its process is gone", broker.value());
    state->heartbeats.EndSession(broker);
    decision.more = !controller::FenceBroker(context, broker, &decision.records);
    return decision;
  };
  const StatusOr<NoResponse> done = co_await Run<NoResponse>(state, std::move(decide));
  co_return done.status();
}

}  // namespace dohle::controller
