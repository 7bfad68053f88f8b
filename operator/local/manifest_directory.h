// A directory of YAML files as the wish of what the store is to have: `kubectl apply` of all of it, again and
// again. What is written into the directory is applied by the field manager "local-manifests"; what came from
// it and vanishes is deleted, unless its file can't be read just now. One executor.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/env/env.h"
#include "lib/env/stop_signal.h"
#include "operator/k8s/client.h"
#include "operator/local/kinds.h"
#include "operator/local/yaml_document.h"

namespace dohle::local {

inline constexpr const char* kManifestManager = "local-manifests";
// Which file of the directory an object comes from.
inline constexpr const char* kManifestAnnotation = "dohle.dev/manifest";
inline constexpr absl::Duration kManifestPollInterval = absl::Milliseconds(500);
inline constexpr size_t kMaxManifestFiles = 1000;

struct ManifestFault {
  std::string file;  // in the directory
  int line = 1;
  std::string field;  // "" if it isn't about one
  std::string sentence;
};
// "FILE:LINE: FIELD: sentence"
std::string ToString(const ManifestFault& fault);

class ManifestDirectory {
 public:
  // Told what is wrong whenever that changes; empty: nothing any more.
  using OnFaults = std::function<void(const std::vector<ManifestFault>&)>;

  // `client` and `env` outlive it. Objects without a namespace get `ns`.
  ManifestDirectory(env::Env& env, k8s::Client& client, std::string directory, OnFaults on_faults,
                    std::string ns = "default");

  // Reads the directory, if it has changed, and brings the store to it. The directory needn't exist.
  env::Task<void> Synchronise();
  // Does so every kManifestPollInterval until Stop. Once.
  env::Task<void> Run();
  void Stop() { stop_.Stop(); }

  const std::vector<ManifestFault>& faults() const { return faults_; }

 private:
  using Key = std::pair<const Kind*, k8s::ObjectName>;
  struct Item {
    Key key;
    std::string object;  // as it is applied, JSON: there may be thousands
    int line = 1;
    int name_line = 1;
    std::map<std::string, int> lines;  // until it is applied; YamlDocument's
    bool settled = false;              // applied, or refused for good
    std::vector<ManifestFault> faults;
  };
  struct File {
    std::pair<int64_t, uint64_t> signature;  // modification time, size
    std::vector<Item> items;
    std::vector<ManifestFault> faults;  // of what became no item
  };

  // True: something changed.
  bool Scan();
  StatusOr<std::pair<int64_t, uint64_t>> SignatureOf(const std::string& path) const;
  File ReadFile(const std::string& name) const;
  void AddItem(const std::string& name, YamlDocument document, File& file) const;
  // What is as it was needn't be applied again.
  static void KeepSettled(const File& before, File& file);
  static int LineOf(const Item& item, const std::string& path);
  void FindDuplicates();
  env::Task<void> ApplyItem(const std::string& name, Item& item);
  env::Task<void> DeleteVanished();
  void TellFaults();

  env::Env& env_;
  k8s::Client& client_;
  const std::string directory_;
  const OnFaults on_faults_;
  const std::string namespace_;
  std::map<std::string, File> files_;
  bool vanished_to_delete_ = true;  // at the start: what vanished while nobody looked
  std::vector<ManifestFault> faults_;
  std::string directory_fault_;
  std::string told_;
  env::StopSignal stop_;
};

}  // namespace dohle::local
