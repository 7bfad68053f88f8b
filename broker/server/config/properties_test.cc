#include "broker/server/config/properties.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dohle::server {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(Properties, SeparatorsCommentsAndBlanks) {
  const auto parsed = ParseProperties(
      "# a comment\n"
      "! another \\\n"
      "  a=1\r\n"
      "b : 2\r"
      "c 3\n"
      "\t d\t=\t4 \n"
      "e\n"
      "f==5\n"
      "\n"
      "listeners=PLAINTEXT://:9092");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(*parsed, ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3"), Pair("d", "4 "),
                                   Pair("e", ""), Pair("f", "=5"), Pair("listeners", "PLAINTEXT://:9092")));
}

TEST(Properties, ContinuationAndEscapes) {
  const auto parsed = ParseProperties(
      "fruits=apple, banana, \\\n"
      "      pear\n"
      "path=c:\\\\temp\\\\\n"
      "key\\ with\\=signs=a\\tb\\nc\n"
      "umlaut=\\u00fc\n"
      "bird=\\uD83D\\uDC26\n"
      "plain=\xc3\xbc\n"
      "last=x\\");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(*parsed,
              ElementsAre(Pair("bird", "\xf0\x9f\x90\xa6"), Pair("fruits", "apple, banana, pear"),
                          Pair("key with=signs", "a\tb\nc"), Pair("last", "x"), Pair("path", "c:\\temp\\"),
                          Pair("plain", "\xc3\xbc"), Pair("umlaut", "\xc3\xbc")));
}

TEST(Properties, LaterWins) {
  const auto parsed = ParseProperties("a=1\na=2\n");
  ASSERT_TRUE(parsed.ok());
  EXPECT_THAT(*parsed, ElementsAre(Pair("a", "2")));
}

TEST(Properties, MalformedUnicodeNamesTheLine) {
  const auto parsed = ParseProperties("a=1\n\nb=\\u12G4\n");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(Message(parsed.status()), "line 3: malformed \\uxxxx escape; it takes four hexadecimal digits");
}

TEST(Properties, IsBounded) { EXPECT_FALSE(ParseProperties(std::string(kMaxPropertiesBytes + 1, 'a')).ok()); }

TEST(Properties, Overrides) {
  ConfigMap properties{{"a", "1"}, {"b", "2"}};
  const std::vector<std::string> overrides{"a=5", "c=x=y", "a=6"};
  ASSERT_TRUE(ApplyOverrides(overrides, properties).ok());
  EXPECT_THAT(properties, ElementsAre(Pair("a", "6"), Pair("b", "2"), Pair("c", "x=y")));
  const std::vector<std::string> bad{"a"};
  EXPECT_EQ(Message(ApplyOverrides(bad, properties)), "--override a: expected key=value");
}

}  // namespace
}  // namespace dohle::server
