// kafka_generator <schema directory> <output directory>
//
// Reads every *.schema and writes the C++ of all messages. A file whose text did not change is not touched,
// so that the build recompiles only what a schema really changed.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "lib/kafka/generator/emit.h"

namespace dohle::kafka::generator {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool WriteIfChanged(const fs::path& path, const std::string& text) {
  if (fs::exists(path) && ReadFile(path) == text) return true;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) std::fprintf(stderr, "can't write %s\n", path.c_str());
  return static_cast<bool>(out);
}

// What concerns more than one file.
bool Check(const Messages& messages) {
  std::map<int, const Message*> responses;
  for (const Message& message : messages) {
    if (message.kind == "response") responses[message.key.value_or(-1)] = &message;
  }
  for (const Message& request : messages) {
    if (request.kind != "request") continue;
    const auto found = responses.find(request.key.value_or(-1));
    if (found == responses.end() || found->second->versions != request.versions ||
        found->second->flexible != request.flexible || ApiName(*found->second) != ApiName(request)) {
      std::fprintf(stderr, "%s: no response with its key, name and versions\n", request.file.c_str());
      return false;
    }
  }
  return true;
}

int Run(const fs::path& schemas, const fs::path& output) {
  Messages messages;
  for (const auto& entry : fs::directory_iterator(schemas)) {
    if (entry.path().extension() != ".schema") continue;
    messages.push_back(ParseSchema(entry.path().string(), ReadFile(entry.path())));
    if (SnakeCase(messages.back().name) != entry.path().stem()) {
      std::fprintf(stderr, "%s: must be called %s.schema\n", entry.path().c_str(),
                   SnakeCase(messages.back().name).c_str());
      return 1;
    }
  }
  std::sort(messages.begin(), messages.end(),
            [](const Message& a, const Message& b) { return a.name < b.name; });
  if (!Check(messages)) return 1;

  std::map<std::string, std::string> files = {
      {"api_keys.h", ApiKeysHeader(messages)},
      {"api_keys.cc", ApiKeysSource(messages)},
      {"metadata_record.h", MetadataRecordHeader(messages)},
      {"metadata_record.cc", MetadataRecordSource(messages)},
      {"registry.cc", RegistrySource(messages)},
  };
  for (const Message& message : messages) {
    if (message.versions.empty()) continue;
    files[SnakeCase(message.name) + ".h"] = MessageHeader(message);
    files[SnakeCase(message.name) + ".cc"] = MessageSource(message);
  }
  fs::create_directories(output);
  for (const auto& [name, text] : files) {
    if (!WriteIfChanged(output / name, text)) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace dohle::kafka::generator

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: kafka_generator <schema directory> <output directory>\n");
    return 2;
  }
  return dohle::kafka::generator::Run(argv[1], argv[2]);
}
