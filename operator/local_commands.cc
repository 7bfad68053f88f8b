#include "operator/local_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "lib/base/text_list.h"
#include "lib/env/sleep.h"
#include "lib/http/http_client.h"
#include "lib/kafka/client/admin.h"
#include "operator/k8s/object.h"
#include "operator/local/kinds.h"
#include "operator/local/manifest_directory.h"
#include "operator/local/yaml_document.h"
#include "operator/local_mode.h"

namespace dohle {
namespace {

using k8s::FindString;
using k8s::Json;

constexpr size_t kMaxObjectsBytes = size_t{256} << 20;
constexpr absl::Duration kCheckPatience = absl::Seconds(30);
constexpr absl::Duration kCheckInterval = absl::Milliseconds(200);

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// "topic", "Topic", "topics": all mean Topic.
StatusOr<std::string> KindCalled(const std::string& word) {
  for (const local::Kind& kind : local::AllKinds()) {
    if (Lower(word) == Lower(std::string(kind.resource.kind)) || Lower(word) == kind.resource.plural) {
      return std::string(kind.resource.kind);
    }
  }
  return MakeStatus(StatusCode::kInvalidArgument,
                    "there is no kind {}: clusters, topics, pods, services, events, ...", word);
}

StatusOr<env::Endpoint> ParseEndpoint(const std::string& text) {
  DOHLE_ASSIGN_OR_RETURN(const auto endpoints, kafka::client::ParseBootstrapServers(text));
  return endpoints[0];
}

env::Task<StatusOr<Json>> ReadObjects(env::Env* env, std::string data_directory) {
  const StatusOr<std::string> address = env->file_system.ReadWhole(HttpAddressFile(data_directory));
  if (!address.ok()) {
    co_return MakeStatus(StatusCode::kUnavailable,
                         "no operator runs here: start one with `dohle-operator --local DIR`");
  }
  const StatusOr<env::Endpoint> endpoint = ParseEndpoint(*address);
  if (!endpoint.ok()) co_return endpoint.status();
  http::HttpGetOptions options;
  options.timeout = absl::Seconds(10);
  options.max_body_bytes = kMaxObjectsBytes;
  const StatusOr<http::HttpAnswer> answer =
      co_await http::HttpGet(env->transport, *env->executors[0], *endpoint, "/objects", options);
  if (!answer.ok()) {
    co_return MakeStatus(StatusCode::kUnavailable, "the operator at {} doesn't answer ({})", *address,
                         Message(answer.status()));
  }
  co_return k8s::ParseJson(answer->body);
}

std::string ReadyText(const Json& object) {
  const Json* conditions = k8s::Find(object, "status.conditions");
  if (conditions == nullptr || !conditions->is_array()) return "-";
  for (const Json& condition : *conditions) {
    if (FindString(condition, "type") == "Ready") return FindString(condition, "status");
  }
  return "-";
}

std::string ListText(const Json& objects, const std::string& kind, const std::string& name) {
  std::string text = fmt::format("{:<40} {:<8} {}\n", "NAME", "READY", "DETAILS");
  for (const Json& object : objects) {
    if (FindString(object, "kind") != kind) continue;
    const std::string own = FindString(object, "metadata.name");
    if (!name.empty() && own != name) continue;
    std::string details;
    if (kind == "Cluster") details = FindString(object, "status.phase");
    if (kind == "Topic") details = fmt::format("{} partitions", k8s::FindInt(object, "status.partitions", 0));
    if (kind == "Pod") details = FindString(object, "status.podIP");
    if (kind == "Event") {
      details = fmt::format("{} {}: {}", FindString(object, "regarding.name"), FindString(object, "reason"),
                            FindString(object, "note"));
    }
    text += fmt::format("{:<40} {:<8} {}\n", own, ReadyText(object), details);
  }
  return text;
}

StatusOr<std::string> Description(const Json& objects, const std::string& kind, const std::string& name) {
  std::string text;
  std::string events;
  for (const Json& object : objects) {
    if (FindString(object, "kind") == kind && FindString(object, "metadata.name") == name)
      text = object.dump(2);
    if (FindString(object, "kind") == "Event" && FindString(object, "regarding.kind") == kind &&
        FindString(object, "regarding.name") == name) {
      events += fmt::format("  {:<8} {:<24} {}\n", FindString(object, "type"), FindString(object, "reason"),
                            FindString(object, "note"));
    }
  }
  if (text.empty()) return MakeStatus(StatusCode::kNotFound, "there is no {} called {}", kind, name);
  return text + "\nEvents:\n" + (events.empty() ? "  none\n" : events);
}

StatusOr<std::string> Apply(env::FileSystem& files, const std::string& file, const std::string& directory) {
  DOHLE_ASSIGN_OR_RETURN(const std::string text, files.ReadWhole(file));
  std::vector<local::YamlDocument> documents;
  std::vector<local::YamlFault> faults;
  local::ParseYaml(text, &documents, &faults);
  if (!faults.empty()) {
    return MakeStatus(StatusCode::kInvalidArgument, "{}:{}: {}", file, faults[0].line, faults[0].sentence);
  }
  const size_t slash = file.rfind('/');
  const std::string name = slash == std::string::npos ? file : file.substr(slash + 1);
  if (!name.ends_with(".yaml") && !name.ends_with(".yml")) {
    return MakeStatus(StatusCode::kInvalidArgument, "{} isn't called .yaml or .yml", file);
  }
  DOHLE_RETURN_IF_ERROR(files.CreateDirectories(directory));
  DOHLE_RETURN_IF_ERROR(files.WriteWhole(env::JoinPath(directory, name), text));
  return fmt::format("{} resources are in {}\n", documents.size(), env::JoinPath(directory, name));
}

StatusOr<std::string> Delete(env::FileSystem& files, const std::string& kind, const std::string& name,
                             const std::string& directory) {
  DOHLE_ASSIGN_OR_RETURN(const auto entries, files.List(directory));
  for (const env::DirectoryEntry& entry : entries) {
    if (!entry.name.ends_with(".yaml") && !entry.name.ends_with(".yml")) continue;
    const std::string path = env::JoinPath(directory, entry.name);
    DOHLE_ASSIGN_OR_RETURN(const std::string text, files.ReadWhole(path));
    const StatusOr<std::string> rest = WithoutObject(text, kind, name);
    if (!rest.ok()) continue;
    DOHLE_RETURN_IF_ERROR(files.WriteWhole(path, *rest));
    return fmt::format("{} {} is taken out of {}\n", kind, name, path);
  }
  return MakeStatus(StatusCode::kNotFound, "no file in {} describes a {} called {}", directory, kind, name);
}

// Asks once; OK is a line to print.
env::Task<StatusOr<std::string>> CheckReady(env::Env* env, env::Endpoint endpoint) {
  const http::HttpGetOptions options;
  const StatusOr<http::HttpAnswer> answer =
      co_await http::HttpGet(env->transport, *env->executors[0], endpoint, "/readyz", options);
  if (!answer.ok()) co_return answer.status();
  if (answer->status != 200) {
    co_return MakeStatus(StatusCode::kUnavailable, "{} says {}: {}", ToString(endpoint), answer->status,
                         answer->body);
  }
  co_return fmt::format("{} is ready\n", ToString(endpoint));
}

env::Task<StatusOr<std::string>> CheckTopics(kafka::client::Admin* admin, std::string names) {
  const auto topics = co_await admin->ListTopics();
  if (!topics.ok()) co_return topics.status();
  std::vector<std::string_view> missing = NonEmptyParts(names);
  for (const auto& topic : *topics) {
    const bool led = std::all_of(topic.partitions.begin(), topic.partitions.end(),
                                 [](const auto& partition) { return partition.leader != kNoNode; });
    if (led) std::erase(missing, topic.name);
  }
  if (!missing.empty()) {
    co_return MakeStatus(StatusCode::kUnavailable, "{} isn't there, or has a partition without a leader",
                         missing[0]);
  }
  co_return fmt::format("{} topics are served\n", topics->size());
}

}  // namespace

StatusOr<std::string> WithoutObject(const std::string& text, const std::string& kind,
                                    const std::string& name) {
  std::vector<local::YamlDocument> documents;
  std::vector<local::YamlFault> faults;
  local::ParseYaml(text, &documents, &faults);
  const auto found =
      std::find_if(documents.begin(), documents.end(), [&](const local::YamlDocument& document) {
        return FindString(*document.value, "kind") == kind &&
               FindString(*document.value, "metadata.name") == name;
      });
  if (found == documents.end()) return MakeStatus(StatusCode::kNotFound, "not in here");
  // By lines: from the separator before it, or the start, to the separator behind it, or the end.
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size() - 1);
    lines.push_back(text.substr(begin, end + 1 - begin));
    begin = end + 1;
  }
  const auto separates = [&](size_t i) { return lines[i].starts_with("---"); };
  size_t first = static_cast<size_t>(found->line) - 1;
  while (first > 0 && !separates(first)) --first;
  size_t last = static_cast<size_t>(found->line);
  while (last < lines.size() && !separates(last)) ++last;
  std::string rest;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i < first || i >= last) rest += lines[i];
  }
  return rest;
}

env::Task<StatusOr<std::string>> RunLocalCommand(env::Env* env, OperatorCommand command,
                                                 std::string directory, std::string data_directory) {
  using Action = OperatorCommand::Action;
  if (command.action == Action::kApply) co_return Apply(env->file_system, command.file, directory);
  const StatusOr<std::string> kind = KindCalled(command.kind);
  if (!kind.ok()) co_return kind.status();
  if (command.action == Action::kDelete) co_return Delete(env->file_system, *kind, command.name, directory);
  const StatusOr<Json> objects = co_await ReadObjects(env, data_directory);
  if (!objects.ok()) co_return objects.status();
  if (command.action == Action::kGet) co_return ListText(*objects, *kind, command.name);
  co_return Description(*objects, *kind, command.name);
}

env::Task<StatusOr<std::string>> RunCheck(env::Env* env, OperatorCommand command) {
  const bool ready = !command.check_ready.empty();
  const StatusOr<env::Endpoint> endpoint =
      ParseEndpoint(ready ? command.check_ready : command.check_bootstrap);
  if (!endpoint.ok()) co_return endpoint.status();
  std::vector<env::Endpoint> bootstrap = {*endpoint};
  kafka::client::ClusterClient client(env->transport, *env->executors[0], std::move(bootstrap), {});
  kafka::client::Admin admin(client);
  const env::MonotonicTime deadline = env->clock.Now() + kCheckPatience;
  StatusOr<std::string> line = MakeStatus(StatusCode::kUnavailable, "not asked");
  while (!line.ok() && env->clock.Now() < deadline) {
    if (ready) {
      line = co_await CheckReady(env, *endpoint);
    } else {
      line = co_await CheckTopics(&admin, command.check_topics);
    }
    if (!line.ok()) co_await env::Sleep(kCheckInterval);
  }
  co_return line;
}

}  // namespace dohle
