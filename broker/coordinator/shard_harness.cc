#include "broker/coordinator/shard_harness.h"

#include <algorithm>
#include <regex>
#include <utility>

#include "broker/coordinator/shard_text.h"
#include "lib/base/check.h"

namespace dohle::coordinator {
namespace {

using kafka::ErrorCode;

template <typename Arguments>
std::string Get(const Arguments& arguments, std::string_view key, std::string_view otherwise = "") {
  const auto found = arguments.find(key);
  return found == arguments.end() ? std::string(otherwise) : found->second;
}

std::string OffsetLines(const std::string& dump) {
  std::string result;
  for (const std::string& line : Split(dump, '\n')) {
    if (line.rfind("group ", 0) == 0 || line.rfind("  offset ", 0) == 0) result += line + "\n";
  }
  return result;
}

// "orders-3" to its topic's name and id, and the partition.
struct Place {
  std::string topic;
  Uuid id;
  int32_t partition;
};

Place ParsePlace(std::string_view text) {
  const size_t dash = text.rfind('-');
  DOHLE_CHECK(dash != std::string_view::npos);
  const std::string topic(text.substr(0, dash));
  return {topic, Uuid(1, std::hash<std::string>()(topic)),
          static_cast<int32_t>(Number(text.substr(dash + 1)))};
}

}  // namespace

ShardHarness::ShardHarness(const GroupConfig& with_config) : config_(with_config) {
  shard_ = Load();
  Apply(shard_->OnLoaded(now_));
}

std::unique_ptr<GroupShard> ShardHarness::Load() {
  auto shard = std::make_unique<GroupShard>(config_, random_);
  shard->StartLoading(now_);
  for (const Logged& logged : log_) {
    std::optional<std::string_view> value;
    if (logged.record.value) value = *logged.record.value;
    DOHLE_CHECK(shard->Replay(Offset(logged.offset), kNoProducerId, logged.record.key, value).ok());
  }
  return shard;
}

std::string ShardHarness::CompareWithReplay(bool offsets_only) {
  const std::unique_ptr<GroupShard> loaded = Load();
  loaded->OnLoaded(now_);
  std::string running = shard_->DumpDurable();
  std::string replayed = loaded->DumpDurable();
  if (offsets_only) {
    running = OffsetLines(running);
    replayed = OffsetLines(replayed);
    return running == replayed ? "" : "running:\n" + running + "replayed:\n" + replayed;
  }
  for (const std::string& id : shard_->GroupIds()) {
    bool between = false;
    shard_->Visit(id, [&between](const GroupView& view) {
      between = !view.group.Is(GroupState::kStable) && !view.group.Is(GroupState::kEmpty);
    });
    if (!between) continue;
    // Its last generation is what is durable: take it out of the replayed state.
    static const std::regex kGeneration("\n  (Stable|Empty) generation=[^\n]*(\n  member [^\n]*)*");
    const size_t at = replayed.find("group " + id + " classic\n");
    if (at == std::string::npos) continue;
    const size_t end = std::min(replayed.find("\ngroup ", at), replayed.size());
    const std::string part = std::regex_replace(replayed.substr(at, end - at), kGeneration, "");
    replayed = replayed.substr(0, at) + part + replayed.substr(end);
  }
  if (running == replayed) return "";
  return "running:\n" + Shorten(running) + "replayed:\n" + Shorten(replayed);
}

void ShardHarness::Line(std::string text) { output_ += Shorten(std::move(text)) + "\n"; }

std::string ShardHarness::Run(std::string_view command) {
  output_.clear();
  const std::vector<std::string> words = Split(command, ' ');
  DOHLE_CHECK(!words.empty());
  Arguments arguments;
  for (size_t i = 1; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    if (equals == std::string::npos) {
      arguments[words[i]] = "";
    } else {
      arguments[words[i].substr(0, equals)] = Lengthen(words[i].substr(equals + 1));
    }
  }
  Dispatch(words[0], arguments);
  return std::exchange(output_, {});
}

void ShardHarness::Dispatch(std::string_view name, const Arguments& arguments) {
  if (name == "join") return Join(arguments);
  if (name == "sync") return Sync(arguments);
  if (name == "heartbeat") return Heartbeat(arguments);
  if (name == "leave") return Leave(arguments);
  if (name == "commit") return CommitOffsets(arguments);
  if (name == "fetch") return Fetch(arguments);
  if (name == "delete-offsets") return DeleteOffsets(arguments);
  if (name == "describe") return Describe(arguments);
  if (name == "list") return List(arguments);
  if (name == "advance") return Advance(Number(Get(arguments, "ms")));
  if (name == "expire") return Apply(shard_->Expire(now_));
  if (name == "reload") return Reload();
  if (name == "delete-groups") {
    const Call call = NewCall(arguments, "delete-groups");
    const std::vector<std::string> ids = Split(Get(arguments, "groups"), ',');
    return Apply(shard_->DeleteGroups(call, std::vector<std::string_view>(ids.begin(), ids.end()), now_));
  }
  if (name == "delete-topic") {
    const Place place = ParsePlace(Get(arguments, "topic") + "-0");
    return Apply(shard_->OnTopicsDeleted({{place.id, place.topic}}, now_));
  }
  if (name == "hold") {
    hold_ = true;
    return;
  }
  if (name == "commit-writes") return CommitHeld();
  if (name == "fail-writes") return FailHeld(static_cast<ErrorCode>(Number(Get(arguments, "code", "19"))));
  if (name == "state") {
    output_ = Shorten(shard_->DumpDurable());
    return;
  }
  DOHLE_CHECK(!"unknown command");
}

Call ShardHarness::NewCall(const Arguments& arguments, std::string_view kind) {
  client_ = Get(arguments, "client", "c");
  const RequestId id = ++last_request_;
  names_[id] = Get(arguments, "as", kind);
  Call call;
  call.id = id;
  call.version = static_cast<int16_t>(Number(Get(arguments, "version", "9")));
  call.client_id = client_;
  call.client_host = "/127.0.0.1";
  return call;
}

void ShardHarness::Join(const Arguments& arguments) {
  const Call call = NewCall(arguments, "join");
  kafka::JoinGroupRequest request;
  request.group_id = Own(Get(arguments, "group", "g"));
  request.member_id = Own(Get(arguments, "member"));
  request.session_timeout_ms = static_cast<int32_t>(Number(Get(arguments, "session", "10000")));
  request.rebalance_timeout_ms = static_cast<int32_t>(Number(Get(arguments, "rebalance", "60000")));
  request.protocol_type = Own(Get(arguments, "type", "consumer"));
  if (arguments.contains("instance")) request.group_instance_id = Own(Get(arguments, "instance"));
  for (const std::string& protocol : Split(Get(arguments, "protocols", "range:t"), ',')) {
    const std::vector<std::string> parts = Split(protocol, ':');
    auto& offered = request.protocols.emplace_back();
    offered.name = Own(parts[0]);
    offered.metadata = Own(Subscription(parts.size() > 1 ? parts[1] : ""));
  }
  Apply(shard_->Join(call, request, now_));
}

void ShardHarness::Sync(const Arguments& arguments) {
  const Call call = NewCall(arguments, "sync");
  kafka::SyncGroupRequest request;
  request.group_id = Own(Get(arguments, "group", "g"));
  request.member_id = Own(Get(arguments, "member"));
  request.generation_id = static_cast<int32_t>(Number(Get(arguments, "generation")));
  if (arguments.contains("instance")) request.group_instance_id = Own(Get(arguments, "instance"));
  if (arguments.contains("type")) request.protocol_type = Own(Get(arguments, "type"));
  if (arguments.contains("protocol")) request.protocol_name = Own(Get(arguments, "protocol"));
  for (const std::string& assignment : Split(Get(arguments, "assign"), ',')) {
    const std::vector<std::string> parts = Split(assignment, ':');
    auto& assigned = request.assignments.emplace_back();
    assigned.member_id = Own(parts[0]);
    assigned.assignment = Own(parts[1]);
  }
  Apply(shard_->Sync(call, request, now_));
}

void ShardHarness::Heartbeat(const Arguments& arguments) {
  const Call call = NewCall(arguments, "heartbeat");
  kafka::HeartbeatRequest request;
  request.group_id = Own(Get(arguments, "group", "g"));
  request.member_id = Own(Get(arguments, "member"));
  request.generation_id = static_cast<int32_t>(Number(Get(arguments, "generation")));
  if (arguments.contains("instance")) request.group_instance_id = Own(Get(arguments, "instance"));
  Apply(shard_->Heartbeat(call, request, now_));
}

void ShardHarness::Leave(const Arguments& arguments) {
  const Call call = NewCall(arguments, "leave");
  kafka::LeaveGroupRequest request;
  request.group_id = Own(Get(arguments, "group", "g"));
  for (const std::string& member : Split(Get(arguments, "members"), ',')) {
    request.members.emplace_back().member_id = Own(member);
  }
  for (const std::string& instance : Split(Get(arguments, "instances"), ',')) {
    request.members.emplace_back().group_instance_id = Own(instance);
  }
  Apply(shard_->Leave(call, request, now_));
}

void ShardHarness::CommitOffsets(const Arguments& arguments) {
  const Call call = NewCall(arguments, "commit");
  kafka::OffsetCommitRequest request;
  request.group_id = Own(Get(arguments, "group", "g"));
  request.member_id = Own(Get(arguments, "member"));
  request.generation_id_or_member_epoch = static_cast<int32_t>(Number(Get(arguments, "generation", "-1")));
  request.retention_time_ms = Number(Get(arguments, "retention", "-1"));
  if (arguments.contains("instance")) request.group_instance_id = Own(Get(arguments, "instance"));
  for (const std::string& offset : Split(Get(arguments, "offsets"), ',')) {
    const std::vector<std::string> parts = Split(offset, ':');
    const Place place = ParsePlace(parts[0]);
    if (request.topics.empty() || request.topics.back().name.view() != place.topic) {
      request.topics.emplace_back().name = Own(place.topic);
      request.topics.back().topic_id = place.id;
    }
    auto& partition = request.topics.back().partitions.emplace_back();
    partition.partition_index = place.partition;
    partition.committed_offset = Number(parts[1]);
    partition.committed_metadata = Own(Get(arguments, "metadata"));
  }
  Apply(shard_->Commit(call, request, now_));
}

void ShardHarness::Fetch(const Arguments& arguments) {
  const Call call = NewCall(arguments, "fetch");
  FetchGroupRequest request;
  request.group_id = Own(Get(arguments, "group", "g"));
  if (!arguments.contains("of")) request.topics.reset();
  for (const std::string& text : Split(Get(arguments, "of"), ',')) {
    const Place place = ParsePlace(text);
    auto& topic = request.topics->emplace_back();
    topic.name = Own(place.topic);
    topic.topic_id = place.id;
    topic.partition_indexes.push_back(place.partition);
  }
  Apply(shard_->Fetch(call, request, arguments.contains("stable"), now_));
}

void ShardHarness::DeleteOffsets(const Arguments& arguments) {
  const Call call = NewCall(arguments, "delete-offsets");
  kafka::OffsetDeleteRequest request;
  request.group_id = Own(Get(arguments, "group", "g"));
  for (const std::string& text : Split(Get(arguments, "of"), ',')) {
    const Place place = ParsePlace(text);
    auto& topic = request.topics.emplace_back();
    topic.name = Own(place.topic);
    topic.partitions.emplace_back().partition_index = place.partition;
  }
  Apply(shard_->Delete(call, request, now_));
}

void ShardHarness::Describe(const Arguments& arguments) {
  const auto group = shard_->Describe(Get(arguments, "group", "g"),
                                      static_cast<int16_t>(Number(Get(arguments, "version", "6"))));
  Line(fmt::format("{} {} state={} type={} protocol={} message={}", group.group_id.view(),
                   ErrorText(group.error_code), group.group_state.view(), group.protocol_type.view(),
                   group.protocol_data.view(), Show(group.error_message)));
  for (const auto& member : group.members) {
    Line(fmt::format("  {} instance={} client={}@{} metadata={} assignment={}", member.member_id.view(),
                     Show(member.group_instance_id), member.client_id.view(), member.client_host.view(),
                     ShowMetadata(member.member_metadata), member.member_assignment.view()));
  }
}

void ShardHarness::List(const Arguments& arguments) {
  kafka::ListGroupsRequest request;
  for (const std::string& state : Split(Get(arguments, "states"), ','))
    request.states_filter.push_back(Own(state));
  for (const std::string& type : Split(Get(arguments, "types"), ','))
    request.types_filter.push_back(Own(type));
  std::vector<kafka::ListGroupsResponse::ListedGroup> groups;
  shard_->List(request, &groups);
  std::vector<std::string> lines;
  for (const auto& group : groups) {
    lines.push_back(fmt::format("{} {} {} {}", group.group_id.view(), group.protocol_type.view(),
                                group.group_state.view(), group.group_type.view()));
  }
  std::sort(lines.begin(), lines.end());
  for (std::string& line : lines) Line(std::move(line));
}

void ShardHarness::Advance(int64_t ms) {
  const env::MonotonicTime target = now_.monotonic + absl::Milliseconds(ms);
  while (shard_->NextDeadline() <= target) {
    const env::MonotonicTime next = std::max(shard_->NextDeadline(), now_.monotonic);
    now_.wall_ms += absl::ToInt64Milliseconds(next - now_.monotonic);
    now_.monotonic = next;
    Apply(shard_->Advance(now_));
  }
  now_.wall_ms += absl::ToInt64Milliseconds(target - now_.monotonic);
  now_.monotonic = target;
}

void ShardHarness::Reload() {
  Apply(shard_->OnUnloaded());
  held_.clear();
  hold_ = false;
  shard_ = Load();
  Apply(shard_->OnLoaded(now_));
}

void ShardHarness::Apply(Effects effects) {
  for (const Reply& reply : effects.replies) Print(reply);
  for (Write& write : effects.writes) {
    Print(write);
    held_.push_back(std::move(write));
  }
  if (!hold_) CommitHeld();
}

void ShardHarness::CommitHeld() {
  hold_ = false;
  while (!held_.empty()) {
    const Write write = std::move(held_.front());
    held_.pop_front();
    const Offset base(static_cast<int64_t>(log_.size()));
    for (const Record& record : write.records) AppendToLog(record);
    Apply(shard_->OnWritten(write.position, base, now_));
  }
}

void ShardHarness::FailHeld(ErrorCode error) {
  hold_ = false;
  held_.clear();
  Apply(shard_->OnWriteFailed(error, now_));
}

void ShardHarness::Print(const Write& write) {
  for (const Record& record : write.records) Line("  > " + ShowRecord(record));
}

void ShardHarness::Print(const Reply& reply) {
  const auto name = names_.find(reply.request);
  if (name == names_.end()) return;
  Line(name->second + ": " + ShowResponse(reply.response));
  names_.erase(name);
}

}  // namespace dohle::coordinator
