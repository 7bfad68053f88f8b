// The rules for topic names (org.apache.kafka.common.internals.Topic).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dohle::metadata {

// Why `name` can't be a topic's name, in Kafka's words; nothing if it can.
std::optional<std::string> TopicNameProblem(std::string_view name);
// '.' and '_' become the same letter in metric names, so topics that differ only there collide.
bool HasCollisionCharacters(std::string_view name);
std::string UnifyCollisionCharacters(std::string_view name);

}  // namespace dohle::metadata
