#include "broker/controller/brokers.h"

#include <algorithm>
#include <set>

#include "broker/controller/elections.h"
#include "broker/controller/restart_permits.h"
#include "broker/controller/rules.h"
#include "broker/metadata/format.h"
#include "broker/metadata/image_writer.h"
#include "broker/metadata/registration_fields.h"
#include "lib/base/log.h"

namespace dohle::controller {
namespace {

using metadata::BrokerRegistration;
using metadata::SupportedFeatures;

constexpr int16_t kDirectoryAssignment = 17;     // 3.7-IV2
constexpr int16_t kControllerRegistration = 15;  // 3.7-IV0
constexpr int16_t kCordonedLogDirs = 30;         // 4.3-IV0

bool IsReserved(const DirectoryId& id) {
  // The first hundred ids have meanings of their own (KIP-858).
  const auto& bytes = id.bytes();
  return std::all_of(bytes.begin(), bytes.end() - 1, [](uint8_t b) { return b == 0; }) && bytes.back() < 100;
}

ApiError CheckDirectories(const MetadataImage& image, const kafka::BrokerRegistrationRequest& request) {
  const auto invalid = [](std::string message) {
    return ApiError(ErrorCode::kInvalidRegistration, std::move(message));
  };
  if (request.log_dirs.empty()) return invalid("No directories specified in request");
  if (std::any_of(request.log_dirs.begin(), request.log_dirs.end(), IsReserved)) {
    return invalid("Reserved directory ID in request");
  }
  const std::set<DirectoryId> wanted(request.log_dirs.begin(), request.log_dirs.end());
  if (wanted.size() != request.log_dirs.size()) return invalid("Duplicate directory ID in request");
  for (const auto& [id, broker] : image.cluster.brokers) {
    if (id.value() == request.broker_id) continue;
    for (const DirectoryId& dir : broker.log_dirs) {
      if (!wanted.contains(dir)) continue;
      return invalid(
          fmt::format("Broker {} is already registered with directory {}", id.value(), ToString(dir)));
    }
  }
  return ApiError();
}

// Every finalized feature must lie in what the broker supports.
ApiError CheckFeatures(const MetadataImage& image, const SupportedFeatures& features) {
  if (!features.contains(metadata::kMetadataVersion)) {
    return ApiError(ErrorCode::kInvalidRegistration, "Request features do not contain 'metadata.version'");
  }
  SupportedFeatures all = features;
  for (const auto& [name, level] : image.features.finalized)
    all.try_emplace(name, metadata::FeatureRange{0, 0});
  for (const auto& [name, range] : all) {
    const int16_t level = image.features.Level(name);
    if (level >= range.min && level <= range.max) continue;
    return ApiError(
        ErrorCode::kUnsupportedVersion,
        fmt::format("Unable to register because the broker does not support finalized version {} of {}. "
                    "The broker wants a version between {} and {}, inclusive.",
                    level, name, range.min, range.max));
  }
  return ApiError();
}

// The broker of this very node, with a directory that was its own before, holds the lock of that directory:
// who was registered is gone for certain, so it need not wait for the end of a session.
bool IsRestartOfOurs(const DecisionContext& context, const kafka::BrokerRegistrationRequest& request,
                     const BrokerRegistration& existing) {
  if (existing.id != context.config.node_id) return false;
  return existing.log_dirs.empty() ||
         std::any_of(existing.log_dirs.begin(), existing.log_dirs.end(), [&](const DirectoryId& dir) {
           return std::find(request.log_dirs.begin(), request.log_dirs.end(), dir) != request.log_dirs.end();
         });
}

ApiError CheckRegistration(const DecisionContext& context, const BrokerHeartbeats& heartbeats,
                           const kafka::BrokerRegistrationRequest& request,
                           const BrokerRegistration* existing) {
  if (request.cluster_id.view() != context.config.cluster_id) {
    return ApiError(ErrorCode::kInconsistentClusterId,
                    fmt::format("Expected cluster ID {}, but got cluster ID {}", context.config.cluster_id,
                                request.cluster_id.view()));
  }
  if (existing != nullptr && existing->incarnation_id != request.incarnation_id &&
      !IsRestartOfOurs(context, request, *existing) &&
      heartbeats.HasValidSession(existing->id, context.now_ms)) {
    return ApiError(
        ErrorCode::kDuplicateBrokerRegistration,
        "Another broker is registered with that broker id. If the broker was recently restarted this "
        "should self-resolve once the heartbeat manager expires the broker's session.");
  }
  if (request.is_migrating_zk_broker) {
    return ApiError(ErrorCode::kBrokerIdNotRegistered, "Controller does not support registering ZK brokers.");
  }
  if (context.metadata_version() >= kDirectoryAssignment) {
    DOHLE_RETURN_IF_API_ERROR(CheckDirectories(context.image, request));
  }
  return CheckFeatures(context.image, metadata::ToFeatures(request.features));
}

// What the broker's previous incarnation left behind. False: there is more.
bool AppendShutdown(const DecisionContext& context, NodeId broker, bool clean, RecordList* records) {
  BrokerChange change;
  if (context.image.features.elr_enabled() && !clean) {
    change.stopped_uncleanly = broker;
    return AppendLeaderAndIsrUpdates(context, change, Concerned::kInIsr, broker, records) &&
           AppendLeaderAndIsrUpdates(context, change, Concerned::kInElr, broker, records);
  }
  change.removed = broker;
  return AppendLeaderAndIsrUpdates(context, change, Concerned::kInIsr, broker, records);
}

VersionedRecord FencingRecord(const BrokerRegistration& broker, bool fence) {
  kafka::BrokerRegistrationChangeRecord record;
  record.broker_id = broker.id.value();
  record.broker_epoch = broker.epoch.value();
  record.fenced = fence ? 1 : -1;
  return {std::move(record), 0};
}

enum class State { kFenced, kUnfenced, kControlledShutdown, kShutdownNow };

State CurrentState(const BrokerRegistration& broker) {
  if (broker.fenced) return State::kFenced;
  return broker.in_controlled_shutdown ? State::kControlledShutdown : State::kUnfenced;
}

State NextState(const DecisionContext& context, const BrokerHeartbeats& heartbeats,
                const BrokerRegistration& broker, Offset registration_offset,
                const kafka::BrokerHeartbeatRequest& request) {
  switch (CurrentState(broker)) {
    case State::kFenced:
      if (request.want_shut_down) return State::kShutdownNow;
      if (request.want_fence) return State::kFenced;
      return Offset(request.current_metadata_offset) >= registration_offset ? State::kUnfenced
                                                                            : State::kFenced;
    case State::kUnfenced:
      if (request.want_fence) return request.want_shut_down ? State::kShutdownNow : State::kFenced;
      if (!request.want_shut_down) return State::kUnfenced;
      return LeadsAny(context.image, broker.id) ? State::kControlledShutdown : State::kShutdownNow;
    case State::kControlledShutdown:
    case State::kShutdownNow:
      break;
  }
  if (LeadsAny(context.image, broker.id)) return State::kControlledShutdown;
  return heartbeats.MovesSeenByAll(context.image, broker.id) ? State::kShutdownNow
                                                             : State::kControlledShutdown;
}

bool AppendControlledShutdown(const DecisionContext& context, const BrokerRegistration& broker,
                              RecordList* records) {
  if (!broker.in_controlled_shutdown) {
    kafka::BrokerRegistrationChangeRecord record;
    record.broker_id = broker.id.value();
    record.broker_epoch = broker.epoch.value();
    record.in_controlled_shutdown = 1;
    records->push_back({std::move(record), 1});
  }
  BrokerChange change;
  change.removed = broker.id;
  return AppendLeaderAndIsrUpdates(context, change, Concerned::kInIsr, broker.id, records);
}

bool AppendUnfencing(const DecisionContext& context, const BrokerRegistration& broker, RecordList* records) {
  records->push_back(FencingRecord(broker, false));
  BrokerChange change;
  change.added = broker.id;
  return AppendLeaderAndIsrUpdates(context, change, Concerned::kLeaderless, broker.id, records);
}

// Directories that failed: their replicas leave the ISRs (KIP-858).
bool AppendOfflineDirectories(const DecisionContext& context, const BrokerRegistration& broker,
                              const std::vector<DirectoryId>& offline, RecordList* records) {
  std::vector<DirectoryId> online;
  for (const DirectoryId& dir : broker.log_dirs) {
    if (std::find(offline.begin(), offline.end(), dir) == offline.end()) online.push_back(dir);
  }
  if (online.size() == broker.log_dirs.size()) return true;
  BrokerChange change;
  change.removed = broker.id;
  for (const auto& [id, topic] : context.image.topics.by_id) {
    std::optional<TopicRules> rules;
    for (const auto& [index, partition] : topic.partitions) {
      const DirectoryId dir = partition.DirectoryOf(broker.id);
      if (!partition.HasReplica(broker.id) || dir == kUnassignedDirectory ||
          std::find(offline.begin(), offline.end(), dir) == offline.end()) {
        continue;
      }
      if (records->size() >= kMaxRecordsPerBatch) return false;
      if (!rules.has_value()) rules = RulesOf(context, topic);
      AppendLeaderAndIsrUpdate(context, change, *rules, id, index, partition, records);
    }
  }
  kafka::BrokerRegistrationChangeRecord record;
  record.broker_id = broker.id.value();
  record.broker_epoch = broker.epoch.value();
  record.log_dirs = std::move(online);
  records->push_back({std::move(record), 2});
  return true;
}

void AppendCordonedDirectories(const BrokerRegistration& broker, const std::vector<DirectoryId>& cordoned,
                               RecordList* records) {
  const auto sorted = [](std::vector<DirectoryId> ids) {
    std::sort(ids.begin(), ids.end());
    return ids;
  };
  if (broker.cordoned_log_dirs.has_value() && sorted(*broker.cordoned_log_dirs) == sorted(cordoned)) return;
  kafka::BrokerRegistrationChangeRecord record;
  record.broker_id = broker.id.value();
  record.broker_epoch = broker.epoch.value();
  record.cordoned_log_dirs = cordoned;
  records->push_back({std::move(record), 3});
}

void AppendTransition(const DecisionContext& context, const BrokerRegistration& broker, State next,
                      HeartbeatDecision* decision) {
  // In controlled shutdown it goes on until the last leader has moved.
  if (next == CurrentState(broker) && next != State::kControlledShutdown) return;
  switch (next) {
    case State::kFenced:
    case State::kShutdownNow:
      if (!broker.fenced) decision->more = !FenceBroker(context, broker.id, &decision->records);
      break;
    case State::kUnfenced:
      decision->leaderless_left = !AppendUnfencing(context, broker, &decision->records);
      break;
    case State::kControlledShutdown:
      decision->more = !AppendControlledShutdown(context, broker, &decision->records);
      decision->moves_leaders = !decision->records.empty();
      break;
  }
}

}  // namespace

// ---- heartbeats

void BrokerHeartbeats::Reset(const MetadataImage& image, int64_t now_ms) {
  brokers_.clear();
  for (const auto& [id, broker] : image.cluster.brokers) {
    if (!broker.fenced) brokers_[id].last_contact_ms = now_ms;
  }
}

void BrokerHeartbeats::Register(NodeId broker, bool new_incarnation) {
  if (new_incarnation) brokers_.erase(broker);
}

void BrokerHeartbeats::Touch(NodeId broker, int64_t metadata_offset, int64_t now_ms) {
  State& state = brokers_[broker];
  state.last_contact_ms = now_ms;
  state.metadata_offset = metadata_offset;
}

void BrokerHeartbeats::EndSession(NodeId broker) {
  if (const auto found = brokers_.find(broker); found != brokers_.end()) {
    found->second.last_contact_ms.reset();
  }
}

bool BrokerHeartbeats::HasValidSession(NodeId broker, int64_t now_ms) const {
  const auto found = brokers_.find(broker);
  return found != brokers_.end() && found->second.last_contact_ms.has_value() &&
         now_ms < *found->second.last_contact_ms + session_timeout_ms_;
}

std::vector<NodeId> BrokerHeartbeats::Stale(const MetadataImage& image, int64_t now_ms) const {
  std::vector<NodeId> stale;
  for (const auto& [id, broker] : image.cluster.brokers) {
    if (!broker.fenced && !HasValidSession(id, now_ms)) stale.push_back(id);
  }
  return stale;
}

std::optional<int64_t> BrokerHeartbeats::NextStaleMs(const MetadataImage& image) const {
  std::optional<int64_t> next;
  for (const auto& [id, state] : brokers_) {
    const BrokerRegistration* broker = image.cluster.Broker(id);
    if (broker == nullptr || broker->fenced || !state.last_contact_ms.has_value()) continue;
    const int64_t stale_ms = *state.last_contact_ms + session_timeout_ms_;
    next = std::min(next.value_or(stale_ms), stale_ms);
  }
  return next;
}

void BrokerHeartbeats::MovedLeaders(NodeId broker, Offset offset) { brokers_[broker].moved_offset = offset; }

bool BrokerHeartbeats::MovesSeenByAll(const MetadataImage& image, NodeId broker) const {
  const auto found = brokers_.find(broker);
  if (found == brokers_.end() || !found->second.moved_offset.has_value()) return true;
  return std::all_of(brokers_.begin(), brokers_.end(), [&](const auto& entry) {
    return entry.first == broker || !image.cluster.IsActive(entry.first) ||
           entry.second.metadata_offset >= found->second.moved_offset->value();
  });
}

// ---- decisions

Decision<kafka::BrokerRegistrationResponse> RegisterBroker(const DecisionContext& context,
                                                           const BrokerHeartbeats& heartbeats,
                                                           const kafka::BrokerRegistrationRequest& request) {
  Decision<kafka::BrokerRegistrationResponse> decision;
  const NodeId id(request.broker_id);
  const BrokerRegistration* existing = context.image.cluster.Broker(id);
  const ApiError error = CheckRegistration(context, heartbeats, request, existing);
  if (!error.ok()) {
    // The response has no place for the message.
    log::Warning("controller", "refused the registration of broker {}: {} ({})", id.value(), Name(error.code),
                 error.message.value_or(""));
    decision.response.error_code = kafka::ToCode(error.code);
    return decision;
  }
  BrokerRegistration broker;
  broker.id = id;
  broker.incarnation_id = request.incarnation_id;
  broker.endpoints = metadata::ToEndpoints(request.listeners);
  broker.features = metadata::ToFeatures(request.features);
  if (request.rack.has_value()) broker.rack = std::string(request.rack->view());
  if (context.metadata_version() >= kDirectoryAssignment) broker.log_dirs = request.log_dirs;
  if (existing != nullptr && existing->incarnation_id == request.incarnation_id) {
    broker.fenced = existing->fenced;
    broker.in_controlled_shutdown = existing->in_controlled_shutdown;
    broker.epoch = existing->epoch;
  } else {
    const bool clean = existing == nullptr || existing->epoch == BrokerEpoch(request.previous_broker_epoch) ||
                       !g_rules.unclean_stop_counts;
    decision.more = !AppendShutdown(context, id, clean, &decision.records);
    if (decision.more) return decision;
    broker.epoch = BrokerEpoch(context.next_offset.value());
    AppendEndOfPermit(context.image, id, &decision.records);
  }
  decision.response.broker_epoch = broker.epoch.value();
  decision.records.push_back(metadata::ToRecord(broker, context.metadata_version()));
  return decision;
}

HeartbeatDecision DecideHeartbeat(const DecisionContext& context, const BrokerHeartbeats& heartbeats,
                                  Offset registration_offset, const kafka::BrokerHeartbeatRequest& request) {
  HeartbeatDecision decision;
  const NodeId id(request.broker_id);
  const ApiError stale = CheckBrokerEpoch(context.image, id, BrokerEpoch(request.broker_epoch));
  if (!stale.ok()) {
    decision.response.error_code = kafka::ToCode(stale.code);
    return decision;
  }
  const BrokerRegistration& broker = *context.image.cluster.Broker(id);
  const State next = NextState(context, heartbeats, broker, registration_offset, request);
  AppendTransition(context, broker, next, &decision);
  RecordList* records = &decision.records;
  if (!decision.more && context.metadata_version() >= kDirectoryAssignment) {
    decision.more = !AppendOfflineDirectories(context, broker, request.offline_log_dirs, records);
  }
  if (!decision.more && context.metadata_version() >= kCordonedLogDirs &&
      request.cordoned_log_dirs.has_value()) {
    AppendCordonedDirectories(broker, *request.cordoned_log_dirs, records);
  }
  decision.response.is_caught_up = Offset(request.current_metadata_offset) >= registration_offset;
  decision.response.is_fenced = next == State::kFenced || next == State::kShutdownNow;
  decision.response.should_shut_down = next == State::kShutdownNow;
  return decision;
}

bool FenceBroker(const DecisionContext& context, NodeId id, RecordList* records) {
  const BrokerRegistration* broker = context.image.cluster.Broker(id);
  if (broker == nullptr) return true;
  BrokerChange change;
  change.removed = id;
  if (!AppendLeaderAndIsrUpdates(context, change, Concerned::kInIsr, id, records)) return false;
  records->push_back(FencingRecord(*broker, true));
  return true;
}

Decision<kafka::UnregisterBrokerResponse> UnregisterBroker(const DecisionContext& context, NodeId id) {
  Decision<kafka::UnregisterBrokerResponse> decision;
  const BrokerRegistration* broker = context.image.cluster.Broker(id);
  if (broker == nullptr) {
    const ApiError error(ErrorCode::kBrokerIdNotRegistered,
                         fmt::format("Broker ID {} is not currently registered", id.value()));
    SetError(error, &decision.response);
    return decision;
  }
  SetError(ApiError(), &decision.response);
  BrokerChange change;
  change.removed = id;
  decision.more = !AppendLeaderAndIsrUpdates(context, change, Concerned::kInIsr, id, &decision.records) ||
                  !AppendLeaderAndIsrUpdates(context, change, Concerned::kInElr, id, &decision.records);
  if (decision.more) return decision;
  AppendEndOfPermit(context.image, id, &decision.records);
  kafka::UnregisterBrokerRecord record;
  record.broker_id = id.value();
  record.broker_epoch = broker->epoch.value();
  decision.records.push_back({std::move(record), 0});
  return decision;
}

std::optional<kafka::ControllerRegistrationRequest> NeededRegistration(const MetadataImage& image,
                                                                       const ControllerConfig& config) {
  if (image.features.metadata_version() < kControllerRegistration) return std::nullopt;
  const metadata::ControllerRegistration* registered = image.cluster.controllers.Find(config.node_id);
  if (registered != nullptr && registered->incarnation_id == config.incarnation_id &&
      registered->endpoints == config.endpoints &&
      registered->features == metadata::BrokerSupportedFeatures()) {
    return std::nullopt;
  }
  kafka::ControllerRegistrationRequest request;
  request.controller_id = config.node_id.value();
  request.incarnation_id = config.incarnation_id;
  for (const metadata::ListenerEndpoint& endpoint : config.endpoints) {
    auto& listener = request.listeners.emplace_back();
    listener.name = std::string(endpoint.name);
    listener.host = std::string(endpoint.host);
    listener.port = endpoint.port;
    listener.security_protocol = endpoint.security_protocol;
  }
  for (const auto& [name, range] : metadata::BrokerSupportedFeatures()) {
    auto& feature = request.features.emplace_back();
    feature.name = std::string(name);
    feature.min_supported_version = range.min;
    feature.max_supported_version = range.max;
  }
  return request;
}

ApiError RegisterController(const DecisionContext& context,
                            const kafka::ControllerRegistrationRequest& request, RecordList* records) {
  if (context.metadata_version() < kControllerRegistration) {
    return ApiError(ErrorCode::kUnsupportedVersion,
                    "The current MetadataVersion is too old to support controller registrations.");
  }
  kafka::RegisterControllerRecord record;
  record.controller_id = request.controller_id;
  record.incarnation_id = request.incarnation_id;
  for (const auto& listener : request.listeners) {
    auto& endpoint = record.end_points.emplace_back();
    endpoint.name = listener.name;
    endpoint.host = listener.host;
    endpoint.port = listener.port;
    endpoint.security_protocol = listener.security_protocol;
  }
  for (const auto& supported : request.features) {
    auto& feature = record.features.emplace_back();
    feature.name = supported.name;
    feature.min_supported_version = supported.min_supported_version;
    feature.max_supported_version = supported.max_supported_version;
  }
  records->push_back({std::move(record), 0});
  return ApiError();
}

ApiError CheckBrokerEpoch(const MetadataImage& image, NodeId id, BrokerEpoch epoch) {
  const BrokerRegistration* broker = image.cluster.Broker(id);
  if (broker == nullptr) {
    return ApiError(ErrorCode::kStaleBrokerEpoch,
                    fmt::format("No broker registration found for broker id {}", id.value()));
  }
  if (broker->epoch == epoch) return ApiError();
  return ApiError(
      ErrorCode::kStaleBrokerEpoch,
      fmt::format("Expected broker epoch {}, but got broker epoch {}", broker->epoch.value(), epoch.value()));
}

}  // namespace dohle::controller
