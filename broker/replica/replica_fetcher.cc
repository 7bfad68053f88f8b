#include "broker/replica/replica_fetcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "lib/base/log.h"

namespace dohle::replica {
namespace {

using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::FetchResponse;

constexpr int64_t kFirstReconnectMs = 20;
constexpr int kMostDoublings = 16;
// How often at most newcomers may break off a fetch that waits: each costs a session.
constexpr int64_t kBreakOffIntervalMs = 200;

constexpr int64_t kRegistrationLookMs = 20;

// A leader that lost power answers nobody; one that is back at the same address hears of the next attempt.
constexpr absl::Duration kConnectTimeout = absl::Seconds(2);

constexpr int16_t k35Iv0 = 9, k35Iv1 = 10, k37Iv4 = 19, k39Iv0 = 21, k40Iv3 = 25, k41Iv1 = 27, k42Iv1 = 29;

}  // namespace

int16_t ReplicaFetchVersion(int16_t metadata_version) {
  if (metadata_version >= k41Iv1) return 18;
  if (metadata_version >= k39Iv0) return 17;
  if (metadata_version >= k37Iv4) return 16;
  if (metadata_version >= k35Iv1) return 15;
  return metadata_version >= k35Iv0 ? 14 : 13;
}

int16_t ReplicaListOffsetsVersion(int16_t metadata_version) {
  if (metadata_version >= k42Iv1) return 11;
  if (metadata_version >= k40Iv3) return 10;
  if (metadata_version >= k39Iv0) return 9;
  return metadata_version >= k35Iv0 ? 8 : 7;
}

ReplicaFetcher::ReplicaFetcher(FetcherCommons& commons, env::Executor& executor, NodeId leader, int index)
    : commons_(commons),
      options_(commons.options),
      executor_(executor),
      leader_(leader),
      index_(index),
      plan_(commons.options.plan) {}

int64_t ReplicaFetcher::NowMs() const { return executor_.clock().Now().nanoseconds() / 1'000'000; }
int64_t ReplicaFetcher::WallTimeMs() const { return executor_.clock().WallTimeMs(); }

// ---- from other threads

void ReplicaFetcher::Start() {
  executor_.Post([self = shared_from_this()] {
    self->started_ = true;
    ++self->running_;
    env::Spawn(self->executor_, Run(self));
  });
}

void ReplicaFetcher::Take(std::vector<Change> changes) {
  executor_.Post([self = shared_from_this(), changes = std::move(changes)]() mutable {
    self->Accept(std::move(changes));
  });
}

env::Task<void> ReplicaFetcher::Stop() {
  executor_.Post([self = shared_from_this()] {
    self->stopped_ = true;
    if (self->connection_ != nullptr) self->connection_->Close();
    if (self->change_ != nullptr) self->change_->Set(true);
    if (self->running_ == 0) self->ended_->Set(true);
  });
  co_await ended_->WaitForever();
}

env::Task<FetcherView> ReplicaFetcher::View() {
  auto seen = std::make_shared<env::OneShot<FetcherView>>();
  executor_.Post([self = shared_from_this(), seen] {
    FetcherView view;
    view.leader = self->leader_;
    view.index = self->index_;
    view.partitions = self->plan_.size();
    view.failed_partitions = self->plan_.failed();
    view.max_lag = self->plan_.max_lag();
    view.requests = self->requests_;
    view.bytes = self->bytes_;
    for (const auto& [key, partition] : self->partitions_) {
      const int64_t lag = self->plan_.lag(key);
      if (lag >= 0) view.lags.emplace_back(partition->name(), lag);
    }
    seen->Set(std::move(view));
  });
  auto view = co_await seen->WaitForever();
  co_return std::move(*view);
}

// ---- changes

void ReplicaFetcher::Accept(std::vector<Change> changes) {
  const bool newcomers =
      std::any_of(changes.begin(), changes.end(), [](const Change& change) { return change.follow; });
  if (changes_.empty()) {
    changes_ = std::move(changes);
  } else {
    std::move(changes.begin(), changes.end(), std::back_inserter(changes_));
  }
  if (change_ != nullptr) change_->Set(true);
  if (newcomers) BreakOff();
}

void ReplicaFetcher::BreakOff() {
  if (!waiting_at_leader_ || broken_off_) return;
  const int64_t now_ms = NowMs();
  const int64_t due_ms = broke_off_ms_ + kBreakOffIntervalMs;
  if (due_ms > now_ms) {
    if (std::exchange(break_off_due_, true)) return;
    executor_.RunAfter(absl::Milliseconds(due_ms - now_ms), [self = shared_from_this()] {
      self->break_off_due_ = false;
      if (!self->changes_.empty() && !self->stopped_) self->BreakOff();
    });
    return;
  }
  broke_off_ms_ = now_ms;
  broken_off_ = true;
  connection_->Close();
}

env::Task<void> ReplicaFetcher::TakeOverChanges() {
  while (!changes_.empty()) {
    const std::vector<Change> changes = std::exchange(changes_, {});
    for (const Change& change : changes) {
      const TopicIdPartition key{change.partition->topic_id(), change.partition->name().partition};
      FetchPosition position;
      if (change.follow) position = co_await change.partition->FollowPosition();
      if (position.leader == leader_) {
        plan_.Follow(key, position);
        partitions_[key] = change.partition;
      } else if (const auto found = partitions_.find(key);
                 found != partitions_.end() && found->second == change.partition) {
        plan_.Forget(key);
        partitions_.erase(found);
      }
    }
  }
}

env::Task<void> ReplicaFetcher::WaitForChange(std::optional<int64_t> until_ms) {
  if (!changes_.empty() || stopped_) co_return;
  absl::Duration time = absl::InfiniteDuration();
  if (until_ms) time = absl::Milliseconds(std::max<int64_t>(0, *until_ms - NowMs()));
  change_ = std::make_shared<env::OneShot<bool>>();
  const auto change = change_;
  co_await change->WaitFor(time);
  change_ = nullptr;
}

// ---- the loop

env::Task<void> ReplicaFetcher::Run(std::shared_ptr<ReplicaFetcher> self) {
  ReplicaFetcher& me = *self;
  while (!me.stopped_) {
    co_await me.TakeOverChanges();
    if (me.stopped_) break;
    const int64_t now_ms = me.NowMs();
    if (!me.plan_.AnyReady(now_ms)) {
      if (me.plan_.empty()) me.connection_ = nullptr;
      co_await me.WaitForChange(me.plan_.next_due_ms());
      continue;
    }
    const BrokerEpoch broker_epoch = me.options_.broker_epoch();
    if (broker_epoch < BrokerEpoch(0)) {
      // A leader couldn't tell this life of the broker from the one before.
      co_await me.WaitForChange(now_ms + kRegistrationLookMs);
      continue;
    }
    if (me.connection_ == nullptr || me.connection_->closed()) {
      if (!me.connecting_ && me.connect_at_ms_ <= now_ms) {
        me.Connect();
      } else if (me.connecting_) {
        co_await me.WaitForChange(std::nullopt);
      } else {
        co_await me.WaitForChange(me.connect_at_ms_);
      }
      continue;
    }
    std::optional<FetchRequest> request = me.plan_.Next(broker_epoch, now_ms);
    co_await me.FetchOnce(std::move(*request));
  }
  me.connection_ = nullptr;
  me.Ended();
}

void ReplicaFetcher::Ended() {
  if (--running_ == 0 && stopped_) ended_->Set(true);
}

// Aside, so that neither changes nor a stop have to wait for a host that doesn't answer.
void ReplicaFetcher::Connect() {
  connection_ = nullptr;
  plan_.NoteLost();
  std::optional<env::Endpoint> endpoint = options_.endpoint_of(leader_);
  if (!endpoint) {
    NoteLost("the connection", MakeStatus(StatusCode::kUnavailable, "the metadata has no address of it"));
    return;
  }
  kafka::client::ConnectionOptions options;
  options.client_id = fmt::format("broker-{}-fetcher-{}", options_.plan.node_id.value(), index_);
  options.connect_timeout = std::min(kConnectTimeout, options_.socket_timeout);
  options.request_timeout = options_.socket_timeout;
  options.max_response_bytes =
      static_cast<size_t>(options_.plan.response_max_bytes) + static_cast<size_t>(options_.max_batch_bytes);
  connecting_ = true;
  env::Spawn(executor_, Open(shared_from_this(), std::move(*endpoint), std::move(options)));
}

env::Task<void> ReplicaFetcher::Open(std::shared_ptr<ReplicaFetcher> self, env::Endpoint endpoint,
                                     kafka::client::ConnectionOptions options) {
  auto opened = co_await kafka::client::BrokerConnection::Open(self->commons_.transport, self->executor_,
                                                               std::move(endpoint), std::move(options));
  self->connecting_ = false;
  if (self->stopped_) co_return;
  if (opened.ok()) {
    self->connection_ = std::move(*opened);
  } else {
    self->NoteLost("the connection", opened.status());
    self->TellLost();
  }
  if (self->change_ != nullptr) self->change_->Set(true);
}

void ReplicaFetcher::NoteLost(std::string_view what, const Status& why) {
  connection_ = nullptr;
  plan_.NoteLost();
  if (stopped_) return;
  if (std::exchange(broken_off_, false)) return;
  const int64_t delay_ms = std::min<int64_t>(
      options_.plan.backoff_ms, kFirstReconnectMs << std::min(connect_failures_, kMostDoublings));
  connect_at_ms_ = NowMs() + delay_ms;
  if (connect_failures_++ == 0) {
    log::Warning("replica",
                 "{} of {} partitions to leader {}: {}; tried again until it answers or others lead", what,
                 plan_.size(), leader_.value(), Message(why));
  }
}

void ReplicaFetcher::TellLost() {
  if (!stopped_ && options_.lost_leader) options_.lost_leader(leader_);
}

env::Task<void> ReplicaFetcher::FetchOnce(FetchRequest request) {
  const int16_t version = ReplicaFetchVersion(options_.metadata_version());
  waiting_at_leader_ = true;
  broken_off_ = false;
  auto answer = co_await connection_->Call<FetchResponse>(std::move(request), version);
  waiting_at_leader_ = false;
  if (!answer.ok()) {
    if (!broken_off_) TellLost();
    NoteLost("the fetch", answer.status());
    co_return;
  }
  broken_off_ = false;
  ++requests_;
  if (options_.heard_leader) options_.heard_leader(leader_);
  const FetchResponse& response = answer->message;
  switch (plan_.NoteAnswer(response)) {
    case SessionVerdict::kFine:
      connect_failures_ = 0;
      co_await TakeAnswer(response);
      co_return;
    case SessionVerdict::kNewSession:
      co_return;
    case SessionVerdict::kRefused:
      NoteLost("the fetch", MakeStatus(StatusCode::kUnavailable, "{}",
                                       kafka::Name(static_cast<ErrorCode>(response.error_code))));
      co_return;
  }
}

env::Task<void> ReplicaFetcher::TakeAnswer(const FetchResponse& response) {
  for (const auto& topic : response.responses) {
    for (const auto& data : topic.partitions) {
      if (stopped_) co_return;
      const TopicIdPartition key{topic.topic_id, PartitionIndex(data.partition_index)};
      const FetchVerdict verdict = plan_.Judge(topic.topic_id, data, NowMs());
      switch (verdict.kind) {
        case FetchVerdict::Kind::kAppend:
          co_await Append(key, verdict, data);
          break;
        case FetchVerdict::Kind::kTruncate:
        case FetchVerdict::Kind::kFindOffsets:
          mends_.push_back({key, partitions_.at(key), *plan_.Position(key), verdict, kNoOffset, kNoOffset});
          break;
        default:
          if (verdict.error != ErrorCode::kNone) NoteRefusal(key, verdict);
      }
    }
  }
  if (mends_.empty() || std::exchange(mending_, true)) co_return;
  ++running_;
  env::Spawn(executor_, RunMends(shared_from_this()));
}

env::Task<void> ReplicaFetcher::Append(TopicIdPartition key, FetchVerdict verdict,
                                       const FetchResponse::PartitionData& data) {
  const std::shared_ptr<Partition> partition = partitions_.at(key);
  const std::string_view records = data.records ? data.records->contiguous() : std::string_view();
  Status appended = co_await PayCheckpoint(false);
  if (appended.ok()) appended = co_await AppendTo(*partition, verdict.leader_epoch, data);
  if (absl::IsInvalidArgument(appended)) {
    appended = co_await BeginWithin(*partition, verdict.leader_epoch, data);
    if (appended.ok()) appended = co_await AppendTo(*partition, verdict.leader_epoch, data);
  }
  if (!appended.ok()) {
    NoteFailure(key, *partition, verdict.leader_epoch, "append", appended);
    co_return;
  }
  const FetchPosition position = co_await partition->FollowPosition();
  if (position.leader != leader_) co_return;
  bytes_ += static_cast<int64_t>(records.size());
  if (!records.empty()) commons_.counters.bytes.Increment(records.size());
  plan_.MoveTo(key, position, Offset(data.high_watermark));
  if (commons_.quota != nullptr && commons_.quota->IsThrottled(partition->name()))
    Throttle(key, records.size());
}

env::Task<Status> ReplicaFetcher::AppendTo(Partition& partition, LeaderEpoch leader_epoch,
                                           const FetchResponse::PartitionData& data) {
  const std::string_view records = data.records ? data.records->contiguous() : std::string_view();
  const std::span<const char> batches(records.data(), records.size());
  co_return co_await partition.AppendFetched(leader_epoch, batches, Offset(data.high_watermark),
                                             Offset(data.log_start_offset), WallTimeMs());
}

void ReplicaFetcher::Throttle(const TopicIdPartition& key, size_t bytes) {
  const int64_t now_ms = NowMs();
  const int64_t free_at_ms = commons_.quota->Record(bytes, now_ms);
  if (free_at_ms <= now_ms || plan_.lag(key) == 0) return;
  plan_.DelayUntil(key, plan_.Position(key)->leader_epoch, free_at_ms);
}

void ReplicaFetcher::NoteFailure(const TopicIdPartition& key, const Partition& partition,
                                 LeaderEpoch leader_epoch, std::string_view what, const Status& why) {
  if (absl::IsFailedPrecondition(why)) {
    // It follows nobody in that epoch any more: the change is on its way here.
    plan_.Fail(key, leader_epoch);
    return;
  }
  if (env::IsDeviceFailure(why)) {
    plan_.Fail(key, leader_epoch);
  } else {
    plan_.Delay(key, leader_epoch, NowMs());
  }
  if (const auto kept_back = failures_.Admit(NowMs())) {
    log::Error("replica", "{}: the {} of what leader {} sent fails: {}{}", ToString(partition.name()), what,
               leader_.value(), Message(why),
               *kept_back == 0 ? "" : fmt::format("; {} more since the last such line", *kept_back));
  }
}

void ReplicaFetcher::NoteRefusal(const TopicIdPartition& key, const FetchVerdict& verdict) {
  // Expected while leaders change hands.
  if (plan_.attempts(key) <= 3) return;
  const auto kept_back = refusals_.Admit(NowMs());
  if (!kept_back) return;
  log::Warning("replica", "{}: leader {} answers {} in leader epoch {}{}",
               ToString(partitions_.at(key)->name()), leader_.value(), kafka::Name(verdict.error),
               verdict.leader_epoch.value(),
               *kept_back == 0 ? "" : fmt::format("; {} more since the last such line", *kept_back));
}

}  // namespace dohle::replica
