#include "operator/local/regular_expression.h"

#include <gtest/gtest.h>

#include <regex>
#include <string>

namespace dohle::local {
namespace {

// std::regex agrees on this subset; it is not what runs as it recurses over the text.
TEST(RegularExpression, AgreesWithTheStandardLibrary) {
  const char* patterns[] = {"a",          "^a$",
                            "a|b",        "^(a|bc)*d$",
                            "[a-c]+",     "^[^a-c]+$",
                            "a{2}",       "^a{2,3}$",
                            "^a{2,}$",    "(a?){3}b",
                            "\\d+\\.\\d", "^\\w+$",
                            "\\s",        ".",
                            "^.*b$",      "a.c",
                            "^$",         "[-a]b",
                            "[a-]b",      "^(?:ab)+$",
                            "x*",         "^[a-z]([-a-z0-9]*[a-z0-9])?$",
                            "[\\w.-]+@",  "(a|b)(c|d)",
                            "^a+?b$",     "[]a]"};
  const char* texts[] = {"",   "a",  "b",    "aa",  "aaa", "aaaa", "abc",  "bcd",  "abcd",
                         "d",  "ab", "1.5",  "x y", "a-b", "-b",   "abab", "a\nc", "foo@",
                         "ac", "bd", "a1-2", "a-",  "A_9", "]",    "aab",  "aXc"};
  for (const char* pattern : patterns) {
    const StatusOr<RegularExpression> ours = RegularExpression::Parse(pattern);
    ASSERT_TRUE(ours.ok()) << pattern << " " << ours.status();
    if (std::string(pattern) == "[]a]") continue;  // ECMAScript reads it otherwise
    const std::regex theirs(pattern);
    for (const char* text : texts)
      EXPECT_EQ(ours->MatchesPartOf(text), std::regex_search(text, theirs)) << pattern << " on " << text;
  }
  EXPECT_TRUE(RegularExpression::Parse("^[]a]$")->MatchesPartOf("]"));
}

TEST(RegularExpression, RefusesWhatItDoesNotKnow) {
  for (const char* bad : {"(", ")", "a)", "[", "[b-a]", "*", "a{3,2}", "a{2000}", "(?i)a", "\\pL", "\\",
                          "\\b", "[[:alpha:]]", "((((a{1000}){1000}))", "(?P<n>a)", "a***"}) {
    EXPECT_FALSE(RegularExpression::Parse(bad).ok()) << bad;
  }
  EXPECT_FALSE(RegularExpression::Parse(std::string(200, '(') + std::string(200, ')')).ok());
}

TEST(RegularExpression, TakesTimeInProportion) {
  const StatusOr<RegularExpression> expression = RegularExpression::Parse("^(a+)+$");
  EXPECT_FALSE(expression->MatchesPartOf(std::string(50'000, 'a') + "b"));
  EXPECT_TRUE(expression->MatchesPartOf(std::string(50'000, 'a')));
}

}  // namespace
}  // namespace dohle::local
