// What the generator writes: text of C++ files. One function a file, all pure.
#pragma once

#include <string>
#include <vector>

#include "lib/kafka/generator/schema.h"

namespace dohle::kafka::generator {

std::string SnakeCase(const std::string& name);  // ProduceRequest -> produce_request
std::string ApiName(const Message& request);     // ProduceRequest -> Produce

// The fewest bytes that a value of `message_struct` takes in any version, at least 1.
int MinSize(const Message& message, const Struct& message_struct);
int MinElementSize(const Message& message, const Field& array);

std::string MessageHeader(const Message& message);
std::string MessageSource(const Message& message);

// Over all messages, sorted by name.
using Messages = std::vector<Message>;
std::string ApiKeysHeader(const Messages& messages);
std::string ApiKeysSource(const Messages& messages);
std::string MetadataRecordHeader(const Messages& messages);
std::string MetadataRecordSource(const Messages& messages);
std::string RegistrySource(const Messages& messages);

// Appends lines with the indentation of the braces that are open.
class Lines {
 public:
  void Add(const std::string& line);  // "}…" closes a level, "…{" opens one; "" is an empty line
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
  int depth_ = 0;
};

}  // namespace dohle::kafka::generator
