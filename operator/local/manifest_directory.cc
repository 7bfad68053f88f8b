#include "operator/local/manifest_directory.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "lib/base/log.h"
#include "operator/k8s/object.h"
#include "operator/local/field_fault.h"

namespace dohle::local {
namespace {

using k8s::Json;

constexpr int kAppliesInTurn = 50;

bool IsManifest(const env::DirectoryEntry& entry) {
  const std::string& name = entry.name;
  return !entry.is_directory && !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

// The path that begins a message of the API, as in "metadata.name: Invalid value: ...".
std::string FieldAtBegin(std::string_view message) {
  const size_t colon = message.find(": ");
  if (colon == std::string_view::npos) return "";
  const std::string_view field = message.substr(0, colon);
  const bool is_path = field.starts_with("metadata.") || field.starts_with("spec.") || field == "spec";
  return is_path && field.find(' ') == std::string_view::npos ? std::string(field) : "";
}

// Whether trying again without a change may help.
bool MayPass(const Status& status) {
  return status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kDeadlineExceeded ||
         status.code() == StatusCode::kResourceExhausted;
}

}  // namespace

std::string ToString(const ManifestFault& fault) {
  return fmt::format("{}:{}: {}{}{}", fault.file, fault.line, fault.field, fault.field.empty() ? "" : ": ",
                     fault.sentence);
}

ManifestDirectory::ManifestDirectory(env::Env& env, k8s::Client& client, std::string directory,
                                     OnFaults on_faults, std::string ns)
    : env_(env),
      client_(client),
      directory_(std::move(directory)),
      on_faults_(std::move(on_faults)),
      namespace_(std::move(ns)) {}

StatusOr<std::pair<int64_t, uint64_t>> ManifestDirectory::SignatureOf(const std::string& path) const {
  DOHLE_ASSIGN_OR_RETURN(const int64_t modified_ms, env_.file_system.ModifiedTimeMs(path));
  DOHLE_ASSIGN_OR_RETURN(const std::unique_ptr<env::File> file,
                         env_.file_system.Open(path, env::OpenMode::kReadOnly));
  DOHLE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  return std::make_pair(modified_ms, size);
}

bool ManifestDirectory::Scan() {
  const StatusOr<std::vector<env::DirectoryEntry>> entries = env_.file_system.List(directory_);
  directory_fault_ = entries.ok() ? "" : std::string(Message(entries.status()));
  // What can't be listed is not empty.
  if (!entries.ok()) return false;
  bool changed = false;
  std::set<std::string> seen;
  for (const env::DirectoryEntry& entry : *entries) {
    if (!IsManifest(entry) || seen.size() == kMaxManifestFiles) continue;
    const auto signature = SignatureOf(env::JoinPath(directory_, entry.name));
    if (!signature.ok() && signature.status().code() == StatusCode::kNotFound) continue;
    seen.insert(entry.name);
    const auto known = files_.find(entry.name);
    const auto now = signature.ok() ? *signature : std::make_pair(int64_t{-1}, uint64_t{0});
    if (known != files_.end() && known->second.signature == now) continue;
    File file = ReadFile(entry.name);
    file.signature = now;
    if (known != files_.end()) KeepSettled(known->second, file);
    files_[entry.name] = std::move(file);
    changed = true;
  }
  changed |= std::erase_if(files_, [&](const auto& file) { return !seen.contains(file.first); }) > 0;
  if (changed) {
    FindDuplicates();
    vanished_to_delete_ = true;
  }
  return changed;
}

void ManifestDirectory::KeepSettled(const File& before, File& file) {
  std::map<Key, const Item*> known;
  for (const Item& item : before.items) {
    if (item.settled && item.faults.empty()) known.emplace(item.key, &item);
  }
  for (Item& item : file.items) {
    const auto found = known.find(item.key);
    if (found == known.end() || found->second->object != item.object) continue;
    item.settled = true;
    item.lines.clear();
  }
}

int ManifestDirectory::LineOf(const Item& item, const std::string& path) {
  YamlDocument document;
  document.line = item.line;
  document.lines = item.lines;
  return document.LineOf(path);
}

ManifestDirectory::File ManifestDirectory::ReadFile(const std::string& name) const {
  File file;
  const StatusOr<std::string> text =
      env_.file_system.ReadWhole(env::JoinPath(directory_, name), kMaxYamlBytes);
  if (!text.ok()) {
    file.faults.push_back({name, 1, "", std::string(Message(text.status()))});
    return file;
  }
  std::vector<YamlFault> faults;
  ParseYaml(
      *text, [&](YamlDocument document) { AddItem(name, std::move(document), file); }, &faults);
  for (const YamlFault& fault : faults)
    file.faults.push_back({name, fault.line, fault.field, fault.sentence});
  file.items.shrink_to_fit();
  return file;
}

void ManifestDirectory::AddItem(const std::string& name, YamlDocument document, File& file) const {
  const Json& value = *document.value;
  const auto fault = [&](const std::string& field, std::string sentence) {
    file.faults.push_back({name, document.LineOf(field), field, std::move(sentence)});
  };
  if (!value.is_object()) return fault("", "an object is expected, with apiVersion, kind, metadata and spec");
  const std::string api_version = k8s::FindString(value, "apiVersion");
  const std::string kind_name = k8s::FindString(value, "kind");
  if (api_version.empty()) return fault("apiVersion", "Required value");
  if (kind_name.empty()) return fault("kind", "Required value");
  const Kind* kind = FindKind(api_version, kind_name);
  if (kind == nullptr) {
    return fault("kind", fmt::format("no kind {} in {} is known here; there are Cluster and Topic in "
                                     "dohle.dev/v1alpha1, and core kinds in v1",
                                     kind_name, api_version));
  }
  if (k8s::FindString(value, "metadata.name").empty()) return fault("metadata.name", "Required value");
  Json object = value;
  if (kind->resource.namespaced && k8s::FindString(object, "metadata.namespace").empty())
    object["metadata"]["namespace"] = namespace_;
  Json& annotations = object["metadata"]["annotations"];
  if (!annotations.is_object() && !annotations.is_null())
    return fault("metadata.annotations", "Invalid value: must be a map");
  annotations[kManifestAnnotation] = name;
  Item item;
  item.key = {kind,
              {k8s::FindString(object, "metadata.namespace"), k8s::FindString(object, "metadata.name")}};
  item.object = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  item.object.shrink_to_fit();
  item.line = document.line;
  item.name_line = document.LineOf("metadata.name");
  item.lines = std::move(document.lines);
  file.items.push_back(std::move(item));
}

void ManifestDirectory::FindDuplicates() {
  std::map<Key, std::pair<const std::string*, int>> places;
  for (auto& [name, file] : files_) {
    for (Item& item : file.items) {
      const auto [place, first] =
          places.try_emplace(item.key, &name, item.line);
      const bool was_duplicate = !item.faults.empty() && item.faults.front().sentence.starts_with("is in ");
      if (first) {
        if (!was_duplicate) continue;
        item.faults.clear();
        item.settled = false;
      } else {
        const auto& [file_name, line] = place->second;
        item.faults = {{name, item.name_line, "metadata.name",
                        fmt::format("is in {}:{} already: keep one of the two", *file_name, line)}};
        item.settled = true;
      }
    }
  }
}

env::Task<void> ManifestDirectory::ApplyItem(const std::string& name, Item& item) {
  const k8s::ApplyOptions options{kManifestManager};
  Json object = Json::parse(item.object, nullptr, false);
  const StatusOr<Json> applied =
      co_await client_.Apply(item.key.first->resource, std::move(object), options);
  item.faults.clear();
  item.settled = applied.ok() || !MayPass(applied.status());
  if (applied.ok()) {
    item.lines.clear();
    log::Info("manifests", "applied {} {}", item.key.first->resource.kind, k8s::ToString(item.key.second));
    co_return;
  }
  for (const FieldFault& fault : FaultsOf(applied.status()))
    item.faults.push_back({name, LineOf(item, fault.path), fault.path, fault.message});
  if (!item.faults.empty()) co_return;
  std::string message(Message(applied.status()));
  const std::string field = FieldAtBegin(message);
  if (!field.empty()) message = message.substr(field.size() + 2);
  item.faults.push_back({name, LineOf(item, field), field, std::move(message)});
}

env::Task<void> ManifestDirectory::DeleteVanished() {
  vanished_to_delete_ = false;
  std::set<Key> mentioned;
  std::set<std::string> unclear;  // who knows what a file with a mistake would have said
  for (const auto& [name, file] : files_) {
    if (!file.faults.empty()) unclear.insert(name);
    for (const Item& item : file.items) mentioned.insert(item.key);
  }
  for (const Kind& kind : AllKinds()) {
    k8s::ListOptions options;
    do {
      const StatusOr<k8s::ListPage> page = co_await client_.List(kind.resource, options);
      if (!page.ok()) {
        vanished_to_delete_ = true;
        break;
      }
      for (const Json& object : page->items) {
        const Json* annotations = k8s::Find(object, "metadata.annotations");
        if (annotations == nullptr || !annotations->is_object()) continue;
        const auto file = annotations->find(kManifestAnnotation);
        const k8s::ObjectName name{k8s::FindString(object, "metadata.namespace"),
                                   k8s::FindString(object, "metadata.name")};
        const bool deleting = k8s::Find(object, "metadata.deletionTimestamp") != nullptr;
        if (file == annotations->end() || !file->is_string() || deleting) continue;
        if (mentioned.contains({&kind, name}) || unclear.contains(file->get<std::string>())) continue;
        k8s::DeleteOptions precondition;
        precondition.uid = k8s::FindString(object, "metadata.uid");
        const Status deleted = co_await client_.Delete(kind.resource, name, precondition);
        log::Info("manifests", "{} {} is in no manifest any more: {}", kind.resource.kind,
                  k8s::ToString(name), deleted.ok() ? "deleted" : std::string(Message(deleted)));
        if (!deleted.ok() && MayPass(deleted)) vanished_to_delete_ = true;
      }
      options.continue_token = page->continue_token;
    } while (!options.continue_token.empty());
  }
}

void ManifestDirectory::TellFaults() {
  faults_.clear();
  if (!directory_fault_.empty()) faults_.push_back({directory_, 1, "", directory_fault_});
  for (const auto& [name, file] : files_) {
    std::vector<ManifestFault> of_file = file.faults;
    for (const Item& item : file.items) of_file.insert(of_file.end(), item.faults.begin(), item.faults.end());
    std::sort(of_file.begin(), of_file.end(), [](const ManifestFault& a, const ManifestFault& b) {
      return std::tie(a.line, a.field, a.sentence) < std::tie(b.line, b.field, b.sentence);
    });
    faults_.insert(faults_.end(), of_file.begin(), of_file.end());
  }
  std::string all;
  for (const ManifestFault& fault : faults_) all += ToString(fault) + "\n";
  if (std::exchange(told_, all) != all) on_faults_(faults_);
}

env::Task<void> ManifestDirectory::Synchronise() {
  Scan();
  int applied = 0;
  for (auto& [name, file] : files_) {
    for (Item& item : file.items) {
      if (item.settled) continue;
      co_await ApplyItem(name, item);
      // The store answers at once: others on this executor are to get on too.
      if (++applied % kAppliesInTurn != 0) continue;
      const bool stopped = co_await stop_.SleepFor(absl::ZeroDuration());
      if (stopped) co_return;
    }
  }
  if (vanished_to_delete_ && directory_fault_.empty()) co_await DeleteVanished();
  TellFaults();
}

env::Task<void> ManifestDirectory::Run() {
  while (!stop_.stopped()) {
    co_await Synchronise();
    co_await stop_.SleepFor(kManifestPollInterval);
  }
}

}  // namespace dohle::local
