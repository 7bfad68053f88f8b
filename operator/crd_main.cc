// dohle-crd: writes what is generated from operator/api, or says whether it is up to date.
//
//   dohle-crd --write ROOT    manifests/crds/*.yaml and docs/crd-reference.md below ROOT
//   dohle-crd --check ROOT    exit code 1 if one of them isn't what --write would write

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/env/posix/posix_env.h"
#include "operator/api/crd.h"
#include "operator/api/reference.h"
#include "operator/api/yaml.h"

namespace dohle {
namespace {

constexpr int kUsageError = 2;

struct Generated {
  std::string path;  // below the root
  std::string content;
};

std::vector<Generated> Generate() {
  constexpr std::string_view kNotice = "# Written by dohle-crd from operator/api; don't edit.\n";
  return {{"manifests/crds/clusters.dohle.dev.yaml", std::string(kNotice) + api::ToYaml(api::ClusterCrd())},
          {"manifests/crds/topics.dohle.dev.yaml", std::string(kNotice) + api::ToYaml(api::TopicCrd())},
          {"docs/crd-reference.md", api::CrdReference()}};
}

Status Write(env::FileSystem& file_system, const std::string& path, const std::string& content) {
  DOHLE_RETURN_IF_ERROR(file_system.CreateDirectories(std::string(env::ParentPath(path))));
  return file_system.WriteWhole(path, content);
}

Status Check(env::FileSystem& file_system, const std::string& path, const std::string& content) {
  DOHLE_ASSIGN_OR_RETURN(const std::string there, file_system.ReadWhole(path));
  if (there == content) return OkStatus();
  return MakeStatus(StatusCode::kFailedPrecondition, "{} is not up to date: run dohle-crd --write", path);
}

int Main(int argc, char** argv) {
  const std::string_view mode = argc == 3 ? argv[1] : "";
  if (mode != "--write" && mode != "--check") {
    std::fprintf(stderr, "usage: dohle-crd --write ROOT | --check ROOT\n");
    return kUsageError;
  }
  env::PosixEnv posix({.event_loops = 1, .io_threads = 1, .own_process = false});
  int code = 0;
  for (const Generated& file : Generate()) {
    const std::string path = env::JoinPath(argv[2], file.path);
    const Status done = mode == "--write" ? Write(posix.env().file_system, path, file.content)
                                          : Check(posix.env().file_system, path, file.content);
    if (done.ok()) continue;
    std::fprintf(stderr, "dohle-crd: %s\n", std::string(Message(done)).c_str());
    code = 1;
  }
  return code;
}

}  // namespace
}  // namespace dohle

int main(int argc, char** argv) { return dohle::Main(argc, argv); }
