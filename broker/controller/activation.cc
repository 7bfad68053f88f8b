// Becoming the active controller, and ceasing to be it.
#include "broker/controller/controller_state.h"
#include "broker/controller/features.h"
#include "broker/metadata/format.h"
#include "lib/base/log.h"

namespace dohle::controller {
namespace {

// What the first leader of a cluster writes, as one metadata transaction. Framed, since bootstrap.checkpoint
// may hold any record.
StatusOr<metadata::EncodedRecords> BootstrapRecords(const DecisionContext& context,
                                                    const std::vector<std::string>& stored) {
  constexpr int16_t kTransactions = 13;  // 3.6-IV1
  metadata::EncodedRecords records;
  int16_t metadata_version = metadata::kMinMetadataVersion;
  bool elr = false;
  for (const std::string& framed : stored) {
    DOHLE_ASSIGN_OR_RETURN(const kafka::MetadataRecord record, kafka::DecodeMetadataRecord(framed));
    const auto* feature = std::get_if<kafka::FeatureLevelRecord>(&record);
    if (feature == nullptr) continue;
    if (feature->name.view() == metadata::kMetadataVersion) metadata_version = feature->feature_level;
    if (feature->name.view() == metadata::kElrVersion && feature->feature_level > 0) elr = true;
  }
  const bool transaction = metadata_version >= kTransactions;
  if (transaction) {
    kafka::BeginTransactionRecord begin;
    begin.name = kafka::Text("Bootstrap records");
    records.push_back(kafka::EncodeMetadataRecord(std::move(begin), 0));
  }
  records.insert(records.end(), stored.begin(), stored.end());
  if (elr) {
    DOHLE_ASSIGN_OR_RETURN(metadata::EncodedRecords safety, EncodeRecords(ElrSafetyRecords(context)));
    std::move(safety.begin(), safety.end(), std::back_inserter(records));
  }
  if (transaction) records.push_back(kafka::EncodeMetadataRecord(kafka::EndTransactionRecord(), 0));
  return records;
}

Status NotLeading(LeaderEpoch epoch) {
  return MakeStatus(StatusCode::kUnavailable, "this node doesn't lead the metadata quorum in epoch {}",
                    epoch.value());
}

// What is known of brokers from another time as the leader counts no more.
void Begin(ControllerState* state, const MetadataImage& image) {
  const int64_t now_ms = state->MonotonicMs();
  state->heartbeats.Reset(image, now_ms);
  state->registration_offsets.clear();
  state->next_balance_ms = now_ms + state->config.leader_imbalance_check_interval_ms;
  state->next_leaderless_ms = now_ms + state->config.unclean_leader_election_interval_ms;
}

env::Task<StatusOr<std::vector<std::string>>> ReadStored(ControllerState* state) {
  using Stored = StatusOr<std::vector<std::string>>;
  absl::AnyInvocable<Stored()> read = [state] {
    return metadata::ReadBootstrapRecords(state->env.file_system, state->config.log_dir);
  };
  co_return co_await env::RunBlocking<Stored>(state->env.blocking_pool, std::move(read));
}

}  // namespace

env::Task<Status> Controller::Activate(LeaderEpoch epoch) {
  ControllerState* state = state_.get();
  StatusOr<std::vector<std::string>> stored{std::vector<std::string>()};
  if (state->log.cache().Current()->features.metadata_version() == 0) stored = co_await ReadStored(state);
  if (!stored.ok()) co_return stored.status();
  Status problem;
  metadata::Decide bootstrap = [state, epoch, &stored, &problem](const metadata::WriteContext& write) {
    if (write.epoch != epoch) problem = NotLeading(epoch);
    if (!problem.ok() || write.image.features.metadata_version() > 0) return metadata::EncodedRecords();
    StatusOr<metadata::EncodedRecords> records = BootstrapRecords(state->ContextOf(write), *stored);
    problem = records.status();
    return records.ok() ? *std::move(records) : metadata::EncodedRecords();
  };
  StatusOr<Offset> end = co_await state->log.Write(std::move(bootstrap));
  if (!end.ok()) co_return end.status();
  if (!problem.ok()) co_return problem;
  metadata::Decide begin = [state, epoch, &problem](const metadata::WriteContext& write) {
    if (write.epoch != epoch) problem = NotLeading(epoch);
    if (!problem.ok()) return metadata::EncodedRecords();
    Begin(state, write.image);
    state->active_epoch.store(epoch.value());
    RecordList records;
    const auto registration = NeededRegistration(write.image, state->config);
    if (registration.has_value())
      (void)controller::RegisterController(state->ContextOf(write), *registration, &records);
    StatusOr<metadata::EncodedRecords> encoded = EncodeRecords(records);
    problem = encoded.status();
    return encoded.ok() ? *std::move(encoded) : metadata::EncodedRecords();
  };
  end = co_await state->log.Write(std::move(begin));
  if (problem.ok()) problem = end.status();
  if (!problem.ok()) {
    state->active_epoch.store(ControllerState::kNotActive);
    co_return problem;
  }
  log::Info("controller", "node {} is the active controller in epoch {}", state->config.node_id.value(),
            epoch.value());
  co_return OkStatus();
}

void Controller::Resign() {
  if (state_->active_epoch.exchange(ControllerState::kNotActive) == ControllerState::kNotActive) return;
  log::Info("controller", "node {} isn't the active controller any more", state_->config.node_id.value());
}

bool Controller::is_active() const { return state_->active_epoch.load() != ControllerState::kNotActive; }

std::optional<kafka::ControllerRegistrationRequest> Controller::RegistrationFor(
    const metadata::MetadataImage& image) const {
  return NeededRegistration(image, state_->config);
}

}  // namespace dohle::controller
