#include "operator/local_commands.h"

#include <gtest/gtest.h>

namespace dohle {
namespace {

constexpr const char* kFirst = "# The cluster.\nkind: Cluster\nmetadata: {name: a}\n";
constexpr const char* kMiddle = "kind: Topic\nmetadata:\n  name: b  # of ours\n";
constexpr const char* kLast = "# At the end.\nmetadata: {name: c}\nkind: Topic\n";

std::string Whole() { return std::string(kFirst) + "---\n" + kMiddle + "---\n" + kLast; }

std::string Without(const std::string& text, const char* kind, const char* name) {
  const StatusOr<std::string> rest = WithoutObject(text, kind, name);
  return rest.ok() ? *rest : "FAILED " + std::string(Message(rest.status()));
}

TEST(WithoutObject, TakesTheFirstDocument) {
  EXPECT_EQ(Without(Whole(), "Cluster", "a"), std::string("---\n") + kMiddle + "---\n" + kLast);
}

TEST(WithoutObject, TakesOneInTheMiddle) {
  EXPECT_EQ(Without(Whole(), "Topic", "b"), std::string(kFirst) + "---\n" + kLast);
}

TEST(WithoutObject, TakesTheLast) {
  EXPECT_EQ(Without(Whole(), "Topic", "c"), std::string(kFirst) + "---\n" + kMiddle);
  const std::string unended = Whole().substr(0, Whole().size() - 1);
  EXPECT_EQ(Without(unended, "Topic", "c"), std::string(kFirst) + "---\n" + kMiddle);
}

TEST(WithoutObject, LeavesNothingOfTheOnlyOne) {
  EXPECT_EQ(Without(kFirst, "Cluster", "a"), "");
  EXPECT_EQ(Without(std::string("---\n") + kFirst, "Cluster", "a"), "");
}

// Windows' line ends, and a comment behind the separator.
TEST(WithoutObject, KnowsSeparatorsByTheirStart) {
  EXPECT_EQ(
      Without("kind: Topic\r\nmetadata: {name: a}\r\n--- # next\r\nkind: Topic\r\nmetadata: {name: b}\r\n",
              "Topic", "b"),
      "kind: Topic\r\nmetadata: {name: a}\r\n");
}

TEST(WithoutObject, SaysThatItIsAbsent) {
  for (const char* text : {"", "# nothing\n", "---\n---\n", "- a list\n", "kind: [", "7\n"}) {
    EXPECT_EQ(WithoutObject(text, "Topic", "a").status().code(), StatusCode::kNotFound) << text;
  }
  EXPECT_EQ(WithoutObject(Whole(), "Topic", "a").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace dohle
